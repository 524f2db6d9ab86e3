/** What kwok must be able to do with nodes and Pods, seen from the API. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../support/cluster.ts';
import type { Case } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import { freePort } from '../support/control-plane.ts';
import type { BackgroundProcess } from '../support/processes.ts';

export interface KwokContext {
  readonly kubectl: Kubectl;
  readonly kubeconfig: string;
  readonly process: BackgroundProcess;
  /** For files of the cases. */
  readonly directory: string;
}

const KWOK = { apiVersion: 'kwok.x-k8s.io/v1alpha1' };

const node = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
  status: {
    allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
    capacity: { cpu: '8', memory: '32Gi', pods: '110' },
  },
});

const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...more },
  spec: { containers: [{ name: 'main', image: 'registry.example.com/main:1' }] },
});

const isReady = ({ status }: Manifest) =>
  status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false;

const podIsReady = (kubectl: Kubectl, name: string) =>
  eventually(`pod ${name} is ready`, async () => isReady(await kubectl.get(`pod ${name}`)), 20_000);

const nodesReady: Case<KwokContext> = {
  name: 'nodes are initialized, become Ready and lose their not-ready taint',
  async run({ kubectl, process }) {
    await kubectl.apply(node('kwok-0'), node('kwok-1'), node('kwok-2'));
    for (const name of ['kwok-0', 'kwok-1', 'kwok-2']) {
      await eventually(
        `node ${name} is ready`,
        async () => {
          await process.check();
          const found = await kubectl.get<Manifest & { spec: { taints?: unknown } }>(`node ${name}`);
          return isReady(found) && found.spec.taints === undefined;
        },
        30_000,
      );
    }
    const { status } = await kubectl.get('node kwok-0');
    assert.match(JSON.stringify(status?.['nodeInfo']), /"kubeletVersion":"kwok-/);
    assert.deepEqual(status?.['addresses'], [{ type: 'InternalIP', address: '127.0.0.1' }]);
  },
};

interface Lease {
  readonly spec: { readonly holderIdentity: string; readonly renewTime: string; readonly leaseDurationSeconds: number };
}

const leases: Case<KwokContext> = {
  name: 'leases of nodes are held and renewed',
  async run({ kubectl }) {
    const read = () => kubectl.get<Lease>('lease kwok-1 -n kube-node-lease');
    const { spec } = await eventually('there is a lease', read, 20_000);
    assert.equal(spec.leaseDurationSeconds, 8);
    assert.match(spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await eventually('it is renewed', async () => (await read()).spec.renewTime > spec.renewTime, 20_000);
  },
};

const deployment: Case<KwokContext> = {
  name: 'Pods of a Deployment run, have addresses, and go',
  async run({ kubectl }) {
    await kubectl('create deployment web --image registry.example.com/web:1 --replicas 12');
    await kubectl('rollout status deployment web --timeout 30s');
    const { items } = await kubectl.get<{ items: readonly Manifest[] }>('pods -l app=web');
    const addresses = new Set(items.map(({ status }) => status?.['podIP']));
    assert.equal(addresses.size, 12);
    const nodes = new Set(items.map(({ spec }) => spec?.['nodeName']));
    assert.equal(nodes.size, 3, 'spread over the nodes');
    await kubectl('set image deployment web web=registry.example.com/web:2');
    await kubectl('rollout status deployment web --timeout 30s');
    await kubectl('delete deployment web --cascade=foreground --timeout 30s');
    const left = await kubectl.get<{ items: readonly unknown[] }>('pods -l app=web');
    assert.equal(left.items.length, 0);
  },
};

const jobs: Case<KwokContext> = {
  name: 'Pods of a Job succeed',
  async run({ kubectl }) {
    await kubectl('create job once --image registry.example.com/once:1');
    await kubectl('wait --for condition=Complete job once --timeout 30s');
    await kubectl('delete job once --timeout 30s');
  },
};

const ownStage: Case<KwokContext> = {
  name: 'a Stage made while it runs takes effect, and no longer once it is gone',
  async run({ kubectl }) {
    const stage = {
      ...KWOK,
      kind: 'Stage',
      metadata: { name: 'pod-crash' },
      spec: {
        resourceRef: { apiGroup: 'v1', kind: 'Pod' },
        selector: {
          matchLabels: { crash: 'true' },
          matchExpressions: [{ key: '.status.phase', operator: 'In', values: ['Running'] }],
        },
        weight: 100,
        next: { statusTemplate: 'phase: Failed\nreason: Crashed\n' },
      },
    };
    await kubectl.apply(stage, pod('crashes', { labels: { crash: 'true' } }));
    await eventually('it has crashed', async () => {
      const { status } = await kubectl.get('pod crashes');
      return status?.['phase'] === 'Failed' && status['reason'] === 'Crashed';
    });
    await kubectl('delete pod crashes --timeout 20s');
    await kubectl('delete stage pod-crash');
  },
};

const logs: Case<KwokContext> = {
  name: 'logs: through the API server from the node',
  async run({ kubectl, directory }) {
    const logsFile = join(directory, 'container.log');
    const time = '2026-01-01T00:00:00.000000000Z';
    writeFileSync(logsFile, `${time} stdout F first\n${time} stderr F second\n`);
    await kubectl.apply(
      { ...KWOK, kind: 'ClusterLogs', metadata: { name: 'all' }, spec: { logs: [{ logsFile }] } },
      pod('talks'),
    );
    await podIsReady(kubectl, 'talks');
    const read = async () => (await kubectl('logs talks')) === 'first\nsecond\n';
    await eventually('there are logs', read, 20_000);
    assert.equal(await kubectl('logs talks --tail 1'), 'second\n');
    assert.equal(await kubectl('logs talks --timestamps --tail 1'), `${time} second\n`);
    await kubectl('delete pod talks --timeout 20s');
  },
};

const exec: Case<KwokContext> = {
  name: 'exec: a command on the node, its output and its exit code',
  async run({ kubectl }) {
    const spec = { execs: [{ local: { envs: [{ name: 'SAID', value: 'hello' }] } }] };
    await kubectl.apply({ ...KWOK, kind: 'ClusterExec', metadata: { name: 'all' }, spec }, pod('does'));
    await podIsReady(kubectl, 'does');
    const said = await eventually('it answers', () => kubectl("exec does -- sh -c 'echo $SAID'"), 20_000);
    assert.equal(said, 'hello\n');
    // kwok never ends a command's input: one that reads to its end would wait for good.
    assert.equal(await kubectl('exec -i does -- head -n 1', { input: 'through\n' }), 'through\n');
    await assert.rejects(kubectl("exec does -- sh -c 'exit 7'"), /exit status 7/);
    await kubectl('delete pod does --timeout 20s');
  },
};

const portForward: Case<KwokContext> = {
  name: 'port-forward: a connection through the API server and the node',
  async run({ kubectl, kubeconfig }) {
    const server = createServer((socket) => socket.end('reached')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { readonly port: number };
    const spec = { forwards: [{ ports: [80], target: { port, address: '127.0.0.1' } }] };
    await kubectl.apply({ ...KWOK, kind: 'ClusterPortForward', metadata: { name: 'all' }, spec }, pod('forwards'));
    await podIsReady(kubectl, 'forwards');
    const local = await freePort();
    const forward = spawn('kubectl', ['--kubeconfig', kubeconfig, 'port-forward', 'pod/forwards', `${local}:80`]);
    try {
      const text = await eventually('it is reached', () => readFrom(local), 20_000);
      assert.equal(text, 'reached');
    } finally {
      forward.kill('SIGTERM');
      server.close();
      await kubectl('delete pod forwards --timeout 20s');
    }
  },
};

function readFrom(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text === '' ? undefined : text));
  });
}

const metrics: Case<KwokContext> = {
  name: 'metrics of a node through the node proxy',
  async run({ kubectl }) {
    const metric = {
      ...KWOK,
      kind: 'Metric',
      metadata: { name: 'metrics-resource' },
      spec: {
        path: '/metrics/nodes/{nodeName}/metrics/resource',
        metrics: [{ name: 'scrape_error', dimension: 'node', help: 'none', kind: 'gauge', value: '0' }],
      },
    };
    await kubectl.apply(metric);
    const read = () => kubectl('get --raw /api/v1/nodes/kwok-0/proxy/metrics/nodes/kwok-0/metrics/resource');
    assert.match(await eventually('metrics are served', read, 20_000), /scrape_error 0/);
  },
};

const nodeGone: Case<KwokContext> = {
  name: 'Pods of a node that is deleted go with it',
  async run({ kubectl }) {
    await kubectl.apply({ ...pod('stranded'), spec: { ...pod('stranded').spec, nodeName: 'kwok-2' } });
    await podIsReady(kubectl, 'stranded');
    await kubectl('delete node kwok-2');
    await eventually('its Pod is gone', async () => {
      const { items } = await kubectl.get<{ items: readonly unknown[] }>(
        'pods --field-selector metadata.name=stranded',
      );
      return items.length === 0;
    });
  },
};

export const KWOK_CASES = [nodesReady, leases, deployment, jobs, ownStage, logs, exec, portForward, metrics, nodeGone];
