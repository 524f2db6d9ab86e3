/** A file system that takes everything and keeps nothing: what hollow containers would read is never read. */
import type { FileInfo, HostFiles } from '@kapella/kubelet';

const DIRECTORY: FileInfo = { kind: 'directory', mode: 0o2777, uid: 0, gid: 0, sizeBytes: 0 };
const nothing = async () => {};
const missing = async () => undefined;

/** Every path is there to be mounted; every read finds nothing. */
export const voidFiles: HostFiles = {
  read: missing,
  readTail: missing,
  write: nothing,
  mkdir: nothing,
  symlink: nothing,
  readlink: missing,
  rename: nothing,
  remove: nothing,
  list: missing,
  lstat: async () => DIRECTORY,
  stat: async () => DIRECTORY,
  realPath: async (path) => path,
  openInside: async (root, relative) => ({
    path: `${root}/${relative}`,
    kind: 'directory',
    [Symbol.asyncDispose]: nothing,
  }),
  chmod: nothing,
  chown: nothing,
  contentOf: async () => '',
  makeFileSystem: nothing,
  mount: nothing,
  unmount: nothing,
  mountsUnder: async () => [],
};
