/**
 * Writes a set of files so that readers see all of one version or all of the next: a directory per version, `..data`
 * pointing to the present one, a link per top-level name. Source: kubernetes pkg/volume/util/atomic_writer.go.
 */
import type { Random } from '@kapella/base';
import type { HostFiles } from '../host/host-files.ts';

export interface PayloadFile {
  readonly data: Uint8Array;
  readonly mode: number;
  /** Owner, where it is not root. */
  readonly uid?: number;
}

/** Relative paths without `..`. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA = '..data';
const DATA_TMP = '..data_tmp';
const DIR_MODE = 0o755;

/** True when something was written. `finish` is called on the new version's directory before anybody sees it. */
export async function writeAtomically(
  dir: string,
  payload: Payload,
  files: HostFiles,
  random: Random,
  finish: (path: string) => Promise<void>,
): Promise<boolean> {
  checkPaths(payload);
  await files.mkdir(dir, DIR_MODE);
  const present = await files.readlink(`${dir}/${DATA}`);
  if (present !== undefined && (await isSame(`${dir}/${present}`, payload, files))) return false;

  const version = `..${hex(random.bytes(8))}`;
  await writeVersion(`${dir}/${version}`, payload, files);
  await finish(`${dir}/${version}`);
  await files.remove(`${dir}/${DATA_TMP}`);
  await files.symlink(version, `${dir}/${DATA_TMP}`);
  await files.rename(`${dir}/${DATA_TMP}`, `${dir}/${DATA}`);
  await linkNames(dir, payload, files);
  await removeStale(dir, version, payload, files);
  return true;
}

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const topOf = (path: string) => path.split('/')[0] as string;

function checkPaths(payload: Payload): void {
  for (const path of payload.keys()) {
    const parts = path.split('/');
    if (path === '' || path.startsWith('/') || parts.includes('..') || path.startsWith('..')) {
      throw new Error(`invalid path: "${path}"`);
    }
  }
}

async function writeVersion(dir: string, payload: Payload, files: HostFiles): Promise<void> {
  await files.mkdir(dir, DIR_MODE);
  for (const [path, { data, mode, uid }] of payload) {
    const slash = path.lastIndexOf('/');
    if (slash >= 0) await files.mkdir(`${dir}/${path.slice(0, slash)}`, DIR_MODE);
    await files.write(`${dir}/${path}`, data, mode);
    if (uid !== undefined) await files.chown(`${dir}/${path}`, uid, -1);
  }
}

async function linkNames(dir: string, payload: Payload, files: HostFiles): Promise<void> {
  for (const name of new Set([...payload.keys()].map(topOf))) {
    if ((await files.lstat(`${dir}/${name}`)) === undefined) await files.symlink(`${DATA}/${name}`, `${dir}/${name}`);
  }
}

async function removeStale(dir: string, version: string, payload: Payload, files: HostFiles): Promise<void> {
  const wanted = new Set([...payload.keys()].map(topOf));
  for (const name of (await files.list(dir)) ?? []) {
    if (name === DATA || name === version) continue;
    const stale = name.startsWith('..') || !wanted.has(name);
    if (stale) await files.remove(`${dir}/${name}`);
  }
}

async function isSame(dir: string, payload: Payload, files: HostFiles): Promise<boolean> {
  const found = new Map<string, Uint8Array>();
  if (!(await collect(dir, '', files, found)) || found.size !== payload.size) return false;
  return [...payload].every(([path, { data }]) => {
    const old = found.get(path);
    return old !== undefined && old.length === data.length && old.every((byte, i) => byte === data[i]);
  });
}

async function collect(root: string, below: string, files: HostFiles, into: Map<string, Uint8Array>): Promise<boolean> {
  const names = await files.list(`${root}${below}`);
  if (names === undefined) return false;
  for (const name of names) {
    const path = `${below}/${name}`;
    if ((await files.lstat(root + path))?.kind === 'directory') {
      if (!(await collect(root, path, files, into))) return false;
    } else {
      into.set(path.slice(1), (await files.read(root + path)) ?? new Uint8Array());
    }
  }
  return true;
}
