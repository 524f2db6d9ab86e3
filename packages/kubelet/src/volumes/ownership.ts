/** Gives a volume to the Pod's fsGroup. Source: kubernetes pkg/volume/volume_linux.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { HostFiles } from '../host/host-files.ts';
import { podContainers } from './volume.ts';

const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const EXECUTE = 0o110;
const SET_GID = 0o2000;

/** Nothing without fsGroup. With policy OnRootMismatch a root that fits spares the walk. */
export async function applyFsGroup(pod: Pod, path: string, readOnly: boolean, files: HostFiles): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined) return;
  if (fsGroupChangePolicy === 'OnRootMismatch' && (await rootFits(path, fsGroup, readOnly, files))) return;
  await walk(path, fsGroup, readOnly ? READ_ONLY : READ_WRITE, files);
}

async function rootFits(path: string, gid: number, readOnly: boolean, files: HostFiles): Promise<boolean> {
  const info = await files.lstat(path);
  const mask = (readOnly ? READ_ONLY : READ_WRITE) | EXECUTE | SET_GID;
  return info !== undefined && info.gid === gid && (info.mode & mask) === mask;
}

/** Children first: a root that fits then means that all do. */
async function walk(path: string, gid: number, mask: number, files: HostFiles): Promise<void> {
  const info = await files.lstat(path);
  if (info === undefined) return;
  const directory = info.kind === 'directory';
  if (directory) for (const name of (await files.list(path)) ?? []) await walk(`${path}/${name}`, gid, mask, files);
  await files.chown(path, -1, gid);
  if (info.kind !== 'symlink') await files.chmod(path, info.mode | mask | (directory ? EXECUTE | SET_GID : 0));
}

/** The one user of all containers, if there is one: a token may then be readable to it alone. */
export function commonUser(pod: Pod): number | undefined {
  const users = podContainers(pod).map((c) => c.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser);
  const [first] = users;
  return users.every((user) => user === first) ? first : undefined;
}
