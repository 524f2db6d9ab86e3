/**
 * A claim for the extended resources of a Pod that device classes stand for, on nodes that do not have the resource
 * themselves. Source: kubernetes …/plugins/dynamicresources/extendeddynamicresources.go.
 */
import type { Container, ContainerExtendedResourceRequest, Pod } from '@kapella/api/types/core-v1';
import type { DeviceRequest, ExactDeviceRequest, ResourceClaim } from '@kapella/api/types/resource-v1';
import { quantityValue } from '@kapella/api';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { canBeDeviceBacked, deviceClassOf } from '../../framework/device-classes.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { type Rejection, unresolvable } from '../../framework/plugin.ts';
import { podRequests } from '../../framework/resources.ts';

const ANNOTATION = 'resource.kubernetes.io/extended-resource-claim';
/** The name of a claim that exists in the scheduler only. */
const IN_MEMORY = '<extended-resources>';

export interface NodeExtended {
  /** With the requests for this node. */
  readonly claim: ResourceClaim;
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

export class ExtendedResources {
  /** Made for the Pod in an earlier attempt, or not made yet. */
  readonly claim: ResourceClaim;
  readonly #pod: Pod;
  readonly #lookup: ClusterLookup;
  /** Of the extended resources that the Pod asks for, by name: the class that stands for it, if any. */
  readonly #classes: ReadonlyMap<string, string | undefined>;

  private constructor(pod: Pod, classes: ReadonlyMap<string, string | undefined>, lookup: ClusterLookup) {
    this.#pod = pod;
    this.#classes = classes;
    this.#lookup = lookup;
    this.claim = this.#made() ?? inMemoryClaim(pod);
  }

  /** Undefined: no class stands for anything that the Pod asks for. */
  static of(pod: Pod, lookup: ClusterLookup): ExtendedResources | undefined {
    const classes = new Map<string, string | undefined>();
    for (const [resource, amount] of podRequests(pod)) {
      if (amount === 0 || !canBeDeviceBacked(resource)) continue;
      classes.set(resource, deviceClassOf(resource, lookup)?.metadata.name);
    }
    const isBacked = [...classes.values()].some((name) => name !== undefined);
    return isBacked ? new ExtendedResources(pod, classes, lookup) : undefined;
  }

  /** Undefined: on this node nothing is needed from devices. `hasOthers`: the Pod has claims of its own too. */
  forNode(node: NodeState, hasOthers: boolean): NodeExtended | Rejection | undefined {
    if (this.claim.spec.devices?.requests !== undefined) return unresolvable('cannot schedule extended resource claim');
    const allocatable = node.node.status?.allocatable ?? {};
    const wanted = new Map<string, string>();
    for (const [resource, deviceClass] of this.#classes) {
      if (deviceClass !== undefined && node.allocatable(resource) === 0) wanted.set(resource, deviceClass);
      else if (!Object.hasOwn(allocatable, resource)) return unresolvable('cannot fit resource');
    }
    if (!hasOthers && wanted.size === 0) return undefined;
    const { requests, mappings } = requestsFor(this.#pod, wanted);
    return { claim: { ...this.claim, spec: { devices: { requests } } }, mappings };
  }

  #made(): ResourceClaim | undefined {
    const { namespace, name, uid } = this.#pod.metadata;
    return this.#lookup
      .list('ResourceClaim', namespace)
      .find(
        ({ metadata }) =>
          metadata.annotations?.[ANNOTATION] === 'true' &&
          metadata.ownerReferences?.some(
            (owner) => owner.controller === true && owner.name === name && owner.uid === uid,
          ),
      );
  }
}

export function isInMemory({ metadata }: ResourceClaim): boolean {
  return metadata.name === IN_MEMORY;
}

/** As it is created: the API server names it. */
export function claimToCreate({ metadata, spec, ...claim }: ResourceClaim): ResourceClaim {
  const { name: _name, uid: _uid, ...rest } = metadata;
  const { status: _status, ...typed } = claim;
  return { ...typed, metadata: rest as ResourceClaim['metadata'], spec };
}

function inMemoryClaim({ metadata: { namespace, name, uid } }: Pod): ResourceClaim {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      ...{ namespace, name: IN_MEMORY, uid: `${IN_MEMORY}${uid}`, generateName: `${name}-extended-resources-` },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true }],
      annotations: { [ANNOTATION]: 'true' },
    },
    spec: {},
  } as unknown as ResourceClaim;
}

interface Requests {
  readonly requests: readonly DeviceRequest[];
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

type Request = DeviceRequest & { readonly exactly: ExactDeviceRequest };

interface Asked {
  readonly request: Request | undefined;
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

/**
 * Requests are named `container-INDEX-request-INDEX`, init containers counted first. Init containers run one after the
 * other and use what later containers get: of those that need more, one request for the most covers all.
 */
function requestsFor(pod: Pod, wanted: ReadonlyMap<string, string>): Requests {
  const init = pod.spec.initContainers ?? [];
  const containers = [...init, ...pod.spec.containers];
  const isShort = (i: number) => i < init.length && containers[i]?.restartPolicy !== 'Always';
  const requests: Request[] = [];
  const mappings: ContainerExtendedResourceRequest[] = [];
  for (const resource of [...wanted.keys()].sort()) {
    const ask = (i: number, reusable: readonly (Request | undefined)[]) =>
      askFor(i, containers[i] as Container, resource, wanted.get(resource) as string, reusable);
    const long = containers.map((_, i) => (isShort(i) ? undefined : ask(i, [])));
    const longRequests = long.map((asked) => asked?.request);
    const short = containers.flatMap((_, i) => (isShort(i) ? [ask(i, longRequests.slice(i))] : []));
    const most = short.reduce<Request | undefined>(
      (best, { request }) => ((request?.exactly.count ?? 0) > (best?.exactly.count ?? 0) ? request : best),
      undefined,
    );
    const replaced = new Set(short.map(({ request }) => request?.name));
    if (most !== undefined) requests.push(most);
    requests.push(...longRequests.filter((request) => request !== undefined));
    mappings.push(...long.flatMap((asked) => asked?.mappings ?? []));
    for (const mapping of short.flatMap((asked) => asked.mappings)) {
      const isReplaced = most !== undefined && replaced.has(mapping.requestName);
      mappings.push(isReplaced ? { ...mapping, requestName: most.name } : mapping);
    }
  }
  return { requests: requests.sort((a, b) => (a.name < b.name ? -1 : 1)), mappings };
}

function askFor(
  index: number,
  { name, resources }: Container,
  resource: string,
  deviceClassName: string,
  reusable: readonly (Request | undefined)[],
): Asked {
  const requests = resources?.requests ?? {};
  const wanted = Object.hasOwn(requests, resource) ? quantityValue(requests[resource] as string) : 0;
  if (wanted === 0) return { request: undefined, mappings: [] };
  const mappings: ContainerExtendedResourceRequest[] = [];
  const mapTo = (requestName: string) => mappings.push({ containerName: name, resourceName: resource, requestName });
  let have = 0;
  for (const request of reusable) {
    if (request === undefined) continue;
    have += request.exactly.count ?? 0;
    mapTo(request.name);
    if (have >= wanted) return { request: undefined, mappings };
  }
  const requestName = `container-${index}-request-${Object.keys(requests).sort().indexOf(resource)}`;
  mapTo(requestName);
  const exactly = { deviceClassName, allocationMode: 'ExactCount' as const, count: wanted - have };
  return { request: { name: requestName, exactly }, mappings };
}
