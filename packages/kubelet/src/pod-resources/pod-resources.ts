/** What of the node's resources each container holds, for monitoring agents. Source: kubernetes pkg/kubelet/apis/podresources. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { CpuManager } from '../cpus/cpu-manager.ts';
import { parseCpuSet } from '../cpus/cpu-set.ts';
import type { DeviceManager } from '../devices/device-manager.ts';
import type { DraManager } from '../dra/dra-manager.ts';
import type { MemoryManager } from '../memory/memory-manager.ts';
import { isSidecar } from '../lifecycle/observed.ts';

export interface PodResourcesSource {
  workers(): readonly { readonly pod: Pod; readonly isActive: boolean }[];
  readonly devices: Pick<DeviceManager, 'allocations' | 'available' | 'device'>;
  readonly dra: Pick<DraManager, 'claims'>;
  readonly cpus: Pick<CpuManager, 'exclusiveCpus' | 'assignableCpus'> | undefined;
  readonly memory: Pick<MemoryManager, 'blocksOf' | 'allocatable'> | undefined;
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
        .flatMap(({ resource, ids }) =>
          byPlace(resource, ids, (id) => source.devices.device(resource, id)?.nodes ?? []),
        ),
      cpuIds: [...parseCpuSet(source.cpus?.exclusiveCpus(uid, container.name) ?? '')],
      memory: (source.memory?.blocksOf(uid, container.name) ?? []).map(({ type, size, numaAffinity }) => ({
        ...{ memoryType: type, size: String(size), topology: placeOf(numaAffinity) },
      })),
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

const placeOf = (nodes: readonly number[]) => ({ nodes: nodes.map((ID) => ({ ID })) });

/** An entry for each set of NUMA nodes that devices are near to. */
function byPlace(resourceName: string, ids: readonly string[], nodesOf: (id: string) => readonly number[]) {
  const groups = Map.groupBy(ids, (id) => nodesOf(id).join());
  return [...groups.values()].map((deviceIds) => {
    const nodes = nodesOf(deviceIds[0] as string);
    return { resourceName, deviceIds, ...(nodes.length === 0 ? {} : { topology: placeOf(nodes) }) };
  });
}

export function allocatableResources({ devices, cpus, memory }: PodResourcesSource) {
  return {
    devices: [...devices.available()].flatMap(([resource, list]) => {
      const ids = list.map(({ id }) => id);
      return byPlace(resource, ids, (id) => list.find((one) => one.id === id)?.nodes ?? []);
    }),
    cpuIds: cpus?.assignableCpus() ?? [],
    memory: (memory?.allocatable() ?? []).map(({ node, type, size }) => ({
      ...{ memoryType: type, size: String(size), topology: placeOf([node]) },
    })),
  };
}
