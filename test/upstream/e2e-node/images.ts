/**
 * The images that e2e.test names, built here from Debian's packages and upstream's own programs: an image registry is
 * not needed. Names and tags are what `e2e.test --list-images` says; each recipe serves every tag of its repository.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pauseElf } from '@kapella/distro/host';
import { buildLayer, hostArch, type ImageConfig, type LayerEntry } from '@kapella/distro/host/node';
import {
  type Apt,
  type BuiltImage,
  busyboxEntries,
  cachedImage,
  DEFAULT_CACHE_DIR,
  directoryEntries,
  fileEntry,
  nginxEntries,
  openApt,
  programEntries,
} from '@kapella/tools/images';
import { KUBERNETES_VERSION, upstreamModule, upstreamProgram } from '../support/programs.ts';
import { withoutLineNumbers } from './busybox-messages.ts';

/** Counted up when a recipe below changes. */
const RECIPES_VERSION = 1;

interface Recipe {
  /** Lowest layer first. */
  readonly layers: (sources: Sources) => Promise<readonly (readonly LayerEntry[])[]>;
  readonly config: ImageConfig;
}

interface Sources {
  readonly apt: Apt;
  /** The source of k8s.io/kubernetes, for the data beside programs. */
  readonly kubernetes: string;
  readonly cacheDir: string;
}

const DIG = ['/usr/bin/dig', '/usr/bin/nslookup', '/usr/bin/host'];
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  bash: ['/usr/bin/bash'],
  'bind9-dnsutils': DIG.slice(0, 2),
  'bind9-host': DIG.slice(2),
  curl: ['/usr/bin/curl'],
  iperf: ['/usr/bin/iperf'],
  iproute2: ['/usr/bin/ip', '/usr/bin/ss'],
  'libc-bin': ['/usr/bin/getent'],
  'netcat-openbsd': ['/usr/bin/nc.openbsd'],
  'util-linux': ['/usr/bin/ipcs', '/usr/bin/ipcmk'],
};

/** What the tests run in images with a system in them: Debian's tools over busybox's applets of the same names. */
async function toolEntries({ apt }: Sources): Promise<readonly LayerEntry[]> {
  const tree = await apt.unpack(await apt.resolve(Object.keys(TOOLS)));
  return [
    ...(await programEntries(tree, Object.values(TOOLS).flat())),
    // busybox's own shell runs its applets before it looks at PATH.
    { type: 'symlink', path: 'usr/bin/sh', target: 'bash' },
    { type: 'symlink', path: 'usr/bin/nc', target: 'nc.openbsd' },
    { type: 'symlink', path: 'usr/local/bin/iperf', target: '/usr/bin/iperf' },
  ];
}

async function busyboxLayer({ cacheDir }: Sources): Promise<readonly LayerEntry[]> {
  const entries = await busyboxEntries(cacheDir);
  return entries.map((entry) => {
    if (entry.type !== 'file' || entry.path !== 'usr/bin/busybox') return entry;
    if (typeof entry.content === 'string' || entry.content instanceof Uint8Array) return entry;
    return { ...entry, content: withoutLineNumbers(readFileSync(entry.content.file)) };
  });
}

const program = async (path: string, name: Parameters<typeof upstreamProgram>[0]) =>
  fileEntry(path, await upstreamProgram(name));

const AGNHOST_USERS: readonly LayerEntry[] = [
  {
    type: 'file',
    path: 'etc/passwd',
    content: 'root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home:/bin/sh\n',
  },
  {
    type: 'file',
    path: 'etc/group',
    content: 'root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
  },
];

async function agnhostLayers(sources: Sources): Promise<readonly (readonly LayerEntry[])[]> {
  const porter = join(sources.kubernetes, 'test/images/agnhost/porter');
  const files: readonly LayerEntry[] = [
    ...AGNHOST_USERS,
    await program('agnhost', 'agnhost'),
    { type: 'symlink', path: 'agnhost-2', target: 'agnhost' },
    fileEntry('localhost.crt', join(porter, 'localhost.crt')),
    fileEntry('localhost.key', join(porter, 'localhost.key')),
    { type: 'dir', path: 'uploads' },
    { type: 'file', path: 'etc/os-release', content: 'NAME="Alpine Linux"\nID=alpine\n' },
  ];
  return [await busyboxLayer(sources), await toolEntries(sources), files];
}

const AGNHOST_CONFIG: ImageConfig = {
  entrypoint: ['/agnhost'],
  cmd: ['pause'],
  exposedPorts: ['80/tcp', '8080/tcp', '8081/tcp', '9376/tcp', '5000/tcp'],
};

/** agnhost, serving a picture. */
function pictureRecipe(name: 'nautilus' | 'kitten'): Recipe {
  return {
    layers: async (sources) => {
      const html = join(sources.kubernetes, 'test/images', name, 'html');
      const files = [`${name}.jpg`, 'data.json'].map((file) => fileEntry(file, join(html, file)));
      return [...(await agnhostLayers(sources)), files];
    },
    config: { ...AGNHOST_CONFIG, cmd: ['test-webserver'] },
  };
}

const toolsRecipe: Recipe = {
  layers: async (sources) => [await busyboxLayer(sources), await toolEntries(sources)],
  config: { cmd: ['bash'] },
};

const nginxRecipe: Recipe = {
  layers: async (sources) => [await busyboxLayer(sources), await nginxEntries(sources.apt)],
  config: { entrypoint: ['/usr/sbin/nginx', '-g', 'daemon off;'], exposedPorts: ['80/tcp'], stopSignal: 'SIGQUIT' },
};

const RECIPES: Readonly<Record<string, Recipe>> = {
  'registry.k8s.io/pause': {
    layers: async () => [[{ type: 'file', path: 'pause', content: pauseElf(hostArch()), mode: 0o755 }]],
    config: { entrypoint: ['/pause'], user: '65535:65535', workdir: '/' },
  },
  'registry.k8s.io/etcd': {
    layers: async (sources) => [await busyboxLayer(sources), [await program('usr/local/bin/etcd', 'etcd')]],
    config: { entrypoint: ['/usr/local/bin/etcd'] },
  },
  'registry.k8s.io/e2e-test-images/agnhost': { layers: agnhostLayers, config: AGNHOST_CONFIG },
  'registry.k8s.io/e2e-test-images/busybox': {
    layers: async (sources) => [await busyboxLayer(sources)],
    config: { cmd: ['sh'] },
  },
  'registry.k8s.io/e2e-test-images/nonroot': {
    layers: async (sources) => [await busyboxLayer(sources)],
    config: { cmd: ['sh'], user: '1234' },
  },
  'registry.k8s.io/e2e-test-images/glibc-dns-testing': toolsRecipe,
  'registry.k8s.io/e2e-test-images/ipc-utils': toolsRecipe,
  'registry.k8s.io/e2e-test-images/kitten': pictureRecipe('kitten'),
  'registry.k8s.io/e2e-test-images/nautilus': pictureRecipe('nautilus'),
  'registry.k8s.io/e2e-test-images/nginx': nginxRecipe,
  'registry.k8s.io/e2e-test-images/nonewprivs': {
    layers: async (sources) => [
      await busyboxLayer(sources),
      [{ ...(await program('usr/local/bin/nnp', 'nonewprivs')), mode: 0o6755 } as LayerEntry],
    ],
    config: { cmd: ['nnp'] },
  },
  'registry.k8s.io/e2e-test-images/perl': {
    layers: async (sources) => [await busyboxLayer(sources), await perlEntries(sources)],
    config: { cmd: ['perl'] },
  },
  'registry.k8s.io/e2e-test-images/sample-apiserver': {
    layers: async (sources) => [await busyboxLayer(sources), [await program('sample-apiserver', 'sample-apiserver')]],
    config: { entrypoint: ['/sample-apiserver'] },
  },
};

async function perlEntries({ apt }: Sources): Promise<readonly LayerEntry[]> {
  const tree = await apt.unpack(await apt.resolve(['perl-base']));
  const libraries = await directoryEntries(tree, '/usr/lib/x86_64-linux-gnu/perl-base');
  const link: LayerEntry = { type: 'symlink', path: 'usr/local/bin/perl', target: '/usr/bin/perl' };
  return [...(await programEntries(tree, ['/usr/bin/perl'])), ...libraries, link];
}

export interface E2eImage extends BuiltImage {
  /** Some spec wants it pulled although it is there. */
  readonly isPulled: boolean;
}

/** Builds what of `names` has a recipe; no spec of the suite needs the others. Tars are kept in the repository's cache. */
export async function buildE2eImages(names: readonly string[]): Promise<readonly E2eImage[]> {
  const cacheDir = DEFAULT_CACHE_DIR;
  const sources: Sources = {
    apt: await openApt({ cacheDir }),
    kubernetes: await upstreamModule('kubernetes', 'k8s.io/kubernetes'),
    cacheDir,
  };
  const built: E2eImage[] = [];
  for (const name of names) {
    const repository = name.slice(0, name.lastIndexOf(':'));
    const recipe = RECIPES[repository];
    if (recipe === undefined) continue;
    built.push({ ...(await build(name, recipe, sources)), isPulled: repository.endsWith('/kitten') });
  }
  return built;
}

function build(name: string, { layers, config }: Recipe, sources: Sources): Promise<BuiltImage> {
  return cachedImage(name, [RECIPES_VERSION, KUBERNETES_VERSION, config], sources.cacheDir, async () => {
    const entries = await layers(sources);
    return {
      name,
      arch: hostArch(),
      layers: await Promise.all(entries.map((layer) => buildLayer(layer, 'zstd'))),
      config,
    };
  });
}
