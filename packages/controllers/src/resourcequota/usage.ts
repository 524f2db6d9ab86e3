/** What objects count for, by kind. Pure. Source: kubernetes pkg/quota/v1/evaluator/core. */
import { coreV1, type KindRef, type KubeObject, Quantity } from '@kapella/api';
import type {
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ScopedResourceSelectorRequirement,
  Service,
} from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';
import { isTerminal, entryOf } from '../workload/index.ts';
import { type Amounts, parseAmounts, podAmounts } from './amounts.ts';

// biome-ignore lint/suspicious/noExplicitAny: each evaluator knows its kind, their list does not
export interface Evaluator<T extends KubeObject = any> {
  readonly kind: KindRef<T>;
  /** Whether objects of the kind count for this name in a quota. */
  counts(resource: string): boolean;
  usage(object: T, nowMs: number): Amounts;
  /** Whether the scope is about the object; kinds that know no scopes are about none. */
  inScope(object: T, scope: ScopedResourceSelectorRequirement): boolean;
}

const ONE = Quantity.of(1);
const countName = ({ group, plural }: KindRef<unknown>) => `count/${plural}${group === '' ? '' : `.${group}`}`;
const POD_NAMES: ReadonlySet<string> = new Set(
  ['cpu', 'memory', 'ephemeral-storage']
    .flatMap((name) => [name, `requests.${name}`, `limits.${name}`])
    .concat('pods', 'count/pods'),
);

export const evaluators: readonly Evaluator[] = [
  { kind: coreV1.Pod, counts: countsPods, usage: podUsage, inScope: podInScope } satisfies Evaluator<Pod>,
  {
    kind: coreV1.Service,
    counts: (name) => ['services', 'services.nodeports', 'services.loadbalancers', 'count/services'].includes(name),
    usage: serviceUsage,
    inScope: () => false,
  } satisfies Evaluator<Service>,
  {
    kind: coreV1.PersistentVolumeClaim,
    counts: countsClaims,
    usage: claimUsage,
    inScope: claimInScope,
  } satisfies Evaluator<PersistentVolumeClaim>,
  ...[coreV1.ConfigMap, coreV1.Secret, coreV1.ReplicationController, coreV1.ResourceQuota].map((kind) =>
    countEvaluator(kind as KindRef<unknown>, kind.plural),
  ),
];

/** For any kind: nothing but the number of its objects. */
export function countEvaluator(kind: KindRef<unknown>, alias?: string): Evaluator {
  const names = [countName(kind), ...(alias === undefined ? [] : [alias])];
  return {
    kind,
    counts: (name) => names.includes(name),
    usage: () => new Map(names.map((name) => [name, ONE])),
    inScope: () => false,
  };
}

function countsPods(name: string): boolean {
  if (POD_NAMES.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')) return true;
  const extended = /^requests\.(.+\/.+)$/.exec(name)?.[1];
  return (
    extended !== undefined &&
    (!extended.includes('kubernetes.io/') || extended.startsWith('deviceclass.resource.kubernetes.io/'))
  );
}

/** A Pod that has ended, or should have, holds nothing but its place among the objects. */
export function podUsage(pod: Pod, nowMs: number): Amounts {
  const usage = new Map<string, Quantity>([['count/pods', ONE]]);
  if (!holdsResources(pod, nowMs)) return usage;
  usage.set('pods', ONE);
  const [requests, limits] = [podAmounts(pod, 'requests'), podAmounts(pod, 'limits')];
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (request !== undefined) usage.set(name, request).set(`requests.${name}`, request);
    if (limit !== undefined) usage.set(`limits.${name}`, limit);
  }
  for (const [name, amount] of requests) {
    if (name.startsWith('hugepages-')) usage.set(name, amount).set(`requests.${name}`, amount);
    else if (countsPods(`requests.${name}`) && name.includes('/')) usage.set(`requests.${name}`, amount);
  }
  return usage;
}

export function holdsResources(pod: Pod, nowMs: number): boolean {
  if (isTerminal(pod)) return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const deletedMs = parseTime(deletionTimestamp);
  if (deletedMs === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= deletedMs + deletionGracePeriodSeconds * 1000;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec?.ports ?? [];
  const isBalanced = spec?.type === 'LoadBalancer';
  const given = ports.filter((port) => (port.nodePort ?? 0) !== 0).length;
  const nodePorts =
    isBalanced && spec?.allocateLoadBalancerNodePorts === false
      ? given
      : isBalanced || spec?.type === 'NodePort'
        ? ports.length
        : 0;
  return new Map([
    ['count/services', ONE],
    ['services', ONE],
    ['services.nodeports', Quantity.of(nodePorts)],
    ['services.loadbalancers', Quantity.of(isBalanced ? 1 : 0)],
  ]);
}

const CLASS = '.storageclass.storage.k8s.io/';

function countsClaims(name: string): boolean {
  const plain = ['persistentvolumeclaims', 'requests.storage'];
  return (
    name === 'count/persistentvolumeclaims' ||
    plain.includes(name) ||
    plain.some((tail) => name.endsWith(`${CLASS}${tail}`))
  );
}

function claimUsage(claim: PersistentVolumeClaim): Amounts {
  const usage = new Map([
    ['persistentvolumeclaims', ONE],
    ['count/persistentvolumeclaims', ONE],
  ]);
  const storageClass =
    entryOf(claim.metadata.annotations, 'volume.beta.kubernetes.io/storage-class') ?? claim.spec.storageClassName;
  if (storageClass) usage.set(`${storageClass}${CLASS}persistentvolumeclaims`, ONE);
  const asked = parseAmounts(claim.spec.resources?.requests).get('storage');
  if (asked === undefined) return usage;
  const given = parseAmounts(claim.status?.allocatedResources).get('storage');
  const size = (given !== undefined && given.compare(asked) > 0 ? given : asked).roundUp(0);
  usage.set('requests.storage', size);
  if (storageClass) usage.set(`${storageClass}${CLASS}requests.storage`, size);
  return usage;
}

function podInScope(pod: Pod, scope: ScopedResourceSelectorRequirement): boolean {
  const { activeDeadlineSeconds, priorityClassName = '' } = pod.spec;
  const isTerminating =
    activeDeadlineSeconds !== undefined && activeDeadlineSeconds !== null && activeDeadlineSeconds >= 0;
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return matchesNames(priorityClassName === '' ? [] : [priorityClassName], scope);
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod).some(
        (term) => (term.namespaces?.length ?? 0) > 0 || (term.namespaceSelector ?? undefined) !== undefined,
      );
    default:
      return false;
  }
}

function claimInScope(claim: PersistentVolumeClaim, scope: ScopedResourceSelectorRequirement): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = claim.status ?? {};
  const names = [
    claim.spec.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return matchesNames(
    names.filter((name) => name !== undefined && name !== ''),
    scope,
  );
}

function matchesNames(
  names: readonly (string | undefined)[],
  { operator, values = [] }: ScopedResourceSelectorRequirement,
): boolean {
  const isOne = names.some((name) => values.includes(name ?? ''));
  switch (operator) {
    case 'Exists':
      return names.length > 0;
    case 'DoesNotExist':
      return names.length === 0;
    case 'In':
      return isOne;
    case 'NotIn':
      return !isOne;
    default:
      return false;
  }
}

function isBestEffort({ spec }: Pod): boolean {
  const isSet = (text: string | undefined) => text !== undefined && !Quantity.parse(text).isZero;
  const all = [
    spec.resources,
    ...[...spec.containers, ...(spec.initContainers ?? [])].map((container) => container.resources),
  ];
  return all.every((resources) =>
    ['cpu', 'memory'].every((name) => !isSet(resources?.requests?.[name]) && !isSet(resources?.limits?.[name])),
  );
}

function affinityTerms({ spec: { affinity } }: Pod): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ]);
}
