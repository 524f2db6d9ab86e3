/** Endpoints that users write for Services without a selector, as EndpointSlices. Source: …/endpointslicemirroring. */
import { coreV1, discoveryV1 } from '@kapella/api';
import type { EndpointAddress, Endpoints, EndpointSubset } from '@kapella/api/types/core-v1';
import type { Endpoint, EndpointSlice } from '@kapella/api/types/discovery-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { createOwnWrites, OWN_WRITE_MS_MAX } from './own-writes.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL, sliceNamePrefix } from './plan-service.ts';
import { type EndpointGroup, planSlices, type SlicePlan } from './plan-slices.ts';
import { isIPv6 } from './service-pods.ts';
import { slicesOf, watchSlices, writeSlices } from './write-slices.ts';

export const MIRRORING_MANAGER = 'endpointslicemirroring-controller.k8s.io';

const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
const OMITTED_ANNOTATIONS: readonly string[] = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];
const IPV4 = /^(?:\d{1,3}\.){3}\d{1,3}$/;
const IPV6 = /^[0-9a-fA-F:.]+$/;

export interface MirrorPlan extends SlicePlan {
  readonly invalidCount: number;
  readonly skippedCount: number;
}

/** Pure. */
export function planMirror(
  endpoints: Endpoints,
  slices: readonly EndpointSlice[],
  addressesMax: number = DEFAULT_TUNING.mirroringMaxEndpointsPerSubset,
): MirrorPlan {
  let invalidCount = 0;
  let skippedCount = 0;
  const groups: { readonly type: 'IPv4' | 'IPv6'; readonly group: EndpointGroup }[] = [];
  for (const subset of endpoints.subsets ?? []) {
    const all = addressesOf(subset);
    const valid = all.filter(({ addresses: [ip = ''] }) => (isIPv6(ip) ? IPV6 : IPV4).test(ip));
    invalidCount += all.length - valid.length;
    skippedCount += Math.max(0, valid.length - addressesMax);
    const taken = valid.slice(0, addressesMax);
    const ports = (subset.ports ?? []).map(({ name = '', protocol = 'TCP', port, appProtocol }) => {
      return { name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) };
    });
    for (const type of ['IPv4', 'IPv6'] as const) {
      const ofType = taken.filter(({ addresses: [ip = ''] }) => isIPv6(ip) === (type === 'IPv6'));
      if (ofType.length > 0) groups.push({ type, group: { ports, endpoints: ofType } });
    }
  }
  const plans = (['IPv4', 'IPv6'] as const).map((type) => {
    const ofType = groups.filter((entry) => entry.type === type).map((entry) => entry.group);
    return planSlices(
      templateOf(endpoints, type, addressesMax),
      ofType,
      slices.filter((slice) => slice.addressType === type),
    );
  });
  return {
    create: endpoints.metadata.deletionTimestamp === undefined ? plans.flatMap((plan) => plan.create) : [],
    update: plans.flatMap((plan) => plan.update),
    delete: plans.flatMap((plan) => plan.delete),
    invalidCount,
    skippedCount,
  };
}

function templateOf({ metadata }: Endpoints, addressType: 'IPv4' | 'IPv6', endpointsMax: number) {
  const { name, namespace = '', uid, labels, annotations = {} } = metadata;
  return {
    addressType,
    namespace,
    generateName: sliceNamePrefix(name),
    labels: { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MIRRORING_MANAGER },
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => !OMITTED_ANNOTATIONS.includes(key))),
    owner: { apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true },
    endpointsMax,
    placeholder: false,
  };
}

function addressesOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): Endpoint[] {
  const endpoint = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
  });
  return [...addresses.map((a) => endpoint(a, true)), ...notReadyAddresses.map((a) => endpoint(a, false))];
}

export function createEndpointSliceMirroringController(
  { cache, client, events }: ControllerDeps,
  tuning: Tuning = DEFAULT_TUNING,
): Controller {
  const addressesMax = tuning.mirroringMaxEndpointsPerSubset;
  const writes = createOwnWrites();
  const isMirrored = (key: string, { metadata }: Endpoints) => {
    const service = cache.get(coreV1.Service, key);
    if (service === undefined || (service.spec.selector !== undefined && service.spec.selector !== null)) return false;
    return metadata.labels?.[SKIP_LABEL] !== 'true' && metadata.annotations?.[LEADER_ANNOTATION] === undefined;
  };
  return defineController({
    name: 'endpointslice-mirroring-controller',
    primary: coreV1.Endpoints,
    primaryDelayMs: tuning.mirroringEndpointsliceUpdatesBatchPeriodMs,
    watches: [
      { kind: coreV1.Service, keysOf: ({ metadata }) => [`${metadata.namespace}/${metadata.name}`] },
      watchSlices(MIRRORING_MANAGER, writes),
    ],
    reads: [discoveryV1.EndpointSlice],
    async reconcile(key, ctx) {
      const endpoints = cache.get(coreV1.Endpoints, key);
      const slices = writes.over(key, slicesOf(cache, MIRRORING_MANAGER, key), ctx.clock.monotonicMs());
      if (endpoints === undefined || !isMirrored(key, endpoints)) {
        await writeSlices(client, writes, key, { create: [], update: [], delete: slices }, ctx);
        return {};
      }
      const plan = planMirror(endpoints, slices, addressesMax);
      if (plan.invalidCount > 0) {
        const why = `Skipped ${plan.invalidCount} invalid IP addresses when mirroring to EndpointSlices`;
        events.event(endpoints, 'Warning', 'InvalidIPAddress', why);
      }
      if (plan.skippedCount > 0) {
        const limit = `A max of ${addressesMax} addresses can be mirrored to EndpointSlices per Endpoints subset.`;
        const skipped = plan.skippedCount + plan.invalidCount;
        events.event(endpoints, 'Warning', 'TooManyAddressesToMirror', `${limit} ${skipped} addresses were skipped`);
      }
      await writeSlices(client, writes, key, plan, ctx);
      return writes.isAhead(key) ? { requeueAfterMs: OWN_WRITE_MS_MAX + 1 } : {};
    },
  });
}
