/** One `up`, `down` or `reset` of a cluster at a time. The lock of a process that is gone does not count. */
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '@kapella/cli';
import { daemonPid, processStat } from '../../host/node/daemon.ts';
import { formatPidRecord } from '../../host/process-stat.ts';

export async function withClusterLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = `/run/kapella/${name}.lock`;
  await mkdir(dirname(file), { recursive: true });
  await takeLock(file, name);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function takeLock(file: string, name: string): Promise<void> {
  const stat = await processStat(process.pid);
  const text = formatPidRecord({ pid: process.pid, startTime: stat?.startTime ?? '0' });
  const own = `${file}.${process.pid}`;
  for (let tries = 1; ; tries++) {
    // Linked when whole, so that nobody sees a lock without a holder.
    await writeFile(own, text);
    const taken = await link(own, file).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    await rm(own, { force: true });
    if (taken) return;
    const holder = await daemonPid(file);
    if (holder !== undefined || tries > 3) {
      const message = `another kapella (process ${holder ?? 'unknown'}) is at work on cluster ${name}`;
      throw new CliError('Failed', message, 'Wait until it has ended, then try again.');
    }
    await rm(file, { force: true });
  }
}
