/** A file or directory of the node. Source: kubernetes pkg/volume/hostpath. */
import type { FileKind, HostFiles } from '../../host/host-files.ts';
import type { VolumePlugin } from '../volume.ts';

export const hostPathVolume: VolumePlugin = {
  name: 'host-path',
  supports: (volume) => volume.hostPath !== undefined,
  async mount({ volume }, { files }) {
    const { path = '', type = '' } = volume.hostPath ?? {};
    await checkHostPath(path, type, files);
    return { hostPath: path, readOnly: false };
  },
};

const WANTED: Readonly<Record<string, readonly [FileKind, string]>> = {
  Directory: ['directory', 'a directory'],
  DirectoryOrCreate: ['directory', 'a directory'],
  File: ['file', 'a file'],
  FileOrCreate: ['file', 'a file'],
  Socket: ['socket', 'a socket file'],
  CharDevice: ['char', 'a character device'],
  BlockDevice: ['block', 'a block device'],
};

/** Creates what may be created and checks the rest. Throws with upstream's text. */
export async function checkHostPath(path: string, type: string, files: HostFiles): Promise<void> {
  if (path.split('/').includes('..')) throw new Error("path must not contain '..'");
  if (type === '') return;
  const want = Object.hasOwn(WANTED, type) ? WANTED[type] : undefined;
  if (want === undefined) throw new Error(`${type} is an invalid volume type`);
  let info = await files.stat(path);
  if (info === undefined && type === 'DirectoryOrCreate') await files.mkdir(path, 0o755);
  if (info === undefined && type === 'FileOrCreate') await files.write(path, '', 0o644);
  if (info === undefined && type.endsWith('OrCreate')) info = await files.stat(path);
  if (info?.kind !== want[0]) throw new Error(`hostPath type check failed: ${path} is not ${want[1]}`);
}
