/** What the server decides when a Pod is created. Source: kubernetes pkg/registry/core/pod/strategy.go. */
import type { Affinity, Pod, PodAffinityTerm } from '@kapella/api/types/core-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import { qosClassOf, withRequestsFromLimits } from '../../support/resource-list.ts';
import { withPodSpecDefaults } from '../../support/pod-defaults.ts';
import type { Container } from '@kapella/api/types/core-v1';

export function withPodDefaults(pod: Pod): Pod {
  const spec = withPodSpecDefaults(pod.spec ?? { containers: [] });
  const ports = spec.hostNetwork === true ? withHostPorts : same;
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map((container) => ports(withRequestsFromLimits(container))),
      ...(spec.initContainers && {
        initContainers: spec.initContainers.map((container) => ports(withRequestsFromLimits(container))),
      }),
      ...(spec.resources?.limits && {
        resources: { ...spec.resources, requests: { ...spec.resources.limits, ...spec.resources.requests } },
      }),
      enableServiceLinks: spec.enableServiceLinks ?? true,
    },
    ...(pod.status && { status: withIpLists(pod.status) }),
  };
}

const same = (container: Container): Container => container;

function withHostPorts(container: Container): Container {
  if (container.ports === undefined) return container;
  return { ...container, ports: container.ports.map((p) => ({ ...p, hostPort: p.hostPort || p.containerPort })) };
}

/** podIP is the first of podIPs and hostIP the first of hostIPs, whichever of them a client knows. */
function withIpLists(status: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  const podIPs = withFirst(status.podIP, status.podIPs);
  const hostIPs = withFirst(status.hostIP, status.hostIPs);
  return {
    ...status,
    ...(podIPs && { podIPs, podIP: podIPs[0]?.ip ?? '' }),
    ...(hostIPs && { hostIPs, ...(status.hostIP && { hostIP: status.hostIP }) }),
  };
}

type IpList = NonNullable<NonNullable<Pod['status']>['podIPs']>;

function withFirst(ip: string | undefined, list: IpList | undefined): IpList | undefined {
  if (!ip) return list !== undefined && list.length > 0 ? list : undefined;
  if (list?.some((item) => item.ip === ip)) return list;
  return [{ ip }];
}

export function preparePodForCreate(pod: Pod): Pod {
  const gated = (pod.spec.schedulingGates?.length ?? 0) > 0;
  return {
    ...pod,
    spec: withLabelKeys(pod),
    status: {
      phase: 'Pending',
      qosClass: qosClassOf(pod.spec),
      ...(gated && {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'SchedulingGated',
            message: 'Scheduling is blocked due to non-empty scheduling gates',
          },
        ],
      }),
    },
  };
}

/** matchLabelKeys and mismatchLabelKeys become expressions on the Pod's own label values. */
function withLabelKeys(pod: Pod): Pod['spec'] {
  const { affinity, topologySpreadConstraints } = pod.spec;
  const labels = pod.metadata.labels ?? {};
  return {
    ...pod.spec,
    ...(affinity && { affinity: withAffinityKeys(affinity, labels) }),
    ...(topologySpreadConstraints && {
      topologySpreadConstraints: topologySpreadConstraints.map((constraint) =>
        constraint.labelSelector === undefined || !constraint.matchLabelKeys?.length
          ? constraint
          : {
              ...constraint,
              labelSelector: extended(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels),
            },
      ),
    }),
  };
}

type Labels = Readonly<Record<string, string>>;

function withAffinityKeys(affinity: Affinity, labels: Labels): Affinity {
  const terms = (rules: Affinity['podAffinity']): Affinity['podAffinity'] =>
    rules && {
      ...rules,
      ...(rules.requiredDuringSchedulingIgnoredDuringExecution && {
        requiredDuringSchedulingIgnoredDuringExecution: rules.requiredDuringSchedulingIgnoredDuringExecution.map((t) =>
          withTermKeys(t, labels),
        ),
      }),
      ...(rules.preferredDuringSchedulingIgnoredDuringExecution && {
        preferredDuringSchedulingIgnoredDuringExecution: rules.preferredDuringSchedulingIgnoredDuringExecution.map(
          (weighted) => ({ ...weighted, podAffinityTerm: withTermKeys(weighted.podAffinityTerm, labels) }),
        ),
      }),
    };
  const { podAffinity, podAntiAffinity } = affinity;
  return {
    ...affinity,
    ...(podAffinity && { podAffinity: terms(podAffinity) }),
    ...(podAntiAffinity && { podAntiAffinity: terms(podAntiAffinity) }),
  };
}

function withTermKeys(term: PodAffinityTerm, labels: Labels): PodAffinityTerm {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (labelSelector === undefined || matchLabelKeys.length + mismatchLabelKeys.length === 0) return term;
  const matched = extended(labelSelector, matchLabelKeys, 'In', labels);
  return { ...term, labelSelector: extended(matched, mismatchLabelKeys, 'NotIn', labels) };
}

function extended(
  selector: LabelSelector,
  keys: readonly string[],
  operator: 'In' | 'NotIn',
  labels: Labels,
): LabelSelector {
  const added = keys
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, operator, values: [labels[key] ?? ''] }));
  if (added.length === 0) return selector;
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}
