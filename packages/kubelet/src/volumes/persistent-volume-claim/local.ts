/** A directory or a disk of this node; a disk that is to be a file system gets one. Source: kubernetes pkg/volume/local. */
import type { PersistentVolume, Pod } from '@kapella/api/types/core-v1';
import type { HostFiles } from '../../host/host-files.ts';
import { applyFsGroup } from '../ownership.ts';
import type { MountedVolume } from '../volume.ts';

const FS_TYPE_DEFAULT = 'ext4';
const DIR_MODE = 0o750;

/** `dir`: the volume's own directory of this Pod, where a disk is mounted. Idempotent; never formats what holds anything. */
export async function mountLocal(
  pod: Pod,
  { spec }: PersistentVolume,
  dir: string,
  readOnly: boolean,
  files: HostFiles,
): Promise<MountedVolume> {
  const { path = '', fsType } = spec.local ?? {};
  const info = await files.stat(path);
  if (info === undefined) throw new Error(`path "${path}" does not exist`);
  if (spec.volumeMode === 'Block') return { hostPath: path, readOnly, block: true };
  if (info.kind === 'block') {
    await mountDisk(
      path,
      dir,
      fsType || FS_TYPE_DEFAULT,
      [...(spec.mountOptions ?? []), ...(readOnly ? ['ro'] : [])],
      files,
    );
  }
  const hostPath = info.kind === 'block' ? dir : path;
  if (!readOnly) await applyFsGroup(pod, hostPath, false, files);
  return { hostPath, readOnly };
}

/** A Linux file system may be mounted at several places: a second Pod of the node has it at its own. */
async function mountDisk(
  device: string,
  dir: string,
  fsType: string,
  options: readonly string[],
  files: HostFiles,
): Promise<void> {
  if ((await files.mountsUnder(dir)).includes(dir)) return;
  const found = await files.contentOf(device);
  if (found === '') {
    if (options.includes('ro')) throw new Error(`cannot mount unformatted disk ${device} as it is in read-only mode`);
    await files.makeFileSystem(device, fsType);
  } else if (found !== fsType) {
    throw new Error(`failed to mount the volume as "${fsType}", it already contains ${found}`);
  }
  await files.mkdir(dir, DIR_MODE);
  await files.mount(device, dir, fsType, options);
}
