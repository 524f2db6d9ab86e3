/** How many Pods to make, which to delete, and the status. Pure. Source: kubernetes pkg/controller/replicaset. */
import { selectorFromLabels } from '@kapella/api';
import type { Pod, PodTemplateSpec } from '@kapella/api/types/core-v1';
import { formatTime, parseTime } from '@kapella/base';
import { omitZero } from '../shared/values.ts';
import { conditionOf, isAvailable, isReady } from '../workload/index.ts';

/** Pods created or deleted in one reconcile. */
export const BURST_PODS_MAX = 500;

const PHASES = ['Pending', 'Unknown', 'Running'];
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** A ReplicaSet or ReplicationController. */
export interface ReplicaSpec {
  readonly replicas?: number;
  readonly minReadySeconds?: number;
  readonly template?: PodTemplateSpec;
}

export interface ReplicaCondition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ReplicaStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly ReplicaCondition[];
}

/** Pods to make when positive, to delete when negative. */
export function planCount(spec: ReplicaSpec, activeCount: number): number {
  const missing = (spec.replicas ?? 1) - activeCount;
  return Math.max(-BURST_PODS_MAX, Math.min(BURST_PODS_MAX, missing));
}

/**
 * The Pods whose loss costs least. `related`: Pods of all sets with the same owner; a Pod that shares its node with
 * others of them goes before one that does not.
 */
export function planDeletions(
  active: readonly Pod[],
  related: readonly Pod[],
  count: number,
  nowMs: number,
): readonly Pod[] {
  if (count >= active.length) return active;
  const onNode = new Map<string, number>();
  for (const pod of related) {
    if (!isReady(pod)) continue;
    const node = pod.spec.nodeName ?? '';
    onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const ranked = active.map((pod) => ({ pod, rank: onNode.get(pod.spec.nodeName ?? '') ?? 0 }));
  return ranked
    .toSorted((a, b) => compare(a, b, nowMs))
    .slice(0, count)
    .map(({ pod }) => pod);
}

interface Ranked {
  readonly pod: Pod;
  readonly rank: number;
}

/** Negative when `a` should go first. */
function compare(a: Ranked, b: Ranked, nowMs: number): number {
  const unplaced = Number(Boolean(a.pod.spec.nodeName)) - Number(Boolean(b.pod.spec.nodeName));
  if (unplaced !== 0) return unplaced;
  const phase = PHASES.indexOf(a.pod.status?.phase ?? '') - PHASES.indexOf(b.pod.status?.phase ?? '');
  if (phase !== 0) return phase;
  const ready = Number(isReady(a.pod)) - Number(isReady(b.pod));
  if (ready !== 0) return ready;
  const cost = deletionCost(a.pod) - deletionCost(b.pod);
  if (cost !== 0) return cost;
  if (a.rank !== b.rank) return b.rank - a.rank;
  if (isReady(a.pod)) {
    const since = compareAge(a.pod, b.pod, readySince(a.pod), readySince(b.pod), nowMs);
    if (since !== 0) return since;
  }
  const restarts = compareRestarts(a.pod, b.pod);
  if (restarts !== 0) return restarts;
  return compareAge(
    a.pod,
    b.pod,
    parseTime(a.pod.metadata.creationTimestamp),
    parseTime(b.pod.metadata.creationTimestamp),
    nowMs,
  );
}

/**
 * The younger first, but ages of the same power of two count as equal: which of them goes is then settled by uid, as
 * good as by lot, so that scaling down does not always empty the newest failure domain.
 */
function compareAge(a: Pod, b: Pod, aMs: number | undefined, bMs: number | undefined, nowMs: number): number {
  if (aMs === bMs) return 0;
  if (aMs === undefined || bMs === undefined) return aMs === undefined ? -1 : 1;
  const rank = (ms: number) => (nowMs > ms ? Math.trunc(Math.log2((nowMs - ms) * 1e6)) : -1);
  return rank(aMs) - rank(bMs) || (a.metadata.uid < b.metadata.uid ? -1 : 1);
}

const readySince = (pod: Pod) => parseTime(conditionOf(pod, 'Ready')?.lastTransitionTime);

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? '0';
  return /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

function compareRestarts(a: Pod, b: Pod): number {
  const [regularA, sidecarA] = restartsOf(a);
  const [regularB, sidecarB] = restartsOf(b);
  return regularB - regularA || sidecarB - sidecarA;
}

function restartsOf(pod: Pod): [regular: number, sidecar: number] {
  const most = (counts: readonly number[]) => Math.max(0, ...counts);
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name);
  return [
    most((pod.status?.containerStatuses ?? []).map((c) => c.restartCount)),
    most((pod.status?.initContainerStatuses ?? []).filter((c) => sidecars.includes(c.name)).map((c) => c.restartCount)),
  ];
}

export interface StatusInput {
  readonly spec: ReplicaSpec;
  readonly status: ReplicaStatus | undefined;
  readonly generation: number | undefined;
  readonly active: readonly Pod[];
  /** Undefined where the kind does not report it. */
  readonly terminatingCount: number | undefined;
  /** Why Pods could not be made or deleted. */
  readonly failure: string | undefined;
  readonly nowMs: number;
}

export function planStatus({
  spec,
  status,
  generation,
  active,
  terminatingCount,
  failure,
  nowMs,
}: StatusInput): ReplicaStatus {
  const template = selectorFromLabels(spec.template?.metadata?.labels);
  const minReadySeconds = spec.minReadySeconds ?? 0;
  const conditions = planConditions(status?.conditions ?? [], (spec.replicas ?? 1) - active.length, failure, nowMs);
  return omitZero(
    {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) => template.matches(pod.metadata.labels)).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
      terminatingReplicas: terminatingCount,
      observedGeneration: generation,
      conditions: conditions.length === 0 ? undefined : conditions,
    } as ReplicaStatus,
    'replicas',
    'terminatingReplicas',
  );
}

function planConditions(
  present: readonly ReplicaCondition[],
  missing: number,
  failure: string | undefined,
  nowMs: number,
) {
  const type = 'ReplicaFailure';
  if (failure === undefined) return present.filter((condition) => condition.type !== type);
  if (present.some((condition) => condition.type === type)) return present;
  const reason = missing > 0 ? 'FailedCreate' : missing < 0 ? 'FailedDelete' : '';
  return [...present, { type, status: 'True', lastTransitionTime: formatTime(nowMs), reason, message: failure }];
}
