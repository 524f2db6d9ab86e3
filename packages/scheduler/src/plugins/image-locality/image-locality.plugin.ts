/** Prefers nodes that already have the Pod's images. Source: kubernetes …/plugins/imagelocality. */
import { defineSchedulerPlugin, SCORE_MAX } from '../../framework/plugin.ts';
import type { NodeState, Snapshot } from '../../framework/snapshot.ts';

const MB = 1024 * 1024;
const BYTES_MIN = 23 * MB;
const BYTES_MAX_PER_CONTAINER = 1000 * MB;

interface State {
  /** Size times the share of nodes that have it, per image of the Pod; then the thresholds. */
  readonly images: readonly string[];
  readonly containerCount: number;
  readonly nodesWith: ReadonlyMap<string, number>;
}

export const imageLocality = defineSchedulerPlugin<State>({
  name: 'ImageLocality',
  weight: 1,
  wakeOn: [],
  preScore(pod, _nodes, snapshot) {
    const containers = [...(pod.pod.spec.initContainers ?? []), ...pod.pod.spec.containers];
    const images = containers.map((container) => normalizeName(container.image ?? ''));
    return { state: { images, containerCount: containers.length, nodesWith: countNodes(images, snapshot) } };
  },
  score(_pod, node, { images, containerCount, nodesWith }, snapshot) {
    const nodeCount = snapshot.nodes.size;
    let bytes = 0;
    for (const image of images) {
      bytes += Math.trunc((sizeOf(node, image) * (nodesWith.get(image) ?? 0)) / Math.max(1, nodeCount));
    }
    const bytesMax = BYTES_MAX_PER_CONTAINER * containerCount;
    const clamped = Math.min(Math.max(bytes, BYTES_MIN), bytesMax);
    return Math.trunc((SCORE_MAX * (clamped - BYTES_MIN)) / (bytesMax - BYTES_MIN));
  },
});

function countNodes(images: readonly string[], snapshot: Snapshot): Map<string, number> {
  const counts = new Map<string, number>();
  for (const image of new Set(images)) {
    let count = 0;
    for (const node of snapshot.nodes.values()) if (sizeOf(node, image) > 0) count++;
    counts.set(image, count);
  }
  return counts;
}

function sizeOf(node: NodeState, image: string): number {
  return node.node.status?.images?.find((known) => known.names?.includes(image))?.sizeBytes ?? 0;
}

/** A name without tag or digest means `:latest`. */
function normalizeName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
