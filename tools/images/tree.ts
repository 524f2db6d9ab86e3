/** Takes what an image needs out of unpacked Debian packages: programs with their libraries, and directories. */
import { readlinkSync, statSync, lstatSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { LayerEntry } from '@kapella/distro/host/node';
import { elfNeeds } from './elf.ts';

const TRIPLETS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;

/** The name of the library directory on this machine's architecture. */
export function triplet(): string {
  const found = (TRIPLETS as Record<string, string | undefined>)[process.arch];
  if (found === undefined) throw new Error(`images cannot be built on ${process.arch}`);
  return found;
}

/** Entries of the programs in `paths` (absolute in the tree) and of all shared libraries they need, from the same tree. */
export async function programEntries(tree: string, paths: readonly string[]): Promise<readonly LayerEntry[]> {
  const entries = new Map<string, LayerEntry>();
  const queue = paths.map((path) => ({ path, file: resolveIn(tree, path) }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const path = merged(next.path);
    if (entries.has(path)) continue;
    entries.set(path, fileEntry(path, next.file));
    for (const need of await needsOf(next.file)) queue.push({ path: need, file: resolveIn(tree, need) });
  }
  return [...entries.values()];
}

/** The libraries that a program outside the tree needs, from the tree. */
export async function libraryEntries(tree: string, program: string): Promise<readonly LayerEntry[]> {
  return programEntries(tree, await needsOf(program));
}

async function needsOf(file: string): Promise<readonly string[]> {
  const needs = elfNeeds(await readFile(file));
  if (needs === undefined) return [];
  const libraries = needs.libraries.map((name) =>
    name.startsWith('ld-linux') ? undefined : `/usr/lib/${triplet()}/${name}`,
  );
  return [...(needs.loader === undefined ? [] : [needs.loader]), ...libraries.filter((path) => path !== undefined)];
}

/** Everything below `path`, links kept. */
export async function directoryEntries(tree: string, path: string): Promise<readonly LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for (const item of await readdir(`${tree}${path}`, { withFileTypes: true, recursive: true })) {
    const full = posix.join(item.parentPath, item.name);
    const inImage = merged(full.slice(tree.length));
    if (item.isSymbolicLink()) entries.push({ type: 'symlink', path: inImage, target: readlinkSync(full) });
    else if (item.isDirectory()) entries.push({ type: 'dir', path: inImage });
    else if (item.isFile()) entries.push(fileEntry(inImage, full));
  }
  return entries;
}

/** One file of the host at `path` in the image. */
export function fileEntry(path: string, file: string): LayerEntry {
  const { size, mode } = statSync(file);
  return { type: 'file', path, content: { file, sizeBytes: size }, mode: mode & 0o7777 };
}

/** Images have a merged /usr as Debian has; package files of Debian 12 still name both places. */
const merged = (path: string) => path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/');

/** The real file behind `path` in the tree; links are followed inside it. */
export function resolveIn(tree: string, path: string): string {
  let current = path;
  for (let hops = 0; hops < 16; hops++) {
    const place = [current, current.replace(/^\/usr/, ''), `/usr${current}`].find((candidate) =>
      exists(`${tree}${candidate}`),
    );
    if (place === undefined) break;
    if (!lstatSync(`${tree}${place}`).isSymbolicLink()) return `${tree}${place}`;
    const target = readlinkSync(`${tree}${place}`);
    current = posix.isAbsolute(target) ? target : posix.join(posix.dirname(place), target);
  }
  throw new Error(`${path} is in none of the packages of this image`);
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
