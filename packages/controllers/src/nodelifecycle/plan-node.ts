/** What a node's conditions and lease mean for its taints. Pure. Source: kubernetes pkg/controller/nodelifecycle. */
import type { Node, NodeCondition, Taint } from '@kapella/api/types/core-v1';
import { formatTime, jsonEqual } from '@kapella/base';

/** Without a sign of life for this long a node's state is Unknown; upstream's --node-monitor-grace-period. */
export const GRACE_MS = 50_000;

const READY_TAINTS = { False: 'node.kubernetes.io/not-ready', Unknown: 'node.kubernetes.io/unreachable' } as const;
const PRESSURE_TAINTS: readonly (readonly [condition: string, taint: string])[] = [
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
];
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const OWNED = new Set([...Object.values(READY_TAINTS), ...PRESSURE_TAINTS.map(([, taint]) => taint), UNSCHEDULABLE]);
const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The conditions of a node that fell silent; undefined where they say so already. */
export function silentConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const present = node.status?.conditions ?? [];
  const now = formatTime(nowMs);
  const next: NodeCondition[] = present.map((condition) => {
    if (!KUBELET_CONDITIONS.includes(condition.type) || condition.status === 'Unknown') return condition;
    const silent = { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    return { ...condition, ...silent, status: 'Unknown' as const, lastTransitionTime: now };
  });
  for (const type of KUBELET_CONDITIONS) {
    if (present.some((condition) => condition.type === type)) continue;
    const never = { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
    next.push({ type, status: 'Unknown' as const, ...never, lastHeartbeatTime: node.metadata.creationTimestamp, lastTransitionTime: now });
  }
  return jsonEqual(next, present) ? undefined : next;
}

/** The taints a node should have; undefined where it has just these. Taints of others stay. */
export function planTaints(node: Node, nowMs: number): Taint[] | undefined {
  const present = node.spec.taints ?? [];
  const wanted = wantedTaints(node);
  const kept = present.filter((taint) => !OWNED.has(taint.key) || wanted.some((w) => sameTaint(w, taint)));
  const added = wanted
    .filter((taint) => !present.some((p) => sameTaint(p, taint)))
    .map((taint) => (taint.effect === 'NoExecute' ? { ...taint, timeAdded: formatTime(nowMs) } : taint));
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}

function wantedTaints(node: Node): Taint[] {
  const status = (type: string) => node.status?.conditions?.find((condition) => condition.type === type)?.status;
  const taints: Taint[] = [];
  if (node.spec.unschedulable === true) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  const ready = status('Ready') ?? 'Unknown';
  if (ready !== 'True') {
    const key = READY_TAINTS[ready as 'False' | 'Unknown'] ?? READY_TAINTS.Unknown;
    taints.push({ key, effect: 'NoSchedule' }, { key, effect: 'NoExecute' });
  }
  for (const [condition, key] of PRESSURE_TAINTS) if (status(condition) === 'True') taints.push({ key, effect: 'NoSchedule' });
  return taints;
}

const sameTaint = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
