/** Managers of what the node gives to containers one by one: device plugins, DRA drivers, CPUs. */
import type { Ctx } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import { createDeviceManager, type DeviceManager } from '../devices/device-manager.ts';
import { openDevicePluginSocket } from '../devices/node/device-plugins.ts';
import { createDraManager, type DraManager } from '../dra/dra-manager.ts';
import { connectDraDriver } from '../dra/node/dra-client.ts';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { createCpuManager, type CpuManager, reservedCpus } from '../cpus/cpu-manager.ts';
import { readTopology } from '../cpus/node/read-topology.ts';
import type { Cri } from '../cri/cri.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { openPodResourcesSocket } from '../pod-resources/node/pod-resources-server.ts';
import { reservedCpuMilli } from '../registration/allocatable.ts';
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
  /** Lets device plugins register from now on. */
  open(ctx: Ctx): Promise<void>;
}

export async function createNodeResources(options: NodeResourcesOptions): Promise<NodeResources> {
  const { nodeName, dataDir, client, recorder } = options;
  const dir = `${dataDir}/device-plugins`;
  const devices = await createDeviceManager({ files: hostFiles, dir, onChange: () => options.onChange() });
  const dra = await createDraManager({
    ...{ client, recorder, files: hostFiles, dir: dataDir, nodeName, connect: connectDraDriver },
  });
  const cpus = await createCpus(options);
  const fit = createNodeFitManager(nodeName, client, options.cache);
  const managers = [fit, devices, dra, ...(cpus === undefined ? [] : [cpus])];
  return {
    ...{ devices, dra, cpus, grants: combineManagers(managers) },
    async open(ctx) {
      await openDevicePluginSocket(dir, devices, ctx);
      const source = { workers: options.workers, devices, dra, cpus };
      await openPodResourcesSocket(`${dataDir}/pod-resources`, source, ctx);
    },
  };
}

const CPU_OPTIONS = ['full-pcpus-only', 'strict-cpu-reservation'];

/** undefined = the policy is none: the kernel shares all processors out. */
async function createCpus({ config, dataDir, cri, workers }: NodeResourcesOptions): Promise<CpuManager | undefined> {
  if (config.cpuManagerPolicy === 'none') return undefined;
  const wanted = config.cpuManagerPolicyOptions;
  const unknown = Object.keys(wanted).find((name) => !CPU_OPTIONS.includes(name));
  if (unknown !== undefined) {
    const known = CPU_OPTIONS.join(', ');
    throw new Error(`cpuManagerPolicyOptions: "${unknown}" is none that this node agent has; it has ${known}`);
  }
  const topology = await readTopology();
  const reserved = reservedCpus(topology, config.reservedSystemCPUs, reservedCpuMilli(config));
  return await createCpuManager({
    ...{ topology, files: hostFiles, dir: dataDir },
    options: {
      reserved,
      fullPcpusOnly: wanted['full-pcpus-only'] === 'true',
      strictReservation: wanted['strict-cpu-reservation'] === 'true',
    },
    running: () =>
      workers().flatMap(({ uid, observed }) =>
        observed.containers.flatMap(({ id, name, state }) => (state === 'running' ? [{ id, name, podUid: uid }] : [])),
      ),
    setCpus: (id, cpusetCpus, ctx) => cri.updateContainerResources(id, { cpusetCpus }, ctx),
  });
}
