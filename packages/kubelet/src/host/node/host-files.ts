/** HostFiles over node:fs; mounting through mount(8), as Node has no system call for it. */
import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FileInfo, FileKind, HostFiles } from '../host-files.ts';
import { openInside } from './open-inside.ts';

const run = promisify(execFile);
const MODE_BITS = 0o7777;

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function kindOf(stats: Stats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isSocket()) return 'socket';
  if (stats.isBlockDevice()) return 'block';
  return stats.isCharacterDevice() ? 'char' : 'other';
}

const infoOf = (stats: Stats | undefined): FileInfo | undefined =>
  stats && { kind: kindOf(stats), mode: stats.mode & MODE_BITS, uid: stats.uid, gid: stats.gid, sizeBytes: stats.size };

/** Octal escapes of /proc/self/mountinfo. */
const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));

async function mountsUnder(prefix: string): Promise<readonly string[]> {
  const table = await fs.readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  const below = points.filter((point) => point === prefix || point.startsWith(`${prefix}/`));
  return below.toSorted((a, b) => b.length - a.length);
}

async function readTail(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const file = await unlessMissing(fs.open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytesMax);
    const buffer = new Uint8Array(length);
    const { bytesRead } = await file.read(buffer, 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function mount(source: string, target: string, type: string, options: readonly string[]): Promise<void> {
  // A descriptor's path is to be taken as it is: what it was called a moment ago may be something else by now.
  const typed = type === 'bind' ? ['--no-canonicalize', '--bind'] : ['-t', type];
  await run('mount', ['-n', ...typed, ...(options.length > 0 ? ['-o', options.join(',')] : []), source, target]);
}

/** Exit code of blkid: it found nothing that it knows. */
const NOTHING_KNOWN = 2;

async function contentOf(device: string): Promise<string> {
  try {
    const { stdout } = await run('blkid', ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device]);
    return /^TYPE=(.+)$/m.exec(stdout)?.[1] ?? 'unknown';
  } catch (error) {
    if ((error as { code?: number }).code !== NOTHING_KNOWN) throw error;
    return '';
  }
}

/** Upstream's arguments: no blocks set aside for root; what looks like a partition is no obstacle. */
async function makeFileSystem(device: string, fsType: string): Promise<void> {
  const isExt = fsType === 'ext3' || fsType === 'ext4';
  const force = isExt ? ['-F', '-m0'] : fsType === 'xfs' || fsType === 'btrfs' ? ['-f'] : [];
  await run(`mkfs.${fsType}`, [...force, device]);
}

async function unmount(path: string): Promise<void> {
  if (!(await mountsUnder(path)).includes(path)) return;
  try {
    await run('umount', ['-n', path]);
  } catch {
    await run('umount', ['-n', '-l', path]);
  }
}

async function mkdir(path: string, mode: number): Promise<void> {
  const created = await fs.mkdir(path, { recursive: true });
  if (created !== undefined) await fs.chmod(path, mode);
}

async function write(path: string, data: Uint8Array | string, mode: number): Promise<void> {
  await fs.writeFile(path, data, { mode });
  await fs.chmod(path, mode);
}

/** `rm -r` that stops at mount points: what a volume holds must survive a failed unmount. */
async function remove(path: string): Promise<void> {
  if ((await mountsUnder(path)).length > 0) throw new Error(`${path} holds a mount point, refusing to remove it`);
  await fs.rm(path, { recursive: true, force: true });
}

export const hostFiles: HostFiles = {
  read: (path) => unlessMissing(fs.readFile(path)),
  readTail,
  write,
  mkdir,
  symlink: (target, path) => fs.symlink(target, path),
  readlink: (path) => unlessMissing(fs.readlink(path)),
  rename: (from, to) => fs.rename(from, to),
  remove,
  list: (path) => unlessMissing(fs.readdir(path)),
  lstat: async (path) => infoOf(await unlessMissing(fs.lstat(path))),
  stat: async (path) => infoOf(await unlessMissing(fs.stat(path))),
  realPath: (path) => unlessMissing(fs.realpath(path)),
  openInside: (root, relative, mode) => openInside(root, relative, mode, kindOf),
  chmod: (path, mode) => fs.chmod(path, mode),
  chown: (path, uid, gid) => fs.lchown(path, uid < 0 ? 0xffffffff : uid, gid < 0 ? 0xffffffff : gid),
  contentOf,
  makeFileSystem,
  mount,
  unmount,
  mountsUnder,
};
