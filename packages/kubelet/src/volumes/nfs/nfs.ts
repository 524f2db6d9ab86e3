/** A directory of an NFS server; the host mounts it and needs Debian's nfs-common. Source: kubernetes pkg/volume/nfs. */
import type { NFSVolumeSource } from '@kapella/api/types/core-v1';
import type { HostFiles } from '../../host/host-files.ts';
import type { VolumePlugin } from '../volume.ts';

const DIR_MODE = 0o750;

export const nfsVolume: VolumePlugin = {
  name: 'nfs',
  supports: (volume) => volume.nfs !== undefined,
  async mount({ volume, dir }, { files }) {
    if (volume.nfs !== undefined) await mountNfs(volume.nfs, dir, [], files);
    return { hostPath: dir, readOnly: volume.nfs?.readOnly === true };
  },
};

/** Idempotent. Addresses of IPv6 are put in brackets, as mount.nfs wants them. */
export async function mountNfs(
  { server = '', path = '', readOnly = false }: NFSVolumeSource,
  dir: string,
  options: readonly string[],
  files: HostFiles,
): Promise<void> {
  if ((await files.mountsUnder(dir)).includes(dir)) return;
  await files.mkdir(dir, DIR_MODE);
  const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server;
  await files.mount(`${host}:${path}`, dir, 'nfs', [...options, ...(readOnly ? ['ro'] : [])]);
}
