/** Spreads matching Pods over zones, nodes or any topology. Source: kubernetes …/plugins/podtopologyspread. */
import { compileLabelSelector } from '@kapella/api';
import type { Pod, TopologySpreadConstraint } from '@kapella/api/types/core-v1';
import { matchesNodeAffinity } from '../../framework/node-selector.ts';
import { defineSchedulerPlugin, SCORE_MAX } from '../../framework/plugin.ts';
import { topologyValue } from '../../framework/pod-terms.ts';
import type { NodeState, PodState, Snapshot } from '../../framework/snapshot.ts';
import { isTolerated } from '../../framework/tolerations.ts';

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly countsSelf: boolean;
  /** Matching Pods per topology value, over the nodes that count. */
  readonly counts: ReadonlyMap<string, number>;
}

type State = readonly Constraint[];

export const podTopologySpread = defineSchedulerPlugin<State>({
  name: 'PodTopologySpread',
  weight: 2,
  wakeOn: ['pod.add', 'pod.delete', 'pod.update', 'node.add', 'node.labels', 'node.taints'],
  preFilter(pod, snapshot) {
    const hard = (pod.pod.spec.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === 'DoNotSchedule');
    return hard.length === 0 ? 'skip' : { state: hard.map((constraint) => prepare(constraint, pod, snapshot)) };
  },
  filter(_pod, node, constraints) {
    for (const constraint of constraints) {
      const value = topologyValue(node.node.metadata.labels, constraint.topologyKey);
      if (value === undefined) {
        const reason = "node(s) didn't match pod topology spread constraints (missing required label)";
        return { code: 'UnschedulableAndUnresolvable', reason };
      }
      const lowest = constraint.counts.size < constraint.minDomains ? 0 : Math.min(...constraint.counts.values());
      const skew = (constraint.counts.get(value) ?? 0) + (constraint.countsSelf ? 1 : 0) - lowest;
      if (skew > constraint.maxSkew) {
        return { code: 'Unschedulable', reason: "node(s) didn't match pod topology spread constraints" };
      }
    }
    return undefined;
  },
  preScore(pod, _nodes, snapshot) {
    const soft = (pod.pod.spec.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === 'ScheduleAnyway');
    const constraints = soft.length > 0 ? soft : systemDefaults(pod.pod);
    return constraints.length === 0 ? 'skip' : { state: constraints.map((c) => prepare(c, pod, snapshot)) };
  },
  /** Matching Pods already there, weighted so that topologies of many values do not drown those of few. */
  score(_pod, node, constraints) {
    let sum = 0;
    for (const { topologyKey, counts, maxSkew } of constraints) {
      const value = topologyValue(node.node.metadata.labels, topologyKey);
      if (value === undefined) continue;
      sum += (counts.get(value) ?? 0) * Math.log(counts.size + 2) + (maxSkew - 1);
    }
    return Math.round(sum);
  },
  normalize(scores, nodes, constraints) {
    const counts = (node: NodeState) =>
      constraints.every((c) => topologyValue(node.node.metadata.labels, c.topologyKey) !== undefined);
    const scored = scores.filter((_, i) => counts(nodes[i] as NodeState));
    const [min, max] = [Math.min(...scored), Math.max(...scored)];
    for (let i = 0; i < scores.length; i++) {
      if (!counts(nodes[i] as NodeState)) scores[i] = 0;
      else scores[i] = max === 0 ? SCORE_MAX : Math.trunc((SCORE_MAX * (max + min - (scores[i] as number))) / max);
    }
  },
});

function prepare(constraint: TopologySpreadConstraint, pod: PodState, snapshot: Snapshot): Constraint {
  const selector = compileLabelSelector(selectorOf(constraint, pod.pod));
  const namespace = pod.pod.metadata.namespace;
  const counts = new Map<string, number>();
  for (const node of snapshot.nodes.values()) {
    const value = topologyValue(node.node.metadata.labels, constraint.topologyKey);
    if (value === undefined || !nodeCounts(constraint, pod.pod, node)) continue;
    const matching = countPods(node, (other) => other.namespace === namespace && selector.matches(other.labels ?? {}));
    counts.set(value, (counts.get(value) ?? 0) + matching);
  }
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    countsSelf: selector.matches(pod.pod.metadata.labels ?? {}),
    counts,
  };
}

/** Pods that go do not count. */
function countPods(node: NodeState, isWanted: (metadata: Pod['metadata']) => boolean): number {
  let count = 0;
  for (const { pod } of node.pods.values()) {
    if (pod.metadata.deletionTimestamp === undefined && isWanted(pod.metadata)) count++;
  }
  return count;
}

function selectorOf(constraint: TopologySpreadConstraint, pod: Pod): TopologySpreadConstraint['labelSelector'] {
  const labels = pod.metadata.labels ?? {};
  const added = (constraint.matchLabelKeys ?? [])
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, operator: 'In' as const, values: [labels[key] as string] }));
  if (added.length === 0) return constraint.labelSelector;
  const expressions = [...(constraint.labelSelector?.matchExpressions ?? []), ...added];
  return { ...constraint.labelSelector, matchExpressions: expressions };
}

function nodeCounts(constraint: TopologySpreadConstraint, pod: Pod, node: NodeState): boolean {
  if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !matchesNodeAffinity(pod, node.node)) return false;
  if ((constraint.nodeTaintsPolicy ?? 'Ignore') === 'Ignore') return true;
  const hard = (node.node.spec.taints ?? []).filter((taint) => taint.effect !== 'PreferNoSchedule');
  return hard.every((taint) => isTolerated(taint, pod.spec.tolerations));
}

/** Upstream spreads the Pods of one owner softly over nodes and zones when the Pod does not say anything itself. */
function systemDefaults(pod: Pod): TopologySpreadConstraint[] {
  if ((pod.spec.topologySpreadConstraints ?? []).length > 0 || pod.metadata.ownerReferences === undefined) return [];
  const labels = pod.metadata.labels ?? {};
  if (Object.keys(labels).length === 0) return [];
  const base = { whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: labels } } as const;
  return [
    { ...base, maxSkew: 3, topologyKey: 'kubernetes.io/hostname' },
    { ...base, maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone' },
  ];
}
