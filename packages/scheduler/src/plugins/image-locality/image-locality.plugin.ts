/** Prefers nodes that already have the Pod's images. Source: kubernetes …/plugins/imagelocality. */
import type { NodeState } from '../../framework/node-state.ts';
import { type PluginFactory, SCORE_MAX } from '../../framework/plugin.ts';
import type { Snapshot } from '../../framework/snapshot.ts';

const MB = 1024 * 1024;
const BYTES_MIN = 23 * MB;
const BYTES_MAX_PER_CONTAINER = 1000 * MB;

export const imageLocality: PluginFactory = {
  name: 'ImageLocality',
  create: () => ({
    name: 'ImageLocality',
    preScore({ pod: { spec } }, snapshot) {
      const containers = [...(spec.initContainers ?? []), ...spec.containers];
      const volumes = (spec.volumes ?? []).filter(({ image }) => image !== undefined);
      const names = [
        ...containers.map((container) => container.image ?? ''),
        ...volumes.map(({ image }) => image?.reference ?? ''),
      ];
      // An image that no node has makes no difference between nodes.
      const images = names.map(normalizeName).filter((image) => snapshot.imageNodes.has(image));
      if (images.length === 0) return 'skip';
      return { score: (node) => scoreOf(sumBytes(node, images, snapshot), containers.length) };
    },
  }),
};

/** An image on few nodes counts less, so that Pods do not crowd on them. */
function sumBytes(node: NodeState, images: readonly string[], { imageNodes, nodes }: Snapshot): number {
  let bytes = 0;
  for (const image of images) {
    const size = node.images.get(image);
    if (size !== undefined) bytes += Math.trunc(size * ((imageNodes.get(image) ?? 0) / nodes.size));
  }
  return bytes;
}

function scoreOf(bytes: number, containerCount: number): number {
  const bytesMax = BYTES_MAX_PER_CONTAINER * containerCount;
  const clamped = Math.min(Math.max(bytes, BYTES_MIN), bytesMax);
  return Math.trunc((SCORE_MAX * (clamped - BYTES_MIN)) / (bytesMax - BYTES_MIN));
}

/** A name without tag or digest means `:latest`. */
function normalizeName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
