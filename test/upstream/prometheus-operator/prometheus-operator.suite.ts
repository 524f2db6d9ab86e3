/** prometheus-operator against a control plane with hollow nodes: its objects become workloads, configuration, status. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { eventually } from '../../support/cluster.ts';
import { type Case, runCases } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import { freePort } from '../support/control-plane.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamModule, upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

const MODULE = 'github.com/prometheus-operator/prometheus-operator';

/** `only`: a regular expression that narrows the cases; those that follow build on the first one. */
export const prometheusOperator: UpstreamSuite = {
  name: 'prometheus-operator',
  text: 'prometheus-operator 0.85: Prometheus and Alertmanager become StatefulSets, monitors and rules configuration',
  async run({ only }) {
    const program = await upstreamProgram('prometheus-operator');
    const module = await upstreamModule('prometheus-operator', MODULE);
    return onControlPlane({ hollowNodes: 2 }, async ({ cluster, kubectl, directory }) => {
      const folder = join(module, 'example/prometheus-operator-crd');
      for (const file of readdirSync(folder)) await kubectl(`create -f ${join(folder, file)}`);
      await kubectl('wait --for condition=Established crd --all --timeout 30s');
      const args = [`--web.listen-address=127.0.0.1:${await freePort()}`, '--kubelet-service=kube-system/kubelet'];
      const env = { KUBECONFIG: cluster.kubeconfig };
      await using operator = startProcess(directory, { name: 'operator', program, args, env });
      return await runCases(CASES, { kubectl, operator }, only);
    });
  },
};

interface Context {
  readonly kubectl: Kubectl;
  readonly operator: BackgroundProcess;
}

const object = (kind: string, name: string, spec: object, more: object = {}) => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind,
  metadata: { name, namespace: 'default', ...more },
  spec,
});

async function configuration(kubectl: Kubectl): Promise<string> {
  const { data } = await kubectl.get('secret prometheus-main');
  return gunzipSync(Buffer.from(data?.['prometheus.yaml.gz'] ?? '', 'base64')).toString();
}

const prometheus: Case<Context> = {
  name: 'a Prometheus becomes a StatefulSet and gets Available',
  async run({ kubectl, operator }) {
    await kubectl('create serviceaccount prometheus');
    const selectors = { serviceMonitorSelector: {}, ruleSelector: {}, podMonitorSelector: {} };
    await kubectl.apply(object('Prometheus', 'main', { replicas: 2, serviceAccountName: 'prometheus', ...selectors }));
    await eventually('there is a StatefulSet', async () => {
      await operator.check();
      return kubectl('get statefulset prometheus-main');
    });
    await kubectl('rollout status statefulset prometheus-main --timeout 60s');
    for (const condition of ['Reconciled', 'Available'])
      await kubectl(`wait --for condition=${condition} prometheus main --timeout 60s`);
    const { status } = await kubectl.get('prometheus main');
    assert.equal(status?.['availableReplicas'], 2);
    assert.match(
      await kubectl('get prometheus main'),
      /NAME +VERSION +DESIRED +READY +RECONCILED +AVAILABLE +AGE\nmain +2 +2 +True +True/,
    );
    await kubectl('get service prometheus-operated');
  },
};

const monitors: Case<Context> = {
  name: 'a ServiceMonitor shows in the configuration, and goes from it',
  async run({ kubectl }) {
    const endpoints = [{ port: 'http', interval: '30s' }];
    await kubectl.apply(object('ServiceMonitor', 'web', { selector: { matchLabels: { app: 'web' } }, endpoints }));
    const job = 'serviceMonitor/default/web/0';
    await eventually('it is configured', async () => (await configuration(kubectl)).includes(job), 30_000);
    await kubectl('delete servicemonitor web');
    await eventually('it is gone', async () => !(await configuration(kubectl)).includes(job), 30_000);
  },
};

const rules: Case<Context> = {
  name: 'a PrometheusRule becomes a ConfigMap',
  async run({ kubectl }) {
    const groups = [{ name: 'all', rules: [{ alert: 'Down', expr: 'up == 0', for: '5m' }] }];
    await kubectl.apply(object('PrometheusRule', 'down', { groups }));
    await eventually(
      'there is a rule file',
      async () => {
        const { data } = await kubectl.get('configmap prometheus-main-rulefiles-0');
        return Object.values(data ?? {}).some((text) => text.includes('alert: Down'));
      },
      30_000,
    );
  },
};

const scales: Case<Context> = {
  name: 'scale: the subresource of the definition adds a shard, and takes it away',
  async run({ kubectl }) {
    await kubectl('scale prometheus main --replicas 2');
    await eventually('there is a shard', () => kubectl('get statefulset prometheus-main-shard-1'), 30_000);
    await kubectl('scale prometheus main --replicas 1');
    await kubectl('wait --for delete statefulset prometheus-main-shard-1 --timeout 30s');
  },
};

const alertmanager: Case<Context> = {
  name: 'an Alertmanager becomes a StatefulSet and gets Available',
  async run({ kubectl }) {
    await kubectl.apply(object('Alertmanager', 'main', { replicas: 1 }));
    await kubectl('wait --for condition=Available alertmanager main --timeout 60s');
    await kubectl('rollout status statefulset alertmanager-main --timeout 60s');
  },
};

const changes: Case<Context> = {
  name: 'a StatefulSet that somebody changed or deleted is put right',
  async run({ kubectl }) {
    await kubectl('scale statefulset prometheus-main --replicas 5');
    await kubectl('wait --for jsonpath={.spec.replicas}=2 statefulset prometheus-main --timeout 30s');
    await kubectl('delete statefulset prometheus-main --cascade=orphan');
    await eventually('it is there again', () => kubectl('get statefulset prometheus-main'), 30_000);
    await kubectl('rollout status statefulset prometheus-main --timeout 60s');
  },
};

const refused: Case<Context> = {
  name: 'what the definition’s schema and rules refuse',
  async run({ kubectl }) {
    await assert.rejects(
      kubectl.apply(object('Prometheus', 'bad', { retentionSize: '1 furlong' })),
      /spec\.retentionSize: Invalid value: "1 furlong": spec\.retentionSize in body should match/,
    );
    await assert.rejects(
      kubectl.apply(object('ServiceMonitor', 'bad', { selector: {}, endpoints: [{ scheme: 'gopher' }] })),
      /spec\.endpoints\[0\]\.scheme: Unsupported value: "gopher": supported values: "http", "https"/,
    );
  },
};

const goes: Case<Context> = {
  name: 'what belongs to a Prometheus goes with it',
  async run({ kubectl }) {
    await kubectl('delete prometheus main --cascade=foreground --timeout 60s');
    const { items } = await kubectl.get<{ items: readonly Manifest[] }>('statefulsets,secrets,configmaps');
    const left = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('prometheus-main'));
    assert.deepEqual(left, []);
  },
};

const CASES = [prometheus, monitors, rules, scales, alertmanager, changes, refused, goes];
