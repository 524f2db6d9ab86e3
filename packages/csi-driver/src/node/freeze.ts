/** Holds a mounted file system still while its image is copied. */
import { readFile } from 'node:fs/promises';
import type { ImageRecord, ImageStore } from '../images.ts';
import { parseMounts } from '../mounts.ts';
import type { NodeHost } from '../node-service.ts';
import { command } from './command.ts';

export function createQuiesce(host: NodeHost, store: ImageStore) {
  return async (volume: ImageRecord, copy: () => Promise<void>): Promise<void> => {
    const loop = await host.loopOf(store.pathOf(volume));
    if (loop === undefined) return await copy();
    const device = volume.encrypted ? `/dev/mapper/${volume.id}` : loop;
    const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
    const point = mounts.find(({ source }) => source === device)?.point;
    if (point === undefined) {
      await command('blockdev', ['--flushbufs', loop]);
      return await copy();
    }
    await command('fsfreeze', ['--freeze', point]);
    try {
      await copy();
    } finally {
      await command('fsfreeze', ['--unfreeze', point]);
    }
  };
}
