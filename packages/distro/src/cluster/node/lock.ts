/** One `up`, `down` or `reset` of a cluster at a time. The lock of a process that is gone does not count. */
import { link, mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Ctx, sleep } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { daemonPid, processStat } from '../../host/node/daemon.ts';
import { formatPidRecord } from '../../host/process-stat.ts';

const WAIT_MS_MAX = 15_000;
const POLL_MS = 50;

/** Waits a while for another holder. Throws CliError Failed when it stays. */
export async function withClusterLock<T>(name: string, ctx: Ctx, work: () => Promise<T>): Promise<T> {
  const deadline = ctx.clock.monotonicMs() + WAIT_MS_MAX;
  for (;;) {
    const holder = await takeLock(name);
    if (holder === undefined) break;
    if (ctx.clock.monotonicMs() > deadline) throw atWork(name, holder);
    await sleep(POLL_MS, ctx);
  }
  return releasing(name, work);
}

/** Throws CliError Failed at once when another holds it. */
export async function tryClusterLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const holder = await takeLock(name);
  if (holder !== undefined) throw atWork(name, holder);
  return releasing(name, work);
}

const lockFile = (name: string) => `/run/kapella/${name}.lock`;

function atWork(name: string, holder: number): CliError {
  const message = `another kapella (process ${holder}) is at work on cluster ${name}`;
  return new CliError('Failed', message, 'Wait until it has ended, then try again.');
}

async function releasing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await rm(lockFile(name), { force: true });
    await rmdir(dirname(lockFile(name))).catch(() => {}); // clusters are in it
  }
}

/** Undefined when it was taken; else the process that holds it. */
async function takeLock(name: string): Promise<number | undefined> {
  const file = lockFile(name);
  const own = `${file}.${process.pid}`;
  const stat = await processStat(process.pid);
  for (;;) {
    await mkdir(dirname(file), { recursive: true });
    // Linked when whole, so that nobody sees a lock without a holder.
    await writeFile(own, formatPidRecord({ pid: process.pid, startTime: stat?.startTime ?? '0' }));
    const isTaken = await link(own, file).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    await rm(own, { force: true });
    if (isTaken) return undefined;
    const holder = await daemonPid(file);
    if (holder !== undefined) return holder;
    await rm(file, { force: true });
  }
}
