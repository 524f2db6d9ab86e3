/** The directory of static Pods (or one file), watched. */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { NewObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { StaticFiles } from '../static-source.ts';

/** Also looked at when nobody has told of a change: upstream's fileCheckFrequency. */
const LOOK_MS = 20_000;
/** A file is written in pieces. */
const SETTLE_MS = 100;
const FILE_BYTES_MAX = 1 << 20;

export function staticFiles(path: string, parse: (text: string) => NewObject<Pod>): StaticFiles {
  return { read: () => readAll(path), changed: (ctx) => changed(path, ctx), hash, parse };
}

/** As long as a uid of upstream's. */
const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);

async function readAll(path: string): Promise<ReadonlyMap<string, string>> {
  const found = await fs.stat(path).catch(() => undefined);
  if (found === undefined) return new Map();
  const names = found.isDirectory() ? await fs.readdir(path) : [''];
  const contents = new Map<string, string>();
  // Hidden ones are on their way to another name, or an editor's.
  for (const name of names.filter((one) => !one.startsWith('.')).sort()) {
    const file = name === '' ? path : join(path, name);
    const stat = await fs.stat(file).catch(() => undefined);
    if (stat?.isFile() && stat.size <= FILE_BYTES_MAX) contents.set(file, await fs.readFile(file, 'utf8'));
  }
  return contents;
}

async function changed(path: string, ctx: Ctx): Promise<void> {
  await new Promise<void>((resolve) => {
    let watcher: FSWatcher | undefined;
    const done = () => {
      watcher?.close();
      clearTimeout(timer);
      ctx.signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MS);
    ctx.signal.addEventListener('abort', done, { once: true });
    try {
      watcher = watch(path, () => setTimeout(done, SETTLE_MS));
      watcher.on('error', done);
    } catch {
      // Not there (yet): it is looked for again after a while.
    }
  });
}
