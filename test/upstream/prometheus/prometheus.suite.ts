/** Prometheus 3.16 and a node exporter in Pods: found by kubernetes_sd, scraped under a ServiceAccount's token. Needs root. */
import assert from 'node:assert/strict';
import { eventually, startCluster, type TestCluster } from '../../support/cluster.ts';
import { type Case, runCases } from '../support/cases.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { buildImage } from './image.ts';
import { binding, objects } from './objects.ts';

const CLUSTER = { name: 'prom', apiPort: 26_483, podCidr: '10.148.0.0/16', serviceCidr: '10.149.0.0/16' };
const WAIT_MS_MAX = 120_000;
const NODES = 2;

/** `only`: a regular expression that narrows the cases; all of them need the first. */
export const prometheus: UpstreamSuite = {
  name: 'prometheus',
  text: 'Prometheus and node exporter on two nodes: kubernetes_sd, kubelets and API server under a token',
  async run({ only }) {
    const { tarPath } = await buildImage();
    await using cluster = await startCluster({ ...CLUSTER, args: ['--nodes', String(NODES)] });
    const loaded = await cluster.kapella(`image load ${tarPath}`, { timeoutMs: 120_000 });
    assert.equal(loaded.code, 0, loaded.stdout + loaded.stderr);
    return await runCases(CASES, { cluster }, only);
  },
};

interface Context {
  readonly cluster: TestCluster;
}

interface Target {
  readonly scrapePool: string;
  readonly health: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const WEB = '/api/v1/namespaces/monitoring/services/prometheus:web/proxy/api/v1';

async function ask<T>({ cluster }: Context, path: string): Promise<T> {
  return (JSON.parse(await cluster.kubectl(`get --raw ${WEB}/${path}`)) as { readonly data: T }).data;
}

const targets = async (context: Context) =>
  (await ask<{ activeTargets: readonly Target[] }>(context, 'targets?state=active')).activeTargets;

const query = async (context: Context, expression: string) =>
  (await ask<{ result: readonly Sample[] }>(context, `query?query=${encodeURIComponent(expression)}`)).result;

const count = async (context: Context, expression: string) =>
  Number((await query(context, `count(${expression})`))[0]?.value[1] ?? 0);

/** How many targets of each job there are in a cluster of NODES. */
const EXPECTED: Readonly<Record<string, number>> = {
  apiserver: 1,
  'apiserver-slices': 1,
  kubelet: NODES,
  'kubelet-cadvisor': NODES,
  'kubelet-resource': NODES,
  'kubelet-probes': NODES,
  'node-exporter': NODES,
  'node-exporter-pods': NODES,
};

async function untilAll(context: Context, what: string, isDone: (all: readonly Target[]) => boolean): Promise<void> {
  let last: readonly Target[] = [];
  await eventually(
    what,
    async () => {
      last = await targets(context);
      return isDone(last);
    },
    WAIT_MS_MAX,
  ).catch((cause: unknown) => {
    const rows = last.map(({ scrapePool, health, lastError }) => `${scrapePool} ${health} ${lastError}`);
    throw new Error(`${what}: ${rows.join('\n')}`, { cause });
  });
}

const CASES: readonly Case<Context>[] = [
  {
    name: 'every role of kubernetes_sd finds its targets, and each of them is up',
    async run(context) {
      await context.cluster.apply(objects);
      await context.cluster.kubectl(
        '-n monitoring rollout status deployment/prometheus daemonset/node-exporter --timeout=120s',
      );
      await untilAll(context, 'all targets are up', (all) =>
        Object.entries(EXPECTED).every(
          ([name, wanted]) =>
            all.filter(({ scrapePool, health }) => scrapePool === name && health === 'up').length === wanted,
        ),
      );
    },
  },
  {
    name: 'a kubelet tells nothing to who shows no token',
    async run(context) {
      await untilAll(context, 'strangers are refused', (all) => {
        const strangers = all.filter(({ scrapePool }) => scrapePool === 'nobody');
        return strangers.length === NODES && strangers.every(({ lastError }) => /HTTP status 401/.test(lastError));
      });
    },
  },
  {
    name: 'what dashboards ask for is there: containers, nodes, requests, watches, probes',
    async run(context) {
      for (const expression of [
        'container_memory_working_set_bytes{namespace="monitoring",pod=~"prometheus-.*",container="prometheus"}',
        'rate(container_cpu_usage_seconds_total{namespace="monitoring",container="exporter"}[10s])',
        'container_start_time_seconds{container="prometheus"}',
        'kubelet_running_pods',
        'kubelet_pod_start_duration_seconds_count',
        'node_memory_working_set_bytes',
        'pod_cpu_usage_seconds_total{pod=~"node-exporter-.*"}',
        'prober_probe_total{container="prometheus",probe_type="Readiness",result="successful"}',
        'node_cpu_seconds_total{mode="idle"}',
        'node_filesystem_avail_bytes{mountpoint="/"}',
        'apiserver_request_duration_seconds_bucket{verb="GET"}',
        'histogram_quantile(0.99, sum by (le, verb) (rate(apiserver_request_duration_seconds_bucket[10s])))',
        'apiserver_longrunning_requests{verb="WATCH"}',
      ]) {
        await eventually(expression, async () => (await count(context, expression)) > 0, WAIT_MS_MAX);
      }
      assert.equal(await count(context, 'count by (instance) (kubelet_running_pods)'), NODES);
    },
  },
  {
    name: 'without its role the same token is known but refused; with it again all is up',
    async run(context) {
      const { cluster } = context;
      const saved = await cluster.kubectl(`get ${binding} -o json`);
      await cluster.kubectl(`delete ${binding}`);
      const isKubelet = ({ scrapePool }: Target) => scrapePool === 'kubelet';
      await untilAll(context, 'kubelets refuse', (all) =>
        all.filter(isKubelet).every(({ lastError }) => /HTTP status 403/.test(lastError)),
      );
      const { metadata, ...rest } = JSON.parse(saved) as { metadata: { name: string } };
      await cluster.apply({ ...rest, metadata: { name: metadata.name } });
      await untilAll(context, 'kubelets answer again', (all) =>
        all.filter(isKubelet).every(({ health }) => health === 'up'),
      );
    },
  },
  {
    name: 'an exporter that goes is a target no more, its successor is',
    async run(context) {
      const [pod = ''] = (await context.cluster.kubectl('-n monitoring get pods -l app=node-exporter -o name')).split(
        '\n',
      );
      await context.cluster.kubectl(`-n monitoring delete ${pod}`);
      const gone = pod.replace('pod/', '');
      await eventually(
        'the successor is up',
        async () => {
          const up = await query(context, 'up{job="node-exporter-pods"} == 1');
          const names = await context.cluster.kubectl('-n monitoring get pods -l app=node-exporter -o name');
          return up.length === NODES && !names.includes(gone);
        },
        WAIT_MS_MAX,
      );
    },
  },
];
