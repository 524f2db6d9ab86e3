/**
 * Opens a path below a directory without ever following a link that someone swaps in: one name at a time, each by the
 * descriptor of its parent, as openat(2) would. Source: kubernetes pkg/volume/util/subpath/subpath_linux.go.
 */
import { constants, type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { FileKind, HeldFile } from '../host-files.ts';

const O_PATH = 0o10000000;

/** `kindOf` as HostFiles tells kinds. */
export async function openInside(
  root: string,
  relative: string,
  mode: number,
  kindOf: (stats: Stats) => FileKind,
): Promise<HeldFile> {
  const realRoot = await fs.realpath(root);
  const names = await resolveInside(realRoot, relative);
  let held = await fs.open(realRoot, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const name of names) {
      const next = await step(held, name, mode);
      await held.close();
      held = next;
    }
    const kind = kindOf(await held.stat());
    const path = `/proc/${process.pid}/fd/${held.fd}`;
    const open = held;
    return { path, kind, [Symbol.asyncDispose]: () => open.close() };
  } catch (error) {
    await held.close();
    throw error;
  }
}

/** The names below the root with links followed, as far as they are there by now. Throws when they lead out. */
async function resolveInside(realRoot: string, relative: string): Promise<readonly string[]> {
  const names = relative.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new Error(`subpath ${relative} must not contain ..`);
  for (let known = names.length; known > 0; known--) {
    const real = await fs.realpath([realRoot, ...names.slice(0, known)].join('/')).catch((error: { code?: string }) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (real === undefined) continue;
    if (real !== realRoot && !real.startsWith(`${realRoot}/`))
      throw new Error(`subpath ${relative} leads out of its volume`);
    const inside = real.slice(realRoot.length).split('/');
    return [...inside.filter((name) => name !== ''), ...names.slice(known)];
  }
  return names;
}

async function step(parent: fs.FileHandle, name: string, mode: number): Promise<fs.FileHandle> {
  const path = `/proc/self/fd/${parent.fd}/${name}`;
  let held = await openName(path);
  if (held === undefined) {
    await fs.mkdir(path, { mode }).catch((error: { code?: string }) => {
      if (error.code !== 'EEXIST') throw error;
    });
    held = await openName(path);
    if (held === undefined) throw new Error(`${name} was removed while it was made`);
    const stats = await held.stat();
    if (stats.isDirectory()) await fs.chmod(`/proc/self/fd/${held.fd}`, mode); // whatever the umask is
  }
  const stats = await held.stat();
  if (!stats.isSymbolicLink()) return held;
  await held.close();
  throw new Error(`${name} became a link while it was opened`);
}

async function openName(path: string): Promise<fs.FileHandle | undefined> {
  try {
    return await fs.open(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}
