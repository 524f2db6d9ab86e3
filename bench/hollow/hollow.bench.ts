/** A thousand hollow nodes and ten thousand Pods of twenty Deployments, all in one process with the control plane. */
import { appsV1, coreV1, hollow, startTestCluster, type TestCluster } from '@kapella/testing';
import type { Benchmark } from '../support/benchmark.ts';

const NODES = 1_000;
const IDLE_NODES = 100;
const DEPLOYMENTS = 20;
const PODS = 10_000;
const POLL_MS = 500;
const LONGEST_MS = 600_000;

export const hollowBench: Benchmark = {
  name: 'hollow',
  text: 'hollow nodes at scale, control plane in the same process, memory store',
  figures: [
    {
      ...{ name: 'nodes-ready', text: '1,000 hollow nodes Ready', unit: 'ms', goalMax: 10_000 },
      others: 'kube-apiserver, etcd and kwok on the same cores: 22,000',
    },
    {
      ...{
        name: 'pods-running',
        text: '10,000 Pods of 20 Deployments scheduled and available',
        unit: 'ms',
        goalMax: 40_000,
      },
      others: 'with kube-scheduler, kube-controller-manager and kwok: 350,000',
    },
    { name: 'pods-cpu', text: 'CPU time of that', unit: 'ms' },
    {
      name: 'resident',
      text: 'resident memory then, nodes included',
      unit: 'MB',
      goalMax: 1_024,
      others: '2,200 over all processes',
    },
    { name: 'idle-100-nodes', text: '100 hollow nodes, nothing to do: share of one core', unit: '%', goalMax: 5 },
  ],
  async measure(runs, sample) {
    for (let run = 0; run < runs; run++) sample({ ...(await idle()), ...(await busy()) });
  },
};

async function busy() {
  const startMs = performance.now();
  await using cluster = await startTestCluster({ clock: 'real', nodes: hollow(NODES) });
  await until(
    cluster,
    async () => {
      const { items } = await cluster.client.list(coreV1.Node, {}, cluster.ctx);
      return items.filter((node) => node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
        .length;
    },
    NODES,
  );
  const nodesMs = performance.now() - startMs;
  const podsMs = performance.now();
  const before = process.cpuUsage();
  for (let i = 0; i < DEPLOYMENTS; i++) await cluster.apply(deployment(`d${i}`, PODS / DEPLOYMENTS));
  await until(
    cluster,
    async () => {
      const { items } = await cluster.client.list(appsV1.Deployment, { namespace: 'default' }, cluster.ctx);
      return items.reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0);
    },
    PODS,
  );
  const { user, system } = process.cpuUsage(before);
  return {
    'nodes-ready': nodesMs,
    'pods-running': performance.now() - podsMs,
    'pods-cpu': (user + system) / 1_000,
    resident: process.memoryUsage.rss() / 1e6,
  };
}

async function idle() {
  await using _cluster = await startTestCluster({ clock: 'real', nodes: hollow(IDLE_NODES) });
  await pause(5_000);
  const before = process.cpuUsage();
  const startMs = performance.now();
  await pause(30_000);
  const { user, system } = process.cpuUsage(before);
  return { 'idle-100-nodes': (100 * (user + system)) / 1_000 / (performance.now() - startMs) };
}

async function until(cluster: TestCluster, count: () => Promise<number>, wanted: number): Promise<void> {
  const untilMs = performance.now() + LONGEST_MS;
  for (let seen = await count(); seen < wanted; seen = await count()) {
    if (performance.now() > untilMs)
      throw new Error(`${seen} of ${wanted} after ${LONGEST_MS / 1000} s: ${JSON.stringify(cluster.logs.at(-1))}`);
    await pause(POLL_MS);
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function deployment(name: string, replicas: number) {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img:1' }] } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' }, spec };
}
