/** CSI put together for one node. */
import type { PluginHandler } from '../plugins/plugin-manager.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { TokenSource } from '../volumes/tokens.ts';
import type { CsiSupport } from '../volumes/volume.ts';
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { CsiNodeService } from '@kapella/csi';
import { type CsiNodeWriter, createCsiNodeWriter } from './csi-node.ts';
import { createCsiVolumes } from './csi-volumes.ts';
import { createCsiDrivers } from './drivers.ts';
import { expandIfDue } from './expand.ts';
import { createMeter } from './measure.ts';
import { createVolumesInUse, type VolumesInUse } from './volumes-in-use.ts';

export interface CsiParts {
  readonly support: CsiSupport;
  readonly inUse: VolumesInUse;
  /** For plugins of type CSIPlugin. */
  readonly handler: PluginHandler;
  /** Once the Node object is there: makes the CSINode, frees what nobody uses whenever a driver comes. */
  start(ctx: Ctx): Promise<void>;
}

export interface CsiPartsDeps {
  readonly nodeName: string;
  readonly rootDir: string;
  readonly driverRootDir: string;
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly files: HostFiles;
  readonly tokens: TokenSource;
  connect(endpoint: string): CsiNodeService;
}

export function createCsiParts(deps: CsiPartsDeps): CsiParts {
  const { client, recorder, nodeName } = deps;
  const inUse = createVolumesInUse();
  const writer = createCsiNodeWriter(client, nodeName);
  const drivers = createCsiDrivers(writer, deps.connect);
  const volumes = createCsiVolumes({ ...deps, drivers, inUse });
  const expandDeps = { client, recorder, volumes };
  return {
    support: {
      volumes,
      measure: createMeter(volumes),
      expandIfDue: (pod, claim, pv, volume, ctx) => expandIfDue(pod, claim, pv, volume, expandDeps, ctx),
    },
    inUse,
    handler: drivers,
    async start(ctx) {
      await createInTime(writer, ctx);
      const reclaim = () => {
        volumes.reclaim(ctx).catch((error: unknown) => {
          if (!ctx.signal.aborted) ctx.log.warn('unused volumes not unstaged', { error: describeError(error) });
        });
      };
      drivers.onRegistered(reclaim);
    },
  };
}

const TRIES_MAX = 5;
const RETRY_MS = 1_000;

/** A node without drivers can do without: Pods must not wait for it for ever. Each driver that registers makes it, too. */
async function createInTime(writer: CsiNodeWriter, ctx: Ctx): Promise<void> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    try {
      return await writer.create(ctx);
    } catch (error) {
      ctx.signal.throwIfAborted();
      ctx.log.warn('CSINode not made', { tries, error: describeError(error) });
      await sleep(RETRY_MS, ctx);
    }
  }
}
