/** A Service and its Pods into EndpointSlices. Pure. Source: k8s.io/endpointslice/reconciler.go, utils.go. */
import type { Pod, Service } from '@kapella/api/types/core-v1';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '@kapella/api/types/discovery-v1';
import { isReady } from '../workload/index.ts';
import { type EndpointGroup, planSlices, type SlicePlan } from './plan-slices.ts';
import { belongsInEndpoints, endpointHostname, findPort, isHeadless, isIPv6, podAddresses } from './service-pods.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
export const ENDPOINT_SLICE_MANAGER = 'endpointslice-controller.k8s.io';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const NAME_LENGTH_MAX = 253;

export interface ServiceInput {
  readonly service: Service;
  /** All that the Service selects. */
  readonly pods: readonly Pod[];
  /** Slices with the Service's name and this controller's, not yet going. */
  readonly slices: readonly EndpointSlice[];
  /** Labels of a node, undefined where there is no such node. */
  readonly nodeLabels: (name: string) => Readonly<Record<string, string>> | undefined;
  /** In one slice. */
  readonly endpointsMax: number;
}

export interface ServicePlan extends SlicePlan {
  /** A Pod was left out because its node is not known: look again later. */
  readonly isIncomplete: boolean;
}

export function planService(input: ServiceInput): ServicePlan {
  const { service, slices } = input;
  const types = addressTypesOf(service);
  const plans = types.map((type) => {
    const { groups, isIncomplete } = groupPods(input, type);
    const existing = slices.filter((slice) => slice.addressType === type);
    return { ...planSlices(templateOf(service, type, input.endpointsMax), groups, existing), isIncomplete };
  });
  const unsupported = slices.filter((slice) => !types.includes(slice.addressType));
  return {
    // The garbage collector is about to remove the slices of a Service that goes: make no new ones.
    create: service.metadata.deletionTimestamp === undefined ? plans.flatMap((plan) => plan.create) : [],
    update: plans.flatMap((plan) => plan.update),
    delete: [...plans.flatMap((plan) => plan.delete), ...unsupported],
    isIncomplete: plans.some((plan) => plan.isIncomplete),
  };
}

function templateOf(service: Service, addressType: AddressType, endpointsMax: number) {
  const { name, namespace = '', uid } = service.metadata;
  return {
    addressType,
    namespace,
    generateName: sliceNamePrefix(name),
    labels: sliceLabels(service),
    owner: { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true },
    endpointsMax,
    placeholder: true,
  };
}

export function sliceNamePrefix(name: string): string {
  return name.length < NAME_LENGTH_MAX ? `${name}-` : name;
}

/** The Service's labels, but never its values of the labels that say whose the slice is. */
function sliceLabels(service: Service): Record<string, string> {
  const reserved = [SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL];
  const copied = Object.entries(service.metadata.labels ?? {}).filter(([key]) => !reserved.includes(key));
  return {
    ...Object.fromEntries(copied),
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY_LABEL]: ENDPOINT_SLICE_MANAGER,
  };
}

function addressTypesOf({ spec }: Service): AddressType[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  if (families.length > 0) return [...new Set(families)];
  if (spec.clusterIP && spec.clusterIP !== 'None') return [isIPv6(spec.clusterIP) ? 'IPv6' : 'IPv4'];
  return ['IPv4', 'IPv6'];
}

function groupPods({ service, pods, nodeLabels }: ServiceInput, type: AddressType) {
  const groups: EndpointGroup[] = [];
  let isIncomplete = false;
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, true)) continue;
    const ports = portsOf(service, pod);
    const labels = pod.spec.nodeName ? nodeLabels(pod.spec.nodeName) : undefined;
    const isLost = labels === undefined && service.spec.publishNotReadyAddresses !== true;
    isIncomplete ||= isLost;
    const endpoint = isLost ? undefined : endpointOf(pod, service, type, labels);
    // Without endpoints the group still says which slices may stay.
    groups.push({ ports, endpoints: endpoint === undefined ? [] : [endpoint] });
  }
  return { groups, isIncomplete };
}

function portsOf({ spec }: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const servicePort of spec.ports ?? []) {
    const port = findPort(pod, servicePort);
    if (port === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    ports.push({ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

function endpointOf(
  pod: Pod,
  service: Service,
  type: AddressType,
  nodeLabels: Readonly<Record<string, string>> | undefined,
): Endpoint | undefined {
  const addresses = podAddresses(pod).filter((ip) => isIPv6(ip) === (type === 'IPv6'));
  if (addresses.length === 0) return undefined;
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace = '', name, uid } = pod.metadata;
  const zone = nodeLabels?.[ZONE_LABEL];
  const hostname = endpointHostname(pod, service);
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
  };
}
