/** metrics-server behind API aggregation: kwok serves what kubelets would, `kubectl top` and autoscalers read it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../support/cluster.ts';
import { startKwok } from '../kwok/start-kwok.ts';
import { type Case, runCases } from '../support/cases.ts';
import type { Kubectl } from '../support/commands.ts';
import { freePort } from '../support/control-plane.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamModule, upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

/** `only`: a regular expression that narrows the cases; those that follow build on the first one. */
export const metricsServer: UpstreamSuite = {
  name: 'metrics-server',
  text: 'metrics-server 0.9 through API aggregation: available, discovered, kubectl top, a HorizontalPodAutoscaler',
  async run({ only }) {
    const program = await upstreamProgram('metrics-server');
    const kwokModule = await upstreamModule('kwok', 'sigs.k8s.io/kwok');
    const module = await upstreamModule('metrics-server', 'sigs.k8s.io/metrics-server');
    return onControlPlane({ hollowNodes: 0 }, async (context) => {
      const { cluster, kubectl, directory } = context;
      await using kwok = await startKwok(context);
      await kubectl.apply(node('metered-0'), node('metered-1'));
      for (const file of ['resource/metrics-resource', 'usage/usage-from-annotation'])
        await kubectl(`apply -f ${join(kwokModule, `kustomize/metrics/${file}.yaml`)}`);
      await kubectl('wait --for condition=Ready node --all --timeout 30s');
      const port = await freePort();
      const kubeconfigs = ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'];
      const args = [
        ...kubeconfigs.map((name) => `--${name}=${cluster.kubeconfig}`),
        `--secure-port=${port}`,
        '--bind-address=127.0.0.1',
        `--cert-dir=${directory}`,
        '--metric-resolution=10s',
        '--kubelet-request-timeout=5s',
        '--kubelet-use-node-status-port',
        '--kubelet-insecure-tls',
        '--kubelet-preferred-address-types=InternalIP',
      ];
      await using server = startProcess(directory, { name: 'metrics-server', program, args });
      await register(kubectl, readFileSync(join(module, 'manifests/base/apiservice.yaml'), 'utf8'), port);
      return await runCases(CASES, { kubectl, processes: [kwok, server] }, only);
    });
  },
};

interface Context {
  readonly kubectl: Kubectl;
  readonly processes: readonly BackgroundProcess[];
}

const node = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
    annotations: { 'metrics.k8s.io/resource-metrics-path': `/metrics/nodes/${name}/metrics/resource` },
  },
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, capacity: { cpu: '4', memory: '8Gi', pods: '110' } },
});

/** Its own APIService, with a Service that stands for a server outside of the cluster. */
async function register(kubectl: Kubectl, manifest: string, port: number): Promise<void> {
  const apiServices = parseAllDocuments(manifest).map((document) => document.toJS() as Record<string, unknown>);
  const [apiService] = apiServices as [{ spec: { service: object } } & object];
  apiService.spec.service = { ...apiService.spec.service, port };
  const metadata = { name: 'metrics-server', namespace: 'kube-system' };
  const spec = { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] };
  await kubectl.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec }, apiService);
}

const available: Case<Context> = {
  name: 'its APIService gets Available and its group is discovered',
  async run({ kubectl, processes }) {
    await eventually('it is available', async () => {
      for (const process of processes) await process.check();
      return kubectl('wait --for condition=Available apiservice v1beta1.metrics.k8s.io --timeout 2s');
    });
    assert.match(
      await kubectl('api-resources --api-group metrics.k8s.io'),
      /pods +metrics\.k8s\.io\/v1beta1 +true +PodMetrics/,
    );
    assert.match(await kubectl('get apiservice v1beta1.metrics.k8s.io'), /kube-system\/metrics-server +True/);
  },
};

const pod = (name: string, cpu: string, memory: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    labels: { app: 'metered' },
    annotations: { 'kwok.x-k8s.io/usage-cpu': cpu, 'kwok.x-k8s.io/usage-memory': memory },
  },
  spec: { containers: [{ name: 'main', image: 'registry.example.com/main:1' }] },
});

const top: Case<Context> = {
  name: 'kubectl top nodes and Pods show what the kubelets measure',
  async run({ kubectl }) {
    await kubectl.apply(pod('busy', '500m', '200Mi'), pod('idle', '10m', '20Mi'));
    await kubectl('wait --for condition=Ready pod busy idle --timeout 30s');
    const text = await eventually('Pods are measured', async () => {
      const rows = await kubectl('top pods --no-headers');
      return /busy +\d/.test(rows) && /idle +\d/.test(rows) && rows;
    });
    const [, busy = '0', memory = '0'] = /busy +(\d+)m +(\d+)Mi/.exec(text) ?? [];
    assert.ok(Math.abs(Number(busy) - 500) <= 50, text);
    assert.ok(Math.abs(Number(memory) - 200) <= 5, text);
    assert.match(await kubectl('top nodes --no-headers'), /metered-0 +\d+m +\d+% +\d+Mi +\d+%/);
  },
};

const reads: Case<Context> = {
  name: 'lists, selectors and tables of the aggregated group',
  async run({ kubectl }) {
    const list = await kubectl.get<{ items: readonly { metadata: { name: string } }[] }>('podmetrics -l app=metered');
    assert.deepEqual(list.items.map(({ metadata }) => metadata.name).sort(), ['busy', 'idle']);
    assert.match(await kubectl('get nodemetrics'), /NAME +CPU +MEMORY +WINDOW/);
    const raw = JSON.parse(await kubectl('get --raw /apis/metrics.k8s.io/v1beta1/nodes')) as { readonly kind: string };
    assert.equal(raw.kind, 'NodeMetricsList');
  },
};

const autoscales: Case<Context> = {
  name: 'a HorizontalPodAutoscaler scales by what it measures',
  async run({ kubectl }) {
    const template = {
      metadata: { labels: { app: 'scaled' }, annotations: { 'kwok.x-k8s.io/usage-cpu': '300m' } },
      spec: {
        containers: [{ name: 'main', image: 'registry.example.com/main:1', resources: { requests: { cpu: '100m' } } }],
      },
    };
    const metadata = { name: 'scaled', namespace: 'default' };
    await kubectl.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 1, selector: { matchLabels: { app: 'scaled' } }, template },
    });
    await kubectl('autoscale deployment scaled --cpu-percent 100 --min 1 --max 3');
    await eventually(
      'it has three Pods',
      async () => ((await kubectl.get('deployment scaled')).status?.['readyReplicas'] ?? 0) === 3,
      120_000,
    );
    assert.match(await kubectl('get hpa scaled'), /cpu: 300%\/100%/);
  },
};

const gone: Case<Context> = {
  name: 'a server that went is told, and namespaces still go',
  async run({ kubectl, processes }) {
    for (const process of processes) if (process.name === 'metrics-server') await process[Symbol.asyncDispose]();
    await kubectl('wait --for condition=Available=False apiservice v1beta1.metrics.k8s.io --timeout 60s');
    await assert.rejects(kubectl('top nodes'), /unable to handle the request|Metrics API not available/);
    await kubectl('delete apiservice v1beta1.metrics.k8s.io');
    await kubectl('create namespace short');
    await kubectl('delete namespace short --timeout 30s');
  },
};

const CASES = [available, top, reads, autoscales, gone];
