/** Whether a DaemonSet's Pod belongs on a node. Pure. Source: …/daemon/daemon_controller.go, component-helpers/scheduling/corev1. */
import type { DaemonSet } from '@kapella/api/types/apps-v1';
import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
  Taint,
  Toleration,
} from '@kapella/api/types/core-v1';

export interface Fit {
  readonly shouldRun: boolean;
  readonly shouldContinue: boolean;
}

const NEITHER: Fit = { shouldRun: false, shouldContinue: false };
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const AUTOMATIC: readonly Toleration[] = [
  { key: NOT_READY, operator: 'Exists', effect: 'NoExecute' },
  { key: UNREACHABLE, operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const HOST_NETWORK: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

export function fitOf(set: DaemonSet, node: Node): Fit {
  const spec: PodSpec = set.spec.template.spec ?? { containers: [] };
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return NEITHER;
  if (!matchesNode(spec, node)) return NEITHER;
  const tolerations = tolerationsOf(spec);
  const bad = (node.spec?.taints ?? []).filter((taint) => !tolerations.some((one) => tolerates(one, taint)));
  if (bad.some((taint) => taint.effect === 'NoExecute')) return NEITHER;
  return { shouldRun: bad.every((taint) => taint.effect !== 'NoSchedule'), shouldContinue: true };
}

/** The template's own and those that every daemon has. */
export function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const wanted = spec.hostNetwork === true ? [...AUTOMATIC, HOST_NETWORK] : AUTOMATIC;
  const merged = [...own];
  for (const toleration of wanted) {
    const at = merged.findIndex((one) => isSame(one, toleration));
    if (at < 0) merged.push(toleration);
    else merged[at] = toleration;
  }
  return merged;
}

function isSame(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.effect === b.effect && a.operator === b.operator && (a.value ?? '') === (b.value ?? '');
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return (
    (toleration.operator ?? 'Equal') === 'Equal' &&
    toleration.key === taint.key &&
    (toleration.value ?? '') === (taint.value ?? '')
  );
}

/** `nodeSelector` and the required part of the node affinity. */
export function matchesNode(spec: PodSpec, node: Node): boolean {
  const labels = new Map(Object.entries(node.metadata.labels ?? {}));
  const selected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels.get(key) === value);
  if (!selected) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || required === null) return true;
  return required.nodeSelectorTerms.some((term) => matchesTerm(term, labels, node.metadata.name));
}

function matchesTerm(term: NodeSelectorTerm, labels: ReadonlyMap<string, string>, name: string): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = new Map([['metadata.name', name]]);
  return (
    matchExpressions.every((requirement) => matchesRequirement(requirement, labels)) &&
    matchFields.every((requirement) => matchesRequirement(requirement, fields))
  );
}

function matchesRequirement(requirement: NodeSelectorRequirement, values: ReadonlyMap<string, string>): boolean {
  const { key, operator, values: wanted = [] } = requirement;
  const value = values.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && wanted.includes(value);
    case 'NotIn':
      return value === undefined || !wanted.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compare(value, wanted[0]) > 0;
    case 'Lt':
      return compare(value, wanted[0]) < 0;
    default:
      return false;
  }
}

/** NaN, which is neither more nor less, unless both are whole numbers. */
function compare(value: string | undefined, limit: string | undefined): number {
  const whole = /^[-+]?\d+$/;
  if (value === undefined || limit === undefined || !whole.test(value) || !whole.test(limit)) return Number.NaN;
  return Number(value) - Number(limit);
}
