/** Runs a process of a cluster, and with `--supervise` looks after the others meanwhile. */
import { existsSync } from 'node:fs';
import { type Ctx, childCtx } from '@kapella/base';
import type { ClusterOptions } from '@kapella/cli';
import { daemonPid } from '../../host/node/daemon.ts';
import type { PartName } from '../bring-up.ts';
import { keepAlive } from '../keep-alive.ts';
import { tryClusterLock } from './lock.ts';
import { clusterFiles, createMachine } from './parts.ts';
import type { Program } from './program.ts';

/** `work` as it is; the others are looked after until it settles. */
export async function whileSupervising(
  own: 'server' | 'node',
  options: ClusterOptions,
  program: Program,
  work: Promise<void>,
  ctx: Ctx,
): Promise<void> {
  const { pidFile } = clusterFiles(options.name, options.dataDir);
  const { parts } = createMachine(options, program);
  const stop = new AbortController();
  // A pid file outlives its process only when that was not ended by us; a reboot clears both.
  const hasFallen = async (name: PartName) =>
    existsSync(pidFile[name]) && (await daemonPid(pidFile[name])) === undefined;
  const others = Object.values(parts).filter(({ name }) => name !== own);
  const exclusively = (task: () => Promise<void>) => tryClusterLock(options.name, task);
  const watching = keepAlive({ parts: others, hasFallen, exclusively }, childCtx(ctx, stop.signal));
  await work.finally(() => {
    stop.abort();
    return watching;
  });
}
