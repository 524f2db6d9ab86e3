/** Spread constraints of a Pod, its own or the profile's defaults. Source: …/podtopologyspread/common.go, helper/spread.go. */
import { compileLabelSelector, type LabelSelector, selectorFromLabels, selectorFromRequirements } from '@kapella/api';
import type { Node, Pod, TopologySpreadConstraint } from '@kapella/api/types/core-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { matchesNodeAffinity } from '../../framework/node-selector.ts';
import { untoleratedTaint } from '../../framework/tolerations.ts';

export type WhenUnsatisfiable = 'DoNotSchedule' | 'ScheduleAnyway';

export interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: LabelSelector;
  readonly honoursAffinity: boolean;
  readonly honoursTaints: boolean;
}

export interface DefaultConstraints {
  readonly constraints: readonly TopologySpreadConstraint[];
  /** Upstream's own, not the administrator's: nodes that lack a topology key are scored all the same. */
  readonly isSystem: boolean;
}

export const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
];

/** The Pod's own constraints of the kind; only a Pod without any gets the defaults. */
export function constraintsOf(
  pod: Pod,
  when: WhenUnsatisfiable,
  defaults: DefaultConstraints,
  lookup: ClusterLookup,
): Constraint[] {
  const own = pod.spec.topologySpreadConstraints ?? [];
  if (own.length > 0) {
    return own
      .filter((c) => c.whenUnsatisfiable === when)
      .map((c) => compile(c, compileLabelSelector(selectorOf(c, pod))));
  }
  const wanted = defaults.constraints.filter((c) => c.whenUnsatisfiable === when);
  if (wanted.length === 0) return [];
  const selector = defaultSelector(pod, lookup);
  return selector.isEmpty ? [] : wanted.map((constraint) => compile(constraint, selector));
}

function compile(constraint: TopologySpreadConstraint, selector: LabelSelector): Constraint {
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    selector,
    honoursAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honoursTaints: constraint.nodeTaintsPolicy === 'Honor',
  };
}

/** Whether Pods on the node count for the constraint. */
export function includesNode({ honoursAffinity, honoursTaints }: Constraint, pod: Pod, node: Node): boolean {
  if (honoursAffinity && !matchesNodeAffinity(pod, node)) return false;
  return !honoursTaints || untoleratedTaint(node.spec.taints, pod.spec.tolerations) === undefined;
}

function selectorOf(constraint: TopologySpreadConstraint, pod: Pod): TopologySpreadConstraint['labelSelector'] {
  const labels = pod.metadata.labels ?? {};
  const added = (constraint.matchLabelKeys ?? [])
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, operator: 'In' as const, values: [labels[key] as string] }));
  if (added.length === 0 || constraint.labelSelector === undefined) return constraint.labelSelector;
  const expressions = [...(constraint.labelSelector.matchExpressions ?? []), ...added];
  return { ...constraint.labelSelector, matchExpressions: expressions };
}

/** What the Services over the Pod and the controller that owns it select together. */
function defaultSelector(pod: Pod, lookup: ClusterLookup): LabelSelector {
  const { namespace = '', labels, ownerReferences = [] } = pod.metadata;
  const ofServices: Record<string, string> = {};
  for (const { spec } of lookup.list('Service', namespace)) {
    if (spec.selector === undefined || !selectorFromLabels(spec.selector).matches(labels)) continue;
    Object.assign(ofServices, spec.selector);
  }
  const owner = ownerReferences.find((reference) => reference.controller === true);
  const key = `${namespace}/${owner?.name}`;
  const [group = ''] = (owner?.apiVersion ?? '').split('/');
  const kind = `${group}/${owner?.kind}`;
  if (kind === 'v1/ReplicationController') {
    const selector = lookup.get('ReplicationController', key)?.spec.selector;
    return selectorFromLabels({ ...ofServices, ...selector });
  }
  const base = selectorFromLabels(ofServices);
  const workload =
    kind === 'apps/ReplicaSet'
      ? lookup.get('ReplicaSet', key)
      : kind === 'apps/StatefulSet'
        ? lookup.get('StatefulSet', key)
        : undefined;
  if (workload === undefined) return base;
  const own = compileLabelSelector(workload.spec?.selector);
  return own.isNothing ? base : selectorFromRequirements([...base.requirements, ...own.requirements]);
}
