/**
 * A Deployment scaled up, rolled and scaled down on kwok's nodes: Kapella's controllers and upstream's
 * kube-controller-manager, one after the other, on the same API server and scheduler (Kapella's). Once with 5,000 Pods
 * (`KAPELLA_BENCH_PODS` makes it smaller) and without upstream's limit on requests: then API server, scheduler and kwok, which
 * both share, take most of the time. And once with fewer Pods and both as they are installed, by kubeadm say.
 */
import { appsV1, type KubeObject } from '@kapella/api';
import type { Deployment } from '@kapella/api/types/apps-v1';
import type { Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import { workload } from '../../test/upstream/controller-manager/objects.ts';
import {
  type Maker,
  startManager,
  startScheduler,
  writeKubeconfig,
} from '../../test/upstream/controller-manager/managers.ts';
import { freePort, startHollowNodes } from '../../test/upstream/support/control-plane.ts';
import { startPeer } from '../api-server/peers.ts';
import { preparePrograms } from '../api-server/programs.ts';
import { benchClient } from '../support/client.ts';
import type { Benchmark, FigureSpec, Sample } from '../support/benchmark.ts';
import { cpuMsBetween, cpuTime, residentMb } from '../support/processes.ts';

const PODS = Number(process.env['KAPELLA_BENCH_PODS'] ?? 5_000);
const PODS_AS_INSTALLED = 500;
/** A node takes 110: a quarter more than are wanted, while the Deployment is rolled, fit as well. */
const PODS_PER_NODE = 80;
const POLL_MS = 100;
const STEP_MS_MAX = 1_800_000;
const STEPS = ['up', 'roll', 'down'] as const;
const STEP_TEXT = { up: 'scaled up from none', roll: 'rolled to another image', down: 'scaled down to none' };

const figuresOf = (maker: Maker): FigureSpec[] => [
  ...STEPS.map((step): FigureSpec => ({ name: `${maker}-${step}`, text: `${maker}: ${STEP_TEXT[step]}`, unit: 'ms' })),
  { name: `${maker}-cpu`, text: `${maker}: CPU time of the controllers for all three`, unit: 'ms' },
  { name: `${maker}-resident`, text: `${maker}: resident memory of the controllers at the most Pods`, unit: 'MB' },
];

interface Case {
  readonly pods: number;
  /** With the limits on requests that each has by default. */
  readonly isHindered: boolean;
}

const benchmarkOf = (name: string, text: string, of: Case, goal: { readonly goalMin?: number }): Benchmark => ({
  name,
  text,
  figures: [
    { name: 'times-faster', text: 'up, roll and down together: times upstream’s speed', unit: 'x', ...goal },
    { name: 'times-less-cpu', text: 'CPU time of the controllers: times less than upstream’s', unit: 'x' },
    ...figuresOf('kapella'),
    ...figuresOf('upstream'),
  ],
  async measure(runs, sample) {
    for (let run = 0; run < runs; run++) {
      const ours = await measureOne('kapella', of);
      const theirs = await measureOne('upstream', of);
      const total = (values: Sample, maker: Maker) =>
        STEPS.reduce((sum, step) => sum + (values[`${maker}-${step}`] ?? 0), 0);
      sample({
        ...ours,
        ...theirs,
        'times-faster': total(theirs, 'upstream') / total(ours, 'kapella'),
        'times-less-cpu': (theirs['upstream-cpu'] ?? 0) / (ours['kapella-cpu'] ?? 1),
      });
    }
  },
});

export const deploymentBenches: readonly Benchmark[] = [
  benchmarkOf(
    'deployment-5000',
    `a Deployment of ${PODS} Pods on kwok's nodes, our controllers beside kube-controller-manager 1.36 without its limits`,
    { pods: PODS, isHindered: false },
    { goalMin: 5 },
  ),
  benchmarkOf(
    'deployment-as-installed',
    `a Deployment of ${PODS_AS_INSTALLED} Pods on kwok's nodes, both controller managers with their default limits`,
    { pods: PODS_AS_INSTALLED, isHindered: true },
    { goalMin: 5 },
  ),
];

async function measureOne(maker: Maker, { pods, isHindered }: Case): Promise<Sample> {
  await using peer = await startPeer((await preparePrograms()).kapella, await freePort());
  const kubeconfig = writeKubeconfig(peer);
  await using _scheduler = await startScheduler('kapella', peer, kubeconfig);
  await using manager = await startManager(maker, peer, kubeconfig, { accounts: false, isHindered });
  await using _kwok = await startHollowNodes(peer.directory, kubeconfig, Math.ceil(pods / PODS_PER_NODE));
  await using connected = await benchClient(kubeconfig);
  const { client, ctx } = connected;
  await client.create(appsV1.Deployment, deployment() as never, ctx);
  const before = cpuTime(manager.pid);
  const up = await step(client, { spec: { replicas: pods } }, (now) => isWhole(now), ctx);
  const resident = residentMb(manager.pid);
  const image = { template: { spec: { containers: [{ name: 'c', image: 'registry.example/two' }] } } };
  const roll = await step(client, { spec: image }, (now) => isWhole(now), ctx);
  const down = await step(client, { spec: { replicas: 0 } }, async () => !(await hasPods(client, ctx)), ctx);
  const cpu = cpuMsBetween(before, cpuTime(manager.pid));
  const values = { up, roll, down, cpu, resident };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${maker}-${name}`, value]));
}

const NAME = { namespace: 'default', name: 'many' };

function deployment() {
  const strategy = { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
  return workload('Deployment', NAME.name, { replicas: 0, strategy });
}

function isWhole({ metadata, spec, status = {} }: Deployment & KubeObject): boolean {
  const counts = [status.replicas, status.updatedReplicas, status.availableReplicas];
  return status.observedGeneration === metadata.generation && counts.every((count) => count === spec.replicas);
}

/** Milliseconds until `isDone`. */
async function step(
  client: Client,
  body: object,
  isDone: (now: Deployment & KubeObject) => boolean | Promise<boolean>,
  ctx: Ctx,
): Promise<number> {
  const startMs = performance.now();
  await client.patch(appsV1.Deployment, NAME, { type: 'strategic', body }, ctx);
  for (;;) {
    const now = await client.get(appsV1.Deployment, NAME, ctx);
    if (now !== undefined && (await isDone(now))) return performance.now() - startMs;
    if (performance.now() - startMs > STEP_MS_MAX)
      throw new Error(`not done in ${STEP_MS_MAX} ms: ${JSON.stringify(now?.status)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function hasPods(client: Client, ctx: Ctx): Promise<boolean> {
  const path = `/api/v1/namespaces/${NAME.namespace}/pods`;
  const { items } = await client.request<{ items: readonly object[] }>('GET', path, { query: 'limit=1' }, ctx);
  return items.length > 0;
}
