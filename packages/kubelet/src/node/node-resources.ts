/** Managers of what the node gives to containers one by one: device plugins, DRA drivers, CPUs. */
import type { Ctx, MetricsRegistry } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import { createDeviceManager, type DeviceManager } from '../devices/device-manager.ts';
import { openDevicePluginSocket } from '../devices/node/device-plugins.ts';
import { createDraManager, type DraManager } from '../dra/dra-manager.ts';
import { connectDraDriver } from '../dra/node/dra-client.ts';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { createCpuManager, type CpuManager, reservedCpus } from '../cpus/cpu-manager.ts';
import { parseCpuSet } from '../cpus/cpu-set.ts';
import { checkCpuOptions, parseCpuOptions } from '../cpus/cpu-options.ts';
import { readTopology } from '../cpus/node/read-topology.ts';
import type { Cri } from '../cri/cri.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { openPodResourcesSocket } from '../pod-resources/node/pod-resources-server.ts';
import { createMemoryManager, type MemoryManager, reservedByNode } from '../memory/memory-manager.ts';
import { type NumaFacts, readNumaNodes } from '../memory/node/read-numa.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import { keptMemoryBytes, reservedCpuMilli } from '../registration/allocatable.ts';
import { createTopologyManager, type HintProvider } from '../topology/topology-manager.ts';
import { createNodeFitManager } from './node-fit-manager.ts';
import { combineManagers, type GrantManager } from '../grants/grants.ts';
import { hostFiles } from '../host/node/host-files.ts';

export interface NodeResourcesOptions {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly client: Client;
  readonly cache: Cache;
  readonly recorder: EventRecorder;
  readonly cri: Cri;
  readonly config: KubeletConfig;
  readonly memoryBytes: number;
  readonly metrics: KubeletMetrics;
  workers(): readonly PodWorker[];
  /** The node has more or less than before. */
  onChange(): void;
}

export interface NodeResources {
  readonly grants: GrantManager;
  readonly devices: DeviceManager;
  readonly dra: DraManager;
  /** undefined = the kernel shares all processors out. */
  readonly cpus: CpuManager | undefined;
  /** undefined = memory may come from anywhere. */
  readonly memory: MemoryManager | undefined;
  /** Lets device plugins register from now on. */
  open(ctx: Ctx): Promise<void>;
}

export async function createNodeResources(options: NodeResourcesOptions): Promise<NodeResources> {
  const { nodeName, dataDir, client, recorder } = options;
  const dir = `${dataDir}/device-plugins`;
  const numa = await readNumaNodes(options.memoryBytes);
  const numaNodes = numa.map(({ id }) => id);
  const onHealth = (podUids: readonly string[]) => {
    for (const worker of options.workers()) if (podUids.includes(worker.uid)) worker.wake(false);
  };
  const onChange = () => options.onChange();
  const { metrics } = options;
  const devices = await createDeviceManager({ files: hostFiles, dir, numaNodes, onChange, onHealth, metrics });
  const dra = await createDraManager({
    ...{ client, recorder, files: hostFiles, dir: dataDir, nodeName, connect: connectDraDriver, onHealth },
  });
  const cpus = await createCpus(options);
  const fit = createNodeFitManager(nodeName, client, options.cache);
  const memory = await createMemory(options, numa);
  countCpus(metrics.registry, cpus);
  const aligned = [devices, cpus, memory].filter((provider) => provider !== undefined);
  const managers = [fit, createTopology(options, numa, aligned), dra];
  return {
    ...{ devices, dra, cpus, memory, grants: combineManagers(managers) },
    async open(ctx) {
      await openDevicePluginSocket(dir, devices, ctx);
      const source = { workers: options.workers, devices, dra, cpus, memory };
      await openPodResourcesSocket(`${dataDir}/pod-resources`, source, ctx);
    },
  };
}

function countCpus(registry: MetricsRegistry, cpus: CpuManager | undefined): void {
  registry.readGauge(
    'kubelet_cpu_manager_shared_pool_size_millicores',
    'The size of the shared CPU pool for non-guaranteed QoS pods, in millicores.',
    () => parseCpuSet(cpus?.sharedCpus() ?? '').size * 1000,
  );
  registry.readGauge(
    'kubelet_cpu_manager_exclusive_cpu_allocation_count',
    'The total number of CPUs exclusively allocated to containers running on this node',
    () => cpus?.exclusiveCount() ?? 0,
  );
}

function createTopology(
  { config, metrics }: NodeResourcesOptions,
  nodes: readonly NumaFacts[],
  providers: readonly HintProvider[],
): GrantManager {
  return createTopologyManager(
    {
      ...{ policy: config.topologyManagerPolicy, scope: config.topologyManagerScope, nodes, counters: metrics },
      options: config.topologyManagerPolicyOptions,
    },
    providers,
  );
}

async function createMemory(
  { config, dataDir, memoryBytes, metrics }: NodeResourcesOptions,
  numa: readonly NumaFacts[],
): Promise<MemoryManager | undefined> {
  if (config.memoryManagerPolicy === 'None') return undefined;
  const reserved = reservedByNode(config.reservedMemory, keptMemoryBytes(memoryBytes, config));
  const stranger = [...reserved.keys()].find((id) => !numa.some((node) => node.id === id));
  if (stranger !== undefined) throw new Error(`reservedMemory: this machine has no NUMA node ${stranger}`);
  const nodes = numa.map(({ id, total }) => ({ id, total, reserved: reserved.get(id) ?? new Map() }));
  return await createMemoryManager({ nodes, files: hostFiles, dir: dataDir, pinned: metrics.memoryPinned });
}

/** undefined = the policy is none: the kernel shares all processors out. */
async function createCpus(options: NodeResourcesOptions): Promise<CpuManager | undefined> {
  const { config, dataDir, cri, workers, metrics } = options;
  if (config.cpuManagerPolicy === 'none') return undefined;
  const cpuOptions = parseCpuOptions(config.cpuManagerPolicyOptions);
  const topology = await readTopology();
  checkCpuOptions(cpuOptions, topology, config.topologyManagerPolicy);
  const reserved = reservedCpus(topology, config.reservedSystemCPUs, reservedCpuMilli(config));
  return await createCpuManager({
    ...{ topology, reserved, options: cpuOptions, files: hostFiles, dir: dataDir, pinned: metrics.cpuPinned },
    running: () =>
      workers().flatMap(({ uid, observed }) =>
        observed.containers.flatMap(({ id, name, state }) => (state === 'running' ? [{ id, name, podUid: uid }] : [])),
      ),
    setCpus: (id, cpusetCpus, ctx) => cri.updateContainerResources(id, { cpusetCpus }, ctx),
  });
}
