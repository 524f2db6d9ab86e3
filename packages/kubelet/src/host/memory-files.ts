/** HostFiles in memory, for tests and hollow nodes. Paths are exact; links are followed only as the whole path. */
import type { FileInfo, HostFiles } from './host-files.ts';

interface Node {
  info: FileInfo;
  data: Uint8Array;
  target?: string;
}

export interface MemoryFiles extends HostFiles {
  /** Every path with its kind. */
  paths(): readonly string[];
}

export function createMemoryFiles(): MemoryFiles {
  const nodes = new Map<string, Node>();
  const mounts = new Set<string>();
  const encoder = new TextEncoder();
  const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
  const put = (path: string, kind: FileInfo['kind'], mode: number, data = new Uint8Array(), target?: string) =>
    nodes.set(path, {
      info: { kind, mode, uid: 0, gid: 0, sizeBytes: data.length },
      data,
      ...(target === undefined ? {} : { target }),
    });
  const resolve = (path: string): string => {
    let at = '';
    for (const part of path.split('/').slice(1)) {
      const next = `${at}/${part}`;
      const target = nodes.get(next)?.target;
      at = target === undefined ? next : target.startsWith('/') ? resolve(target) : resolve(`${at}/${target}`);
    }
    return at;
  };
  const makeDirs = (path: string, mode: number) => {
    if (path === '' || nodes.has(path)) return;
    makeDirs(parentOf(path), 0o755);
    put(path, 'directory', mode);
  };
  return {
    paths: () => [...nodes.keys()].sort(),
    read: async (path) => nodes.get(resolve(path))?.data,
    readTail: async (path, bytesMax) => nodes.get(resolve(path))?.data.slice(-bytesMax),
    async write(path, data, mode) {
      if (!nodes.has(resolve(parentOf(path)))) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      put(path, 'file', mode, typeof data === 'string' ? encoder.encode(data) : data.slice());
    },
    mkdir: async (path, mode) => makeDirs(path, mode),
    async symlink(target, path) {
      put(path, 'symlink', 0o777, new Uint8Array(), target);
    },
    readlink: async (path) => nodes.get(path)?.target,
    async rename(from, to) {
      for (const [path, node] of [...nodes]) {
        if (path !== from && !path.startsWith(`${from}/`)) continue;
        nodes.delete(path);
        nodes.set(to + path.slice(from.length), node);
      }
    },
    async remove(path) {
      for (const other of [...nodes.keys()]) if (other === path || other.startsWith(`${path}/`)) nodes.delete(other);
    },
    async list(path) {
      const dir = resolve(path);
      if (nodes.get(dir)?.info.kind !== 'directory') return undefined;
      const below = [...nodes.keys()]
        .filter((other) => other.startsWith(`${dir}/`))
        .map((other) => other.slice(dir.length + 1));
      return below.filter((name) => !name.includes('/'));
    },
    lstat: async (path) => nodes.get(path)?.info,
    stat: async (path) => nodes.get(resolve(path))?.info,
    realPath: async (path) => (nodes.has(resolve(path)) ? resolve(path) : undefined),
    async chmod(path, mode) {
      const node = nodes.get(path);
      if (node !== undefined) node.info = { ...node.info, mode };
    },
    async chown(path, uid, gid) {
      const node = nodes.get(path);
      if (node === undefined) return;
      node.info = { ...node.info, uid: uid < 0 ? node.info.uid : uid, gid: gid < 0 ? node.info.gid : gid };
    },
    async mount(_source, target) {
      mounts.add(target);
    },
    unmount: async (path) => void mounts.delete(path),
    mountsUnder: async (prefix) =>
      [...mounts]
        .filter((point) => point === prefix || point.startsWith(`${prefix}/`))
        .toSorted((a, b) => b.length - a.length),
  };
}
