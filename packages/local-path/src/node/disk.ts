/** LocalPathDisk on this machine. */
import { chmod, mkdir, rm, statfs } from 'node:fs/promises';
import type { LocalPathDisk } from '../local-path.ts';

export const hostDisk: LocalPathDisk = {
  async make(path) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  async freeBytes(dir) {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  },
};
