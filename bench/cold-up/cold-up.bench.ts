/** From nothing to an application that answers: `up`, images, Pods, Services and names, all from one start of the clock. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Node } from '@kapella/api/types/core-v1';
import { busyboxRecipe, buildDemoImages } from '@kapella/tools/images';
import { createApi } from '../../test/support/api.ts';
import { attachCluster, eventually, run } from '../../test/support/cluster.ts';
import { deployGuestbook } from '../../test/support/guestbook.ts';
import { getOnce } from '../../test/support/load.ts';
import { pod } from '../../test/support/manifests.ts';
import type { Benchmark, Sample } from '../support/benchmark.ts';
import { watchPods } from '../support/watch.ts';

const KAPELLA = join(import.meta.dirname, '../../kapella');
const SPEC = { name: 'b-cold', apiPort: 16460, podCidr: '10.130.0.0/16', serviceCidr: '10.131.0.0/16' };
const DNS_ADDRESS = '10.131.0.10';

export const coldUp: Benchmark = {
  name: 'cold-up',
  text: 'time since `kapella up` was called, everything installed, no cluster there before; images are loaded meanwhile',
  figures: [
    { name: 'api', text: 'the API answers', unit: 'ms', goalMax: 1000 },
    { name: 'node', text: 'the node is Ready', unit: 'ms', goalMax: 3000 },
    { name: 'up', text: '`up` has returned', unit: 'ms' },
    { name: 'pod', text: 'the first Pod is Running', unit: 'ms', goalMax: 5000 },
    {
      name: 'guestbook',
      text: 'the guestbook answers through Service and DNS',
      unit: 'ms',
      goalMax: 10_000,
      others: 'k3d publishes 19.9 s for application and DNS',
    },
  ],
  async measure(runs, sample) {
    await Promise.all([busyboxRecipe.build(), buildDemoImages()]); // the images' files are there before
    for (let i = 0; i < runs; i++) sample(await once());
  },
};

async function once(): Promise<Sample> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kapella-bench-'));
  const cluster = await attachCluster(SPEC, dataDir);
  try {
    await cluster.kapella('reset --yes');
    const start = performance.now();
    const since = () => performance.now() - start;
    const flags = [
      '--name',
      SPEC.name,
      '--data-dir',
      dataDir,
      '--api-port',
      String(SPEC.apiPort),
      '--node-name',
      SPEC.name,
    ];
    const networks = ['--pod-cidr', SPEC.podCidr, '--service-cidr', SPEC.serviceCidr];
    const up = run(KAPELLA, ['up', '--yes', ...flags, ...networks], {});
    const api = untilReady().then(since);
    const node = api.then(() => untilNodeReady(cluster.kubeconfig)).then(since);
    const { code, stderr } = await up;
    if (code !== 0) throw new Error(`kapella up: ${stderr}`);
    const upMs = since();
    const { tarPath } = await busyboxRecipe.build();
    await cluster.kapella(`image load ${tarPath}`);
    using pods = await watchPods(cluster.kubeconfig, 'default');
    await eventually(
      'the service account is there',
      async () => (await cluster.tryKubectl('get sa default')).code === 0,
    );
    await cluster.apply(pod('first'));
    const podMs = (await pods.running('first')) - start;
    await deployGuestbook(cluster);
    await eventually('the guestbook answers', answersByName, 120_000);
    return { api: await api, node: await node, up: upMs, pod: podMs, guestbook: since() };
  } finally {
    await cluster[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** /readyz is for everybody: no need to wait for a kubeconfig. */
async function untilReady(): Promise<void> {
  const url = `https://127.0.0.1:${SPEC.apiPort}/readyz`;
  const isOk = () =>
    new Promise<boolean>((resolve) => {
      const outgoing = get(url, { rejectUnauthorized: false, agent: false }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode === 200);
      });
      outgoing.on('error', () => resolve(false));
    });
  const deadline = performance.now() + 60_000;
  while (!(await isOk())) {
    if (performance.now() > deadline) throw new Error('the API did not answer in a minute');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function untilNodeReady(kubeconfig: string): Promise<void> {
  while (!existsSync(kubeconfig)) await new Promise((resolve) => setTimeout(resolve, 10));
  using api = createApi(kubeconfig);
  const isReady = async () => {
    const answer = await api.request('GET', `/api/v1/nodes/${SPEC.name}`).catch(() => undefined);
    if (answer?.status !== 200) return false;
    const { status } = JSON.parse(answer.text) as Node;
    return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
  };
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function answersByName(): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([DNS_ADDRESS]);
  const [address] = await resolver.resolve4('guestbook-web.guestbook.svc.cluster.local');
  return (await getOnce(`http://${address}/api/entries`, 2000)).startsWith('[');
}
