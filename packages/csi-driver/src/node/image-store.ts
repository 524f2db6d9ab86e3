/** ImageStore in a directory: a folder for each image, which is moved into place whole. */
import { mkdir, open, readdir, readFile, rename, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageKind, type ImageRecord, type ImageStore, isImageId } from '../images.ts';
import { command } from './command.ts';

const IMAGE = 'disk.img';
const RECORD = 'record.json';

/** Makes the directory; half made images of a driver that was killed go. `dir` is absolute. */
export async function createImageStore(dir: string): Promise<ImageStore> {
  const folderOf = (kind: ImageKind, id: string) => join(dir, `${kind}s`, id);
  for (const kind of ['volume', 'snapshot'] as const)
    await mkdir(join(dir, `${kind}s`), { recursive: true, mode: 0o700 });
  const fresh = join(dir, 'new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });

  const get = async (kind: ImageKind, id: string): Promise<ImageRecord | undefined> => {
    if (!isImageId(id)) return undefined;
    const text = await readFile(join(folderOf(kind, id), RECORD), 'utf8').catch((error: { code?: string }) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return text === undefined ? undefined : (JSON.parse(text) as ImageRecord);
  };
  return {
    get,
    async list(kind) {
      const names = (await readdir(join(dir, `${kind}s`))).filter(isImageId).sort();
      const found = await Promise.all(names.map((id) => get(kind, id)));
      return found.filter((record) => record !== undefined);
    },
    async create(record, from) {
      if ((await get(record.kind, record.id)) !== undefined) return;
      const folder = join(fresh, record.id);
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o700 });
      const image = join(folder, IMAGE);
      if (from === undefined) await writeFile(image, '', { mode: 0o600 });
      else await command('cp', ['--reflink=auto', '--sparse=always', join(folderOf(from.kind, from.id), IMAGE), image]);
      await truncate(image, record.sizeBytes);
      await writeDurably(join(folder, RECORD), JSON.stringify(record));
      await rename(folder, folderOf(record.kind, record.id));
    },
    async grow(record, sizeBytes) {
      const folder = folderOf(record.kind, record.id);
      await truncate(join(folder, IMAGE), sizeBytes);
      const grown = { ...record, sizeBytes };
      await writeDurably(join(folder, `${RECORD}.new`), JSON.stringify(grown));
      await rename(join(folder, `${RECORD}.new`), join(folder, RECORD));
      return grown;
    },
    async remove(kind, id) {
      if (isImageId(id)) await rm(folderOf(kind, id), { recursive: true, force: true });
    },
    pathOf: ({ kind, id }) => join(folderOf(kind, id), IMAGE),
    async freeBytes() {
      const { bavail, bsize } = await statfs(dir);
      return bavail * bsize;
    },
  };
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
