/** The images of tests and the demo: from Debian's packages and npm's Node.js, without a registry. */
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import {
  buildLayer,
  type Compression,
  hostArch,
  type Image,
  type ImageConfig,
  type LayerEntry,
  pauseImage,
  run,
} from '@kapella/distro/host/node';
import { type Apt, openApt } from './apt.ts';
import { type BuiltImage, cachedImage, DEFAULT_CACHE_DIR, hashOf } from './image-cache.ts';
import { directoryEntries, fileEntry, libraryEntries, programEntries } from './tree.ts';

/** Counted up when a recipe below changes: tars made by an older one are not used again. */
const RECIPES_VERSION = 4;
/** Debian 12's busybox crashes in `wget -T`; the one of this suite does not, and being static it runs anywhere. */
const BUSYBOX_SUITE = 'forky';
/** Quick to write and to unpack. containerd reads it since 1.5. */
const COMPRESSION: Compression = 'zstd';

export interface BuildOptions {
  /** `.cache` of the repository when absent. */
  readonly cacheDir?: string;
}

export interface Recipe {
  readonly name: string;
  build(options?: BuildOptions): Promise<BuiltImage>;
}

const USERS = [
  'root:x:0:0:root:/root:/bin/sh',
  'www-data:x:33:33:www-data:/var/www:/bin/false',
  'redis:x:999:999:redis:/data:/bin/false',
  'node:x:1000:1000:node:/app:/bin/sh',
  'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
];

/** The files below every image: a merged /usr, users, a place for temporary files. */
function skeleton(): readonly LayerEntry[] {
  // The group of nobody has a name of its own in Debian; programs built there look it up.
  const groups = USERS.map((line) => line.split(':')).map(
    ([name, , , gid]) => `${name === 'nobody' ? 'nogroup' : name}:x:${gid}:`,
  );
  const links = ['bin', 'sbin', 'lib', 'lib64'].flatMap((dir): LayerEntry[] => [
    { type: 'dir', path: `usr/${dir}` },
    { type: 'symlink', path: dir, target: `usr/${dir}` },
  ]);
  return [
    ...links,
    { type: 'file', path: 'etc/passwd', content: `${USERS.join('\n')}\n` },
    { type: 'file', path: 'etc/group', content: `${groups.join('\n')}\n` },
    { type: 'file', path: 'etc/nsswitch.conf', content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
    { type: 'dir', path: 'root', mode: 0o700 },
    { type: 'dir', path: 'tmp', mode: 0o1777 },
    { type: 'dir', path: 'run' },
    { type: 'symlink', path: 'var/run', target: '../run' },
    { type: 'dir', path: 'var/tmp', mode: 0o1777 },
  ];
}

/** The lowest layer: busybox with a link for each applet, users, a place for temporary files. */
export async function busyboxEntries(cacheDir: string): Promise<readonly LayerEntry[]> {
  const apt = await openApt({ cacheDir, suite: BUSYBOX_SUITE });
  const tree = await apt.unpackOnly(['busybox-static']);
  const file = [`${tree}/usr/bin/busybox`, `${tree}/bin/busybox`].find((path) =>
    statSync(path, { throwIfNoEntry: false }),
  );
  if (file === undefined) throw new Error('busybox-static holds no busybox');
  const { stdout } = await run(file, ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  return [
    ...skeleton(),
    fileEntry('usr/bin/busybox', file),
    ...applets.map((name): LayerEntry => ({ type: 'symlink', path: `usr/bin/${name}`, target: 'busybox' })),
  ];
}

type Entries = readonly LayerEntry[];

/** Layers over the busybox layer, so that every image has a shell to look around with. */
async function overBusybox(
  name: string,
  upper: readonly Entries[],
  config: ImageConfig,
  cacheDir: string,
): Promise<Image> {
  const all = [await busyboxEntries(cacheDir), ...upper.filter((entries) => entries.length > 0)];
  const layers = await Promise.all(all.map((entries) => buildLayer(entries, COMPRESSION)));
  return { name, arch: hostArch(), layers, config };
}

interface RecipeOptions {
  readonly name: string;
  /** What a change of must build again, besides the recipe itself. */
  readonly inputs: () => unknown;
  readonly entries: (cacheDir: string) => Promise<Entries>;
  /** A layer of their own: what changes more often than the program. */
  readonly files?: Entries;
  readonly config: ImageConfig;
}

function defineRecipe({ name, inputs, entries, files = [], config }: RecipeOptions): Recipe {
  return {
    name,
    build: ({ cacheDir = DEFAULT_CACHE_DIR } = {}) =>
      cachedImage(name, [RECIPES_VERSION, inputs(), files.map(contentKey), config], cacheDir, async () =>
        overBusybox(name, [await entries(cacheDir), files], config, cacheDir),
      ),
  };
}

export const pauseRecipe: Recipe = {
  name: 'registry.k8s.io/pause:3.10.1',
  build: ({ cacheDir = DEFAULT_CACHE_DIR } = {}) =>
    cachedImage('registry.k8s.io/pause:3.10.1', RECIPES_VERSION, cacheDir, () => pauseImage(hostArch())),
};

export const busyboxRecipe: Recipe = defineRecipe({
  name: 'busybox:1.38',
  inputs: () => BUSYBOX_SUITE,
  entries: async () => [],
  config: { cmd: ['sh'] },
});

/** nginx of Debian; logs go to the container's own. Pages lie below /usr/share/nginx/html. */
export function nginxRecipe(name = 'nginx:1.22', files: readonly LayerEntry[] = []): Recipe {
  return defineRecipe({
    name,
    inputs: systemRelease,
    files,
    entries: async (cacheDir) => nginxEntries(await openApt({ cacheDir })),
    config: {
      entrypoint: ['/usr/sbin/nginx', '-g', 'daemon off;'],
      exposedPorts: ['80/tcp'],
      stopSignal: 'SIGQUIT',
    },
  });
}

export async function nginxEntries(apt: Apt): Promise<readonly LayerEntry[]> {
  const tree = await apt.unpack(await apt.resolve(['nginx']));
  return [
    ...(await programEntries(tree, ['/usr/sbin/nginx'])),
    ...(await directoryEntries(tree, '/etc/nginx')),
    { type: 'file', path: 'etc/nginx/conf.d/default.conf', content: NGINX_DEFAULT },
    { type: 'file', path: 'etc/nginx/nginx.conf', content: NGINX_CONF },
    { type: 'file', path: 'usr/share/nginx/html/index.html', content: NGINX_INDEX },
    { type: 'dir', path: 'var/lib/nginx', uid: 33, gid: 33 },
    { type: 'dir', path: 'var/log/nginx', uid: 33, gid: 33 },
    { type: 'symlink', path: 'var/log/nginx/access.log', target: '/dev/stdout' },
    { type: 'symlink', path: 'var/log/nginx/error.log', target: '/dev/stderr' },
  ];
}

const NGINX_CONF = `worker_processes 2;
pid /tmp/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  sendfile on;
  include /etc/nginx/conf.d/*.conf;
}
`;
const NGINX_DEFAULT = 'server { listen 80; root /usr/share/nginx/html; }\n';
const NGINX_INDEX = '<!doctype html><title>nginx</title><h1>Welcome to nginx!</h1>\n';

/** Redis of Debian, working in /data. */
export function redisRecipe(name = 'redis:7'): Recipe {
  return defineRecipe({
    name,
    inputs: systemRelease,
    entries: async (cacheDir) => {
      const apt = await openApt({ cacheDir });
      const tree = await apt.unpack(await apt.resolve(['redis-server']));
      return [
        ...(await programEntries(tree, ['/usr/bin/redis-server', '/usr/bin/redis-cli'])),
        { type: 'dir', path: 'data', uid: 999, gid: 999 },
      ];
    },
    config: { entrypoint: ['/usr/bin/redis-server'], workdir: '/data', exposedPorts: ['6379/tcp'] },
  });
}

/** The Node.js that npm installed for this repository, with its libraries from Debian. */
export function nodeRecipe(name = 'node:24', files: readonly LayerEntry[] = [], config: ImageConfig = {}): Recipe {
  return defineRecipe({
    name,
    inputs: () => [systemRelease(), nodeBinary().version],
    files,
    entries: async (cacheDir) => {
      const apt = await openApt({ cacheDir });
      const tree = await apt.unpack(await apt.resolve(['libstdc++6']));
      const { file } = nodeBinary();
      return [{ ...fileEntry('usr/bin/node', file), mode: 0o755 } as LayerEntry, ...(await libraryEntries(tree, file))];
    },
    config: { entrypoint: ['/usr/bin/node'], ...config },
  });
}

function nodeBinary(): { readonly file: string; readonly version: string } {
  const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return { file: `${dirname(manifest)}/bin/node`, version };
}

function systemRelease(): string | undefined {
  return /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
}

/** Files of the host count by what they hold. */
function contentKey(entry: LayerEntry): unknown {
  if (entry.type !== 'file' || typeof entry.content === 'string' || entry.content instanceof Uint8Array) return entry;
  return { ...entry, content: hashOf(readFileSync(entry.content.file)) };
}

/** A text file of the host as an entry. */
export async function textEntry(path: string, file: string): Promise<LayerEntry> {
  return { type: 'file', path, content: await readFile(file, 'utf8') };
}
