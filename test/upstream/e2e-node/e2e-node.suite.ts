/** Upstream's e2e.test on `kapella up --nodes 2`: conformance specs with real containers, Pod network and Services. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Node } from '@kapella/api/types/core-v1';
import { hostsToml } from '@kapella/distro/host';
import { DEFAULT_CACHE_DIR, openApt, pushImageTar } from '@kapella/tools/images';
import { run, startCluster, type TestCluster } from '../../support/cluster.ts';
import { ensureKubectl } from '../../support/kubectl.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { readSpecs, runSpecs } from '../support/e2e-test.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { buildE2eImages, type E2eImage } from './images.ts';

const SPECS = join(import.meta.dirname, 'specs.txt');
const CLUSTER = { name: 'e2e-node', apiPort: 26_453, podCidr: '10.126.0.0/16', serviceCidr: '10.127.0.0/16' };
const MINUTES_MAX = 120;
const DEFAULT_PROCESSES = 4;
const LOGS = ['server.log', 'node.log', 'containerd.log'];
/** Its containerd mounts images as volumes; that of Debian 12 does not. */
const RUNTIME_SUITE = 'forky';

/**
 * `only`: a regular expression that narrows the specs. With KAPELLA_E2E_KUBECONFIG the specs run on the cluster of that
 * file as it is, with KAPELLA_E2E_PROCESSES that many side by side.
 */
export const e2eNode: UpstreamSuite = {
  name: 'e2e-node',
  text: 'e2e.test of Kubernetes 1.36 on kapella up --nodes 2: specs with real containers',
  async run({ only, results }) {
    const specs = readSpecs(SPECS, only);
    const kubectl = await ensureKubectl();
    const processes = Number(process.env['KAPELLA_E2E_PROCESSES'] ?? DEFAULT_PROCESSES);
    const judge = (kubeconfig: string): Promise<SuiteResult> =>
      runSpecs({ specs, kubeconfig, kubectl, results, processes, minutesMax: MINUTES_MAX });
    const running = process.env['KAPELLA_E2E_KUBECONFIG'];
    if (running !== undefined) return judge(running);
    const images = await buildImages();
    const env = { PATH: `${await runtimeDir()}:${process.env['PATH'] ?? ''}` };
    await using registry = await startRegistry({ host: '0.0.0.0' });
    await using cluster = await startCluster({ ...CLUSTER, args: ['--nodes', '2'], env });
    await load(cluster, images);
    await offer(images, registry, cluster);
    try {
      return await judge(cluster.kubeconfig);
    } finally {
      keepLogs(cluster, results);
    }
  },
};

/** The images that the suite names. */
export async function buildImages(): Promise<readonly E2eImage[]> {
  const list = await run(await upstreamProgram('e2e.test'), ['--list-images'], {});
  if (list.code !== 0) throw new Error(`e2e.test --list-images: ${list.stderr}`);
  return buildE2eImages(list.stdout.split('\n').filter((line) => /^[^\s]+:[^\s]+$/.test(line)));
}

/** Unpacked, not installed. */
export async function runtimeDir(): Promise<string> {
  const apt = await openApt({ cacheDir: DEFAULT_CACHE_DIR, suite: RUNTIME_SUITE });
  return `${await apt.unpackOnly(['containerd'])}/usr/bin`;
}

async function load(cluster: TestCluster, images: readonly E2eImage[]): Promise<void> {
  const tars = images.map(({ tarPath }) => tarPath);
  const loaded = await cluster.kapella(`image load ${tars.join(' ')}`, { timeoutMs: 300_000 });
  if (loaded.code !== 0) throw new Error(`kapella image load: ${loaded.stdout}${loaded.stderr}`);
}

/** One spec pulls an image that is there: a registry on this machine stands for the image's own. */
async function offer(images: readonly E2eImage[], registry: Registry, cluster: TestCluster): Promise<void> {
  for (const { name, tarPath } of images.filter((image) => image.isPulled)) {
    const [, host = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(name) ?? [];
    const port = registry.address.split(':').at(-1);
    await pushImageTar(tarPath, { registry: `http://127.0.0.1:${port}`, repository, tag });
    const { items } = JSON.parse(await cluster.kubectl('get nodes -o json')) as { items: readonly Node[] };
    const first = items.find(({ metadata }) => metadata.name === cluster.name);
    const address = first?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const text = hostsToml({ host, endpoints: [`http://${address}:${port}`] });
    for (const directory of [cluster.dataDir, join(cluster.dataDir, 'nodes/2')]) {
      const file = join(directory, 'etc/certs.d', host, 'hosts.toml');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }
}

function keepLogs(cluster: TestCluster, results: string): void {
  mkdirSync(results, { recursive: true });
  for (const log of LOGS) {
    const file = join(cluster.dataDir, 'logs', log);
    if (existsSync(file)) copyFileSync(file, join(results, log));
    const second = join(cluster.dataDir, 'nodes/2/logs', log);
    if (existsSync(second)) copyFileSync(second, join(results, `2-${log}`));
  }
}
