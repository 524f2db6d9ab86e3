/** Upstream's e2e.test on `kapella up`: conformance specs with real containers, real Pod network, real Services. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, startCluster, type TestCluster } from '../../support/cluster.ts';
import { ensureKubectl } from '../../support/kubectl.ts';
import { readSpecs, runSpecs } from '../support/e2e-test.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { buildE2eImages } from './images.ts';

const SPECS = join(import.meta.dirname, 'specs.txt');
const CLUSTER = { name: 'e2e-node', apiPort: 26_453, podCidr: '10.126.0.0/16', serviceCidr: '10.127.0.0/16' };
const MINUTES_MAX = 120;
const DEFAULT_PROCESSES = 4;
const LOGS = ['server.log', 'node.log', 'containerd.log'];

/**
 * `only`: a regular expression that narrows the specs. With KAPELLA_E2E_KUBECONFIG the specs run on the cluster of that
 * file as it is, with KAPELLA_E2E_PROCESSES that many side by side.
 */
export const e2eNode: UpstreamSuite = {
  name: 'e2e-node',
  text: 'e2e.test of Kubernetes 1.36 on kapella up: specs with real containers',
  async run({ only, results }) {
    const specs = readSpecs(SPECS, only);
    const kubectl = await ensureKubectl();
    const processes = Number(process.env['KAPELLA_E2E_PROCESSES'] ?? DEFAULT_PROCESSES);
    const judge = (kubeconfig: string): Promise<SuiteResult> =>
      runSpecs({ specs, kubeconfig, kubectl, results, processes, minutesMax: MINUTES_MAX });
    const running = process.env['KAPELLA_E2E_KUBECONFIG'];
    if (running !== undefined) return judge(running);
    const tars = await buildImages();
    await using cluster = await startCluster(CLUSTER);
    await load(cluster, tars);
    try {
      return await judge(cluster.kubeconfig);
    } finally {
      keepLogs(cluster, results);
    }
  },
};

/** Paths of the images that the suite names. */
export async function buildImages(): Promise<readonly string[]> {
  const list = await run(await upstreamProgram('e2e.test'), ['--list-images'], {});
  if (list.code !== 0) throw new Error(`e2e.test --list-images: ${list.stderr}`);
  const names = list.stdout.split('\n').filter((line) => /^[^\s]+:[^\s]+$/.test(line));
  return (await buildE2eImages(names)).built.map(({ tarPath }) => tarPath);
}

async function load(cluster: TestCluster, tars: readonly string[]): Promise<void> {
  const loaded = await cluster.kapella(`image load ${tars.join(' ')}`, { timeoutMs: 300_000 });
  if (loaded.code !== 0) throw new Error(`kapella image load: ${loaded.stdout}${loaded.stderr}`);
}

function keepLogs(cluster: TestCluster, results: string): void {
  mkdirSync(results, { recursive: true });
  for (const log of LOGS) {
    const file = join(cluster.dataDir, 'logs', log);
    if (existsSync(file)) copyFileSync(file, join(results, log));
  }
}
