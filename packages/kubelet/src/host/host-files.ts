/** The part of the host's file system and mount table that the agent needs. Local and quick: calls take no Ctx. */

export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'block' | 'char' | 'other';

export interface FileInfo {
  readonly kind: FileKind;
  /** Permission bits, with setgid and friends. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
}

/** Close it when it has been used. */
export interface HeldFile extends AsyncDisposable {
  /** Leads to it as long as it is held, also for other processes. */
  readonly path: string;
  readonly kind: FileKind;
}

/** Paths are absolute. Reads answer undefined for what is missing; all else throws the host's error. */
export interface HostFiles {
  read(path: string): Promise<Uint8Array | undefined>;
  /** At most the last `bytesMax` bytes. */
  readTail(path: string, bytesMax: number): Promise<Uint8Array | undefined>;
  /** Creates or replaces; `mode` holds whatever the umask is. */
  write(path: string, data: Uint8Array | string, mode: number): Promise<void>;
  /** With parents; the mode goes to the last one, and only when it is created. */
  mkdir(path: string, mode: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Recursive; a missing path is fine. Never crosses into another mount. */
  remove(path: string): Promise<void>;
  /** Names; undefined when there is no such directory. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Of the path itself, not of what a link points to. */
  lstat(path: string): Promise<FileInfo | undefined>;
  stat(path: string): Promise<FileInfo | undefined>;
  realPath(path: string): Promise<string | undefined>;
  /**
   * Opens what is at `relative` below `root`, and holds on to it: whatever happens to the names meanwhile, no link leads out.
   * Links that stay inside are followed; directories that are missing are made with `mode`. Throws when it leads out.
   */
  openInside(root: string, relative: string, mode: number): Promise<HeldFile>;
  chmod(path: string, mode: number): Promise<void>;
  /** -1 leaves one as it is. Of the path itself, not of what a link points to. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** `options` as mount(8) takes them. */
  mount(source: string, target: string, type: string, options: readonly string[]): Promise<void>;
  /** What is on a block device: a file system (`ext4`), a partition table or anything else (`unknown`); '' = nothing at all. */
  contentOf(device: string): Promise<string>;
  /** Formats it, whatever is on it. */
  makeFileSystem(device: string, fsType: string): Promise<void>;
  /** Lazily when busy; a path that is no mount point is fine. */
  unmount(path: string): Promise<void>;
  /** Mount points at or below `prefix`, deepest first. */
  mountsUnder(prefix: string): Promise<readonly string[]>;
}
