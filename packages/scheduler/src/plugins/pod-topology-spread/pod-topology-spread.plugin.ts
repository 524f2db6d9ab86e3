/** Spreads matching Pods over zones, nodes or any topology. Source: kubernetes …/plugins/podtopologyspread. */
import type { Pod, TopologySpreadConstraint } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import { isOnNode, isSamePod, nodesOf, podsOf } from '../../framework/hints.ts';
import type { PluginFactory } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import { type Constraint, constraintsOf, type DefaultConstraints, SYSTEM_DEFAULTS } from './constraints.ts';
import { SpreadFilter } from './filter-state.ts';
import { SpreadScore } from './score-state.ts';

export interface PodTopologySpreadArgs {
  readonly defaultConstraints?: readonly TopologySpreadConstraint[];
  readonly defaultingType: 'System' | 'List';
}

export const podTopologySpread: PluginFactory<PodTopologySpreadArgs> = {
  name: 'PodTopologySpread',
  create({ defaultConstraints = [], defaultingType }, { lookup }) {
    const isSystem = defaultingType === 'System';
    const defaults: DefaultConstraints = { constraints: isSystem ? SYSTEM_DEFAULTS : defaultConstraints, isSystem };
    const hardOf = (pod: Pod) => constraintsOf(pod, 'DoNotSchedule', defaults, lookup);
    return {
      name: 'PodTopologySpread',
      events: [
        {
          resource: 'Pod',
          actions: ['Add', 'UpdatePodLabel', 'UpdatePodToleration', 'Delete'],
          hint: (pod, event) => isHelpedByPod(pod, event, hardOf(pod.pod)),
        },
        {
          resource: 'Node',
          actions: ['Add', 'Delete', 'UpdateNodeLabel', 'UpdateNodeTaint'],
          hint: (pod, event) => isHelpedByNode(event, hardOf(pod.pod)),
        },
      ],
      preFilter(pod, snapshot) {
        const constraints = hardOf(pod.pod);
        return constraints.length === 0 ? 'skip' : SpreadFilter.of(pod, constraints, snapshot);
      },
      preScore(pod, snapshot) {
        const constraints = constraintsOf(pod.pod, 'ScheduleAnyway', defaults, lookup);
        if (constraints.length === 0) return 'skip';
        const hasOwn = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
        return new SpreadScore(pod, constraints, hasOwn || !isSystem, snapshot);
      },
    };
  },
};

function isHelpedByPod(waiting: PodState, event: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const { old, now } = podsOf(event);
  const isSelf = isSamePod(waiting, event);
  const matters = (pod: Pod | undefined) =>
    pod === undefined || isSelf || (isOnNode(pod) && pod.metadata.namespace === waiting.namespace);
  if (!matters(old) || !matters(now)) return false;
  const matches = (pod: Pod) => constraints.some(({ selector }) => selector.matches(pod.metadata.labels));
  if (old === undefined || now === undefined) return matches((now ?? old) as Pod);
  if (isSelf && !jsonEqual(old.spec.tolerations, now.spec.tolerations) && constraints.some((c) => c.honoursTaints)) {
    return true;
  }
  if (jsonEqual(old.metadata.labels, now.metadata.labels)) return false;
  return constraints.some(
    ({ selector }) => selector.matches(old.metadata.labels) !== selector.matches(now.metadata.labels),
  );
}

function isHelpedByNode(event: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const { old, now } = nodesOf(event);
  type Labels = Readonly<Record<string, string>> | undefined;
  const hasKeys = (labels: Labels) => constraints.every(({ topologyKey }) => Object.hasOwn(labels ?? {}, topologyKey));
  const [before, after] = [hasKeys(old?.metadata.labels), hasKeys(now?.metadata.labels)];
  if (old === undefined || now === undefined) return old === undefined ? after : before;
  if (before !== after) return true;
  if (!after) return false;
  const hasMoved = constraints.some(
    ({ topologyKey }) => old.metadata.labels?.[topologyKey] !== now.metadata.labels?.[topologyKey],
  );
  return hasMoved || !jsonEqual(old.spec.taints, now.spec.taints);
}
