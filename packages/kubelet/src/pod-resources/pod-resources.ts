/** What of the node's resources each container holds, for monitoring agents. Source: kubernetes pkg/kubelet/apis/podresources. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { CpuManager } from '../cpus/cpu-manager.ts';
import { parseCpuSet } from '../cpus/cpu-set.ts';
import type { DeviceManager } from '../devices/device-manager.ts';
import type { DraManager } from '../dra/dra-manager.ts';
import { isSidecar } from '../lifecycle/observed.ts';

export interface PodResourcesSource {
  workers(): readonly { readonly pod: Pod; readonly isActive: boolean }[];
  readonly devices: Pick<DeviceManager, 'allocations' | 'available'>;
  readonly dra: Pick<DraManager, 'claims'>;
  readonly cpus: Pick<CpuManager, 'exclusiveCpus' | 'assignableCpus'> | undefined;
}

/** As the messages of the protocol, in camelCase. */
export function podResources(source: PodResourcesSource, pod: Pod) {
  const { name, namespace = '', uid } = pod.metadata;
  const containers = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const held = source.devices.allocations().filter(({ podUid }) => podUid === uid);
  const claims = source.dra.claims().filter(({ podUids }) => podUids.includes(uid));
  return {
    ...{ name, namespace },
    containers: containers.map((container) => ({
      name: container.name,
      devices: held
        .filter((one) => one.container === container.name)
        .map(({ resource, ids }) => ({ resourceName: resource, deviceIds: ids })),
      cpuIds: [...parseCpuSet(source.cpus?.exclusiveCpus(uid, container.name) ?? '')],
      dynamicResources: (container.resources?.claims ?? []).flatMap((wanted) => {
        const named = pod.spec.resourceClaims?.find((one) => one.name === wanted.name)?.resourceClaimName;
        const made = pod.status?.resourceClaimStatuses?.find((one) => one.name === wanted.name)?.resourceClaimName;
        const claim = claims.find((one) => one.name === (named ?? made));
        return claim === undefined ? [] : [dynamicResource(claim)];
      }),
    })),
  };
}

function dynamicResource({ name, namespace, devices }: ReturnType<DraManager['claims']>[number]) {
  return {
    ...{ claimName: name, claimNamespace: namespace },
    claimResources: Object.entries(devices).flatMap(([driverName, list]) =>
      list.map(({ poolName, deviceName, cdiDeviceIds }) => ({
        ...{ driverName, poolName, deviceName },
        cdiDevices: cdiDeviceIds.map((id) => ({ name: id })),
      })),
    ),
  };
}

export function allocatableResources({ devices, cpus }: PodResourcesSource) {
  return {
    devices: [...devices.available()].map(([resourceName, deviceIds]) => ({ resourceName, deviceIds })),
    cpuIds: cpus?.assignableCpus() ?? [],
  };
}
