/** Managers of what the node gives to containers one by one: device plugins, DRA drivers, CPUs. */
import type { Ctx } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import { createDeviceManager, type DeviceManager } from '../devices/device-manager.ts';
import { openDevicePluginSocket } from '../devices/node/device-plugins.ts';
import { createDraManager, type DraManager } from '../dra/dra-manager.ts';
import { connectDraDriver } from '../dra/node/dra-client.ts';
import { combineManagers, type GrantManager } from '../grants/grants.ts';
import { hostFiles } from '../host/node/host-files.ts';

export interface NodeResourcesOptions {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly client: Client;
  readonly recorder: EventRecorder;
  /** The node has more or less than before. */
  onChange(): void;
}

export interface NodeResources {
  readonly grants: GrantManager;
  readonly devices: DeviceManager;
  readonly dra: DraManager;
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
  return {
    ...{ devices, dra, grants: combineManagers([devices, dra]) },
    open: (ctx) => openDevicePluginSocket(dir, devices, ctx),
  };
}
