/** What a node's conditions mean for its taints. Pure. Source: kubernetes pkg/controller/nodelifecycle. */
import type { Node, NodeCondition, Taint } from '@kapella/api/types/core-v1';
import { formatTime, jsonEqual } from '@kapella/base';

const READY_TAINTS = new Map([
  ['False', 'node.kubernetes.io/not-ready'],
  ['Unknown', 'node.kubernetes.io/unreachable'],
]);
const PRESSURE_TAINTS: readonly (readonly [condition: string, taint: string])[] = [
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
];
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const REACH_KEYS = new Set(READY_TAINTS.values());
const NO_SCHEDULE_KEYS = new Set([...REACH_KEYS, ...PRESSURE_TAINTS.map(([, taint]) => taint), UNSCHEDULABLE]);
const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

export const readyOf = (node: Node): NodeCondition | undefined =>
  node.status?.conditions?.find((condition) => condition.type === 'Ready');

/** The conditions of a node that fell silent; undefined where they say so already. */
export function silentConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const present = node.status?.conditions ?? [];
  const now = formatTime(nowMs);
  const next: NodeCondition[] = present.map((condition) => {
    if (!KUBELET_CONDITIONS.includes(condition.type) || condition.status === 'Unknown') return condition;
    const silent = { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    return { ...condition, ...silent, status: 'Unknown' as const, lastTransitionTime: now };
  });
  const never = { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
  for (const type of KUBELET_CONDITIONS) {
    if (present.some((condition) => condition.type === type)) continue;
    const times = { lastHeartbeatTime: node.metadata.creationTimestamp, lastTransitionTime: now };
    next.push({ type, status: 'Unknown' as const, ...never, ...times });
  }
  return jsonEqual(next, present) ? undefined : next;
}

/** Whether Pods may be driven off a node that is not ready: 'undo' takes back what was done. */
export type Eviction = 'now' | 'not-now' | 'undo';

/** The taints a node should have; undefined where it has just these. Taints of others stay. */
export function planTaints(node: Node, eviction: Eviction, nowMs: number): Taint[] | undefined {
  const present = node.spec.taints ?? [];
  const wanted = [...scheduleTaints(node), ...executeTaints(node, eviction)];
  const isOwned = ({ key, effect }: Taint) =>
    (effect === 'NoSchedule' && NO_SCHEDULE_KEYS.has(key)) || (effect === 'NoExecute' && REACH_KEYS.has(key));
  const kept = present.filter((taint) => !isOwned(taint) || wanted.some((want) => sameTaint(want, taint)));
  const timeAdded = formatTime(nowMs);
  const added = wanted
    .filter((taint) => !present.some((other) => sameTaint(other, taint)))
    .map((taint) => ({ ...taint, timeAdded }));
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}

function scheduleTaints(node: Node): Taint[] {
  const effect = 'NoSchedule' as const;
  const taints: Taint[] = [];
  const status = (type: string) => node.status?.conditions?.find((condition) => condition.type === type)?.status;
  const reach = READY_TAINTS.get(status('Ready') ?? '');
  if (reach !== undefined) taints.push({ key: reach, effect });
  for (const [condition, key] of PRESSURE_TAINTS) if (status(condition) === 'True') taints.push({ key, effect });
  if (node.spec.unschedulable === true) taints.push({ key: UNSCHEDULABLE, effect });
  return taints;
}

/** Where Pods may not be driven off just now, what was begun goes on. */
function executeTaints(node: Node, eviction: Eviction): Taint[] {
  const key = READY_TAINTS.get(readyOf(node)?.status ?? '');
  if (key === undefined || eviction === 'undo') return [];
  const begun = node.spec.taints?.some((taint) => taint.effect === 'NoExecute' && REACH_KEYS.has(taint.key)) ?? false;
  return begun || eviction === 'now' ? [{ key, effect: 'NoExecute' }] : [];
}

export const isEvicting = (taints: readonly Taint[]): boolean =>
  taints.some((taint) => taint.effect === 'NoExecute' && REACH_KEYS.has(taint.key));

const sameTaint = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
