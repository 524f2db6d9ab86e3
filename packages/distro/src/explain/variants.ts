/** Single changes of a Pod that could let it fit, each as a person would make it. */
import type { Affinity, Pod, Taint } from '@kapella/api/types/core-v1';
import type { Snapshot } from '@kapella/scheduler';
import { podStateOf } from '@kapella/scheduler';

export interface Variant {
  readonly what: string;
  change(pod: Pod): Pod;
}

export function variantsOf(pod: Pod, snapshot: Snapshot): Variant[] {
  return [
    ...nodeWishes(pod),
    ...podWishes(pod),
    ...tolerations(pod, snapshot),
    ...lessResources(pod, snapshot),
    ...ports(pod),
  ];
}

function withSpec(pod: Pod, spec: Partial<Pod['spec']>): Pod {
  return { ...pod, spec: { ...pod.spec, ...spec } };
}

function withAffinity(pod: Pod, change: (affinity: Affinity) => Affinity): Pod {
  return withSpec(pod, { affinity: change(pod.spec.affinity ?? {}) });
}

function nodeWishes({ spec }: Pod): Variant[] {
  const variants: Variant[] = [];
  if (Object.keys(spec.nodeSelector ?? {}).length > 0) {
    const what = `Without its nodeSelector (${pairs(spec.nodeSelector)}), or with these labels on a node`;
    variants.push({ what, change: (pod) => withSpec(pod, { nodeSelector: {} }) });
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required !== undefined) {
    const what = 'Without its required node affinity';
    variants.push({ what, change: (pod) => withAffinity(pod, ({ nodeAffinity: _, ...rest }) => rest) });
  }
  return variants;
}

function podWishes({ spec }: Pod): Variant[] {
  const variants: Variant[] = [];
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  if (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) {
    const what = 'Without its required affinity to other Pods, or with such a Pod running';
    variants.push({ what, change: (pod) => withAffinity(pod, ({ podAffinity: _, ...rest }) => rest) });
  }
  if (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) {
    const what = 'Without its required anti-affinity, or with one more node';
    variants.push({ what, change: (pod) => withAffinity(pod, ({ podAntiAffinity: _, ...rest }) => rest) });
  }
  if (spec.topologySpreadConstraints?.some(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')) {
    const what = 'With whenUnsatisfiable: ScheduleAnyway in its spread constraints';
    variants.push({ what, change: (pod) => withSpec(pod, { topologySpreadConstraints: [] }) });
  }
  return variants;
}

/** For each set of taints that some node has and the Pod does not tolerate. */
function tolerations(pod: Pod, snapshot: Snapshot): Variant[] {
  const sets = new Map<string, readonly Taint[]>();
  for (const { node } of snapshot.nodes.values()) {
    const hard = (node.spec.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
    if (hard.length > 0) sets.set(hard.map(taintText).sort().join(', '), hard);
  }
  return [...sets].map(([text, taints]) => ({
    what: `With tolerations for ${text}`,
    change: (of) =>
      withSpec(of, {
        tolerations: [
          ...(pod.spec.tolerations ?? []),
          ...taints.map(({ key, effect }) => ({ key, effect, operator: 'Exists' as const })),
        ],
      }),
  }));
}

export function taintText({ key, value, effect }: Taint): string {
  return `${key}${value ? `=${value}` : ''}:${effect}`;
}

/** Down to what the freest node has left, one resource at a time. */
function lessResources(pod: Pod, snapshot: Snapshot): Variant[] {
  const { requests } = podStateOf(pod, false);
  return [...requests].flatMap(([resource, asked]): Variant[] => {
    const free = [...snapshot.nodes.values()].map((node) => node.allocatable(resource) - node.requested(resource));
    const most = Math.max(0, ...free);
    if (asked <= most) return [];
    const what = `With ${resource} requests of at most ${amountText(resource, most)} instead of ${amountText(resource, asked)}`;
    return [{ what, change: (of) => withRequest(of, resource, most) }];
  });
}

/** The whole Pod asks for `amount`: in its first container, for what counts is the sum. */
function withRequest(pod: Pod, resource: string, amount: number): Pod {
  const containers = pod.spec.containers.map((container, i) => {
    const { [resource]: _, ...rest } = (container.resources?.requests ?? {}) as Record<string, string>;
    const own = i === 0 ? { [resource]: resource === 'cpu' ? `${amount}m` : String(amount) } : {};
    return { ...container, resources: { ...container.resources, requests: { ...rest, ...own } } };
  });
  return withSpec(pod, { containers });
}

export function amountText(resource: string, amount: number): string {
  if (resource === 'cpu') return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return String(amount);
  const mebi = amount / 2 ** 20;
  return mebi >= 1 ? `${Math.floor(mebi)}Mi` : String(amount);
}

function ports({ spec }: Pod): Variant[] {
  const taken = spec.containers.flatMap((container) => container.ports ?? []).filter(({ hostPort }) => hostPort);
  if (taken.length === 0) return [];
  const what = `Without its host ports (${taken.map(({ hostPort }) => hostPort).join(', ')}): a Service does without`;
  const change = (pod: Pod) =>
    withSpec(pod, { containers: pod.spec.containers.map((container) => ({ ...container, ports: [] })) });
  return [{ what, change }];
}

function pairs(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
