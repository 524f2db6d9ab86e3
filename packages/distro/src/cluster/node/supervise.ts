/** Runs a process of a cluster, and with `--supervise` looks after the others meanwhile. */
import { existsSync } from 'node:fs';
import { type Ctx, childCtx } from '@kapella/base';
import type { ClusterOptions } from '@kapella/cli';
import { daemonPid } from '../../host/node/daemon.ts';
import type { Part, PartName } from '../bring-up.ts';
import { keepAlive } from '../keep-alive.ts';
import { tryClusterLock } from './lock.ts';
import { createMachine, partFiles } from './parts.ts';
import type { Program } from './program.ts';

/** `work` as it is; the others are looked after until it settles. */
export async function whileSupervising(
  own: 'server' | 'node',
  options: ClusterOptions,
  program: Program,
  work: Promise<void>,
  ctx: Ctx,
): Promise<void> {
  const { parts, further } = createMachine(options, program);
  const pidFiles = new Map(partFiles(options).map(({ name, pidFile }) => [name, pidFile]));
  const stop = new AbortController();
  // A pid file outlives its process only when that was not ended by us; a reboot clears both.
  const hasFallen = async (name: PartName) => {
    const pidFile = pidFiles.get(name) ?? '';
    return existsSync(pidFile) && (await daemonPid(pidFile)) === undefined;
  };
  const all: readonly Part[] = [
    ...Object.values(parts),
    ...further.flatMap(({ containerd, node }) => [containerd, node]),
  ];
  const others = all.filter(({ name }) => name !== own);
  const exclusively = (task: () => Promise<void>) => tryClusterLock(options.name, task);
  const watching = keepAlive({ parts: others, hasFallen, exclusively }, childCtx(ctx, stop.signal));
  await work.finally(() => {
    stop.abort();
    return watching;
  });
}
