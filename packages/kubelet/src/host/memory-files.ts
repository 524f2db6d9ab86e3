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

export const createMemoryFiles = (): MemoryFiles => new Files();

const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
const isBelow = (path: string, root: string) => path === root || path.startsWith(`${root}/`);

class Files implements MemoryFiles {
  readonly #nodes = new Map<string, Node>();
  readonly #mounts = new Set<string>();
  readonly #contents = new Map<string, string>();

  paths(): readonly string[] {
    return [...this.#nodes.keys()].sort();
  }

  #put(path: string, kind: FileInfo['kind'], mode: number, data = new Uint8Array(), target?: string): void {
    const info = { kind, mode, uid: 0, gid: 0, sizeBytes: data.length };
    this.#nodes.set(path, { info, data, ...(target === undefined ? {} : { target }) });
  }

  #resolve(path: string): string {
    let at = '';
    for (const part of path.split('/').slice(1)) {
      const next = `${at}/${part}`;
      const target = this.#nodes.get(next)?.target;
      if (target === undefined) at = next;
      else at = this.#resolve(target.startsWith('/') ? target : `${at}/${target}`);
    }
    return at;
  }

  #makeDirs(path: string, mode: number): void {
    if (path === '' || this.#nodes.has(path)) return;
    this.#makeDirs(parentOf(path), 0o755);
    this.#put(path, 'directory', mode);
  }

  async read(path: string) {
    return this.#nodes.get(this.#resolve(path))?.data;
  }

  async readTail(path: string, bytesMax: number) {
    return this.#nodes.get(this.#resolve(path))?.data.slice(-bytesMax);
  }

  async write(path: string, data: Uint8Array | string, mode: number) {
    const there = this.#nodes.has(this.#resolve(parentOf(path)));
    if (!there) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    this.#put(path, 'file', mode, typeof data === 'string' ? new TextEncoder().encode(data) : data.slice());
  }

  async mkdir(path: string, mode: number) {
    this.#makeDirs(path, mode);
  }

  async symlink(target: string, path: string) {
    this.#put(path, 'symlink', 0o777, new Uint8Array(), target);
  }

  async readlink(path: string) {
    return this.#nodes.get(path)?.target;
  }

  async rename(from: string, to: string) {
    for (const [path, node] of [...this.#nodes]) {
      if (!isBelow(path, from)) continue;
      this.#nodes.delete(path);
      this.#nodes.set(to + path.slice(from.length), node);
    }
  }

  async remove(path: string) {
    for (const other of [...this.#nodes.keys()]) if (isBelow(other, path)) this.#nodes.delete(other);
  }

  async list(path: string) {
    const dir = this.#resolve(path);
    if (this.#nodes.get(dir)?.info.kind !== 'directory') return undefined;
    const below = [...this.#nodes.keys()].filter((other) => other.startsWith(`${dir}/`));
    return below.map((other) => other.slice(dir.length + 1)).filter((name) => !name.includes('/'));
  }

  async lstat(path: string) {
    return this.#nodes.get(path)?.info;
  }

  async stat(path: string) {
    return this.#nodes.get(this.#resolve(path))?.info;
  }

  async realPath(path: string) {
    const real = this.#resolve(path);
    return this.#nodes.has(real) ? real : undefined;
  }

  async openInside(root: string, relative: string, mode: number) {
    const path = `${root}/${relative}`;
    const real = this.#resolve(path);
    if (real !== root && !real.startsWith(`${this.#resolve(root)}/`))
      throw new Error(`subpath ${relative} leads out of its volume`);
    this.#makeDirs(real, mode);
    return { path: real, kind: this.#nodes.get(real)?.info.kind ?? 'directory', [Symbol.asyncDispose]: async () => {} };
  }

  async chmod(path: string, mode: number) {
    const node = this.#nodes.get(path);
    if (node !== undefined) node.info = { ...node.info, mode };
  }

  async chown(path: string, uid: number, gid: number) {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    const { info } = node;
    node.info = { ...info, uid: uid < 0 ? info.uid : uid, gid: gid < 0 ? info.gid : gid };
  }

  async contentOf(device: string) {
    return this.#contents.get(device) ?? '';
  }

  async makeFileSystem(device: string, fsType: string) {
    this.#contents.set(device, fsType);
  }

  async mount(_source: string, target: string) {
    this.#mounts.add(target);
  }

  async unmount(path: string) {
    this.#mounts.delete(path);
  }

  async mountsUnder(prefix: string) {
    return [...this.#mounts].filter((point) => isBelow(point, prefix)).toSorted((a, b) => b.length - a.length);
  }
}
