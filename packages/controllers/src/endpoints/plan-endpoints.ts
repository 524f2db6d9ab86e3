/** A Service and its Pods into one Endpoints object. Pure. Source: kubernetes pkg/controller/endpoint/endpoints_controller.go. */
import type { NewObject } from '@kapella/api';
import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Pod,
  Service,
} from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import {
  belongsInEndpoints,
  endpointHostname,
  findPort,
  isHeadless,
  isIPv6,
  podAddresses,
} from '../endpointslice/service-pods.ts';
import { isReady } from '../workload/index.ts';
import { type AddressOnPort, packSubsets } from './pack-subsets.ts';

export const OVER_CAPACITY_ANNOTATION = 'endpoints.kubernetes.io/over-capacity';
export const CAPACITY = 1000;

const MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** What to write, or undefined when `current` stands right. `pods`: all that the Service selects. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  current: Endpoints | undefined,
): NewObject<Endpoints> | Endpoints | undefined {
  const packed = packSubsets(pods.flatMap((pod) => addressesOf(service, pod)));
  const subsets = truncate(packed);
  const labels = {
    ...service.metadata.labels,
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
    [MANAGED_BY_LABEL]: MANAGER,
  };
  const others = Object.entries(current?.metadata.annotations ?? {}).filter(
    ([key]) => key !== OVER_CAPACITY_ANNOTATION,
  );
  const annotations = Object.fromEntries(
    subsets === packed ? others : [...others, [OVER_CAPACITY_ANNOTATION, 'truncated']],
  );
  if (current === undefined) {
    const { name, namespace = '' } = service.metadata;
    return { metadata: { name, namespace, labels, annotations }, subsets };
  }
  const isRight =
    jsonEqual(current.metadata.labels ?? {}, labels) &&
    jsonEqual(current.metadata.annotations ?? {}, annotations) &&
    jsonEqual(comparable(current.subsets ?? []), comparable(subsets));
  return isRight ? undefined : { ...current, metadata: { ...current.metadata, labels, annotations }, subsets };
}

/** Whether this controller wrote it: what users write is never deleted here. */
export function isManaged(endpoints: Endpoints): boolean {
  return endpoints.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}

function addressesOf(service: Service, pod: Pod): AddressOnPort[] {
  const { spec } = service;
  if (!belongsInEndpoints(pod, spec.publishNotReadyAddresses === true)) return [];
  const addresses = podAddresses(pod);
  const sample = spec.clusterIP && spec.clusterIP !== 'None' ? spec.clusterIP : (addresses[0] ?? '');
  const family = spec.ipFamilies?.[0] ?? (isIPv6(sample) ? 'IPv6' : 'IPv4');
  const ip = addresses.find((address) => isIPv6(address) === (family === 'IPv6'));
  if (ip === undefined) return [];
  const hostname = endpointHostname(pod, service);
  const { namespace = '', name, uid } = pod.metadata;
  const address: EndpointAddress = {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
  const ready = spec.publishNotReadyAddresses === true || isReady(pod);
  return portsOf(service, pod).map((port) => ({ address, port, ready }));
}

/** One undefined port where a headless Service has none: its addresses count all the same. */
function portsOf({ spec }: Service, pod: Pod): (EndpointPort | undefined)[] {
  const servicePorts = spec.ports ?? [];
  if (servicePorts.length === 0) return spec.clusterIP === 'None' ? [undefined] : [];
  return servicePorts.flatMap((servicePort) => {
    const port = findPort(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol = 'TCP', appProtocol } = servicePort;
    return [{ ...(name ? { name } : {}), port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** At most CAPACITY addresses, ready ones first, each subset its share. The same list when all fit. */
export function truncate(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const readyCount = sum(subsets, 'addresses');
  const unreadyCount = sum(subsets, 'notReadyAddresses');
  if (readyCount + unreadyCount <= CAPACITY) return subsets;
  const field = readyCount > CAPACITY ? 'addresses' : 'notReadyAddresses';
  const capacity = field === 'addresses' ? CAPACITY : CAPACITY - readyCount;
  const total = field === 'addresses' ? readyCount : unreadyCount;
  let left = capacity;
  return subsets.map((subset) => {
    const all = subset[field] ?? [];
    const kept = all.slice(0, Math.min(left, Math.ceil((all.length / total) * capacity)));
    left -= kept.length;
    const { notReadyAddresses: _, ...rest } = subset;
    if (field === 'addresses') return { ...rest, addresses: kept };
    return kept.length === 0 ? rest : { ...rest, notReadyAddresses: kept };
  });
}

function sum(subsets: readonly EndpointSubset[], field: 'addresses' | 'notReadyAddresses'): number {
  return subsets.reduce((count, subset) => count + (subset[field]?.length ?? 0), 0);
}

/** Without what a write need not follow: the version of the Pod when it was seen. */
function comparable(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const bare = ({ targetRef, ...rest }: EndpointAddress) => {
    if (targetRef === undefined) return rest;
    const { resourceVersion: _, ...ref } = targetRef;
    return { ...rest, targetRef: ref };
  };
  return subsets.map(({ addresses, notReadyAddresses, ports }) => ({
    addresses: (addresses ?? []).map(bare),
    notReadyAddresses: (notReadyAddresses ?? []).map(bare),
    ports: ports ?? [],
  }));
}
