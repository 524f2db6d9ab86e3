/** Pods that nobody else will remove. Pure. Source: kubernetes pkg/controller/podgc/gc_controller.go. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';

/** A node must be gone this long before its Pods go. */
export const QUARANTINE_MS = 40_000;

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

export interface GcInput {
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlyMap<string, Node>;
  /** Since when a node has been missing, by name. */
  readonly missingSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  /** Finished Pods that stay; 0 or less: all. */
  readonly finishedMax: number;
}

export interface Doomed {
  readonly pod: Pod;
  readonly why: 'finished' | 'out-of-service' | 'orphaned' | 'unplaced';
}

/** Each Pod once. */
export function planPodGc({ pods, nodes, missingSinceMs, nowMs, finishedMax }: GcInput): Doomed[] {
  const finished = pods.filter(isFinished).toSorted(byEvictionAndAge);
  const surplus = finishedMax <= 0 ? [] : finished.slice(0, Math.max(0, finished.length - finishedMax));
  const doomed = new Map<Pod, Doomed['why']>(surplus.map((pod) => [pod, 'finished']));
  for (const pod of pods) {
    if (doomed.has(pod)) continue;
    const name = pod.spec.nodeName ?? '';
    const node = nodes.get(name);
    const since = missingSinceMs.get(name);
    const goes = pod.metadata.deletionTimestamp !== undefined;
    if (goes && node !== undefined && isOutOfService(node)) doomed.set(pod, 'out-of-service');
    else if (name !== '' && node === undefined && since !== undefined && nowMs - since >= QUARANTINE_MS)
      doomed.set(pod, 'orphaned');
    else if (goes && name === '') doomed.set(pod, 'unplaced');
  }
  return [...doomed].map(([pod, why]) => ({ pod, why }));
}

/** What must be written before the Pod goes, so that its owner counts it as failed; undefined: nothing. */
export function lastStatus({ pod, why }: Doomed, nowMs: number): NonNullable<Pod['status']> | undefined {
  const failed = isFinished(pod) ? {} : { phase: 'Failed' as const };
  if (why !== 'orphaned') return isFinished(pod) ? undefined : failed;
  const { generation } = pod.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
    lastTransitionTime: formatTime(nowMs),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  return { ...failed, conditions: [...others, condition] };
}

const isFinished = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

function isOutOfService(node: Node): boolean {
  const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return !ready && (node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE) ?? false);
}

/** Evicted ones first, then the oldest. */
function byEvictionAndAge(a: Pod, b: Pod): number {
  const evicted = (pod: Pod) => Number(pod.status?.phase === 'Failed' && pod.status.reason === 'Evicted');
  if (evicted(a) !== evicted(b)) return evicted(b) - evicted(a);
  const [left, right] = [a.metadata, b.metadata];
  if (left.creationTimestamp !== right.creationTimestamp)
    return left.creationTimestamp < right.creationTimestamp ? -1 : 1;
  return left.name < right.name ? -1 : 1;
}
