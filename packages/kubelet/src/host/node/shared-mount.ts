/** Mounts that containers and CSI drivers make below a directory must reach the host and other containers. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isSharedAt } from '../shared-mounts.ts';

const run = promisify(execFile);

/** Makes `dir` a shared mount of its own where the mount that it is on is private, as / is where systemd is not. */
export async function ensureShared(dir: string): Promise<void> {
  if (isSharedAt(await readFile('/proc/self/mountinfo', 'utf8'), dir)) return;
  await run('mount', ['-n', '--rbind', dir, dir]);
  await run('mount', ['-n', '--make-rshared', dir]);
}
