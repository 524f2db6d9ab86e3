/** Puts the driver together and serves it on a socket. */
import { mkdir } from 'node:fs/promises';
import type { Clock } from '@kapella/base';
import { type CsiServer, serveCsi } from '@kapella/csi/node';
import { createControllerService } from '../controller-service.ts';
import { createIdentityService } from '../identity-service.ts';
import type { ImageStore } from '../images.ts';
import { createNodeService } from '../node-service.ts';
import { createQuiesce } from './freeze.ts';
import { createImageStore } from './image-store.ts';
import { createNodeHost } from './node-host.ts';

const VOLUMES_MAX = 200;

export interface DriverOptions {
  readonly nodeId: string;
  /** Absolute; holds the images. */
  readonly dataDir: string;
  /** Absolute path of the socket to listen on. */
  readonly socket: string;
}

export interface RunningDriver {
  readonly store: ImageStore;
  readonly controller: ReturnType<typeof createControllerService>;
  readonly server: CsiServer;
}

export async function startDriver({ nodeId, dataDir, socket }: DriverOptions, clock: Clock): Promise<RunningDriver> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const store = await createImageStore(dataDir);
  const host = createNodeHost();
  const controller = createControllerService({
    nodeId,
    store,
    clock,
    isInUse: async (volume) => (await host.loopOf(store.pathOf(volume))) !== undefined,
    quiesced: createQuiesce(host, store),
  });
  const server = await serveCsi(socket, {
    Identity: createIdentityService(),
    Controller: controller,
    Node: createNodeService({ nodeId, store, host, volumesMax: VOLUMES_MAX }),
  });
  return { store, controller, server };
}
