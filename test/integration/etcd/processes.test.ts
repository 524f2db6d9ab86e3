/** `kapella server` twice over one etcd, as an administrator starts them: one PKI, two ports, one of them killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { type Api, createApi } from '../../support/api.ts';
import { eventually, run } from '../../support/cluster.ts';
import { type EtcdMember, ensureEtcd, ensureEtcdctl, freePorts, startEtcd } from '../../support/etcd.ts';

const PROGRAM = join(import.meta.dirname, '../../../dist/kapella.mjs');
const directory = mkdtempSync(join(tmpdir(), 'kapella-ha-'));
const MAPS = '/api/v1/namespaces/default/configmaps';

interface Server {
  readonly child: ChildProcess;
  readonly api: Api;
}

let etcd: EtcdMember;
let one: Server;
let two: Server;
before(async () => {
  etcd = await startEtcd(await ensureEtcd());
  const secret = Buffer.alloc(32, 7).toString('base64');
  const encryption = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      { resources: ['secrets'], providers: [{ secretbox: { keys: [{ name: 'k1', secret }] } }, { identity: {} }] },
    ],
  };
  writeFileSync(join(directory, 'encryption.yaml'), JSON.stringify(encryption));
  one = await startServer('one');
  mkdirSync(join(directory, 'two'));
  cpSync(join(directory, 'one/pki'), join(directory, 'two/pki'), { recursive: true });
  two = await startServer('two');
});
after(async () => {
  for (const server of [one, two]) {
    server?.api[Symbol.dispose]();
    await end(server?.child, 'SIGTERM');
  }
  await etcd?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const storeFlags = () => ['--store', 'etcd', '--etcd-endpoints', etcd.url];

async function startServer(name: string): Promise<Server> {
  const [port] = await freePorts(1);
  const data = join(directory, name);
  const flags = ['--data-dir', data, '--api-port', String(port), '--bind-address', '127.0.0.1', ...storeFlags()];
  const args = ['server', ...flags, '--encryption-provider-config', join(directory, 'encryption.yaml')];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log = (log + String(chunk)).slice(-10_000);
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => line.includes('ready') && resolve());
    child.once('exit', (code) => reject(new Error(`server ${name} ended with code ${code}: ${log}`)));
  });
  return { child, api: createApi(join(data, 'admin.kubeconfig')) };
}

function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

async function etcdGet(key: string): Promise<string> {
  const args = ['--endpoints', etcd.url, 'get', '--print-value-only', key];
  return (await run(await ensureEtcdctl(), args, { env: { ETCDCTL_API: '3' } })).stdout;
}

const post = (server: Server, path: string, body: object) =>
  server.api.request('POST', path, { body: JSON.stringify(body) });

test('a client writes through one and reads through the other; Secrets lie encrypted in etcd', async () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: 'open sesame' } };
  assert.equal((await post(one, '/api/v1/namespaces/default/secrets', secret)).status, 201);
  const read = await two.api.get<{ data: { password: string } }>('/api/v1/namespaces/default/secrets/s');
  assert.equal(Buffer.from(read.data.password, 'base64').toString(), 'open sesame');
  assert.match(await etcdGet('/registry/secrets/default/s'), /^k8s:enc:secretbox:v1:k1:/);
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: '1' } };
  assert.equal((await post(two, MAPS, map)).status, 201);
  assert.match(await etcdGet('/registry/configmaps/default/m'), /^\{"kind":"ConfigMap","apiVersion":"v1"/);
  assert.equal((await one.api.request('GET', `${MAPS}/m`)).status, 200);
});

test('controllers run in one of them, and in the other when that one is killed', async () => {
  const holder = async (server: Server) => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager';
    const { spec } = await server.api.get<{ spec: { holderIdentity?: string } }>(path);
    return spec.holderIdentity;
  };
  const first = await eventually('somebody leads', () => holder(one).catch(() => undefined));
  const deployment = (name: string) => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  const pods = async (server: Server, app: string) =>
    (await server.api.get<{ items: object[] }>(`/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`)).items;
  assert.equal((await post(two, '/apis/apps/v1/namespaces/default/deployments', deployment('a'))).status, 201);
  await eventually('two Pods, not four', async () => (await pods(one, 'a')).length === 2);

  // The one that began first leads.
  await end(one.child, 'SIGKILL');
  assert.equal((await post(two, '/apis/apps/v1/namespaces/default/deployments', deployment('b'))).status, 201);
  await eventually('the other leads', async () => (await holder(two)) !== first, 60_000);
  await eventually('two Pods', async () => (await pods(two, 'b')).length === 2);
  assert.equal((await pods(two, 'a')).length, 2);
});

test('a snapshot of the etcd, restored, is what was there then', async () => {
  await end(one.child, 'SIGKILL');
  const file = join(directory, 'ha.snapshot');
  const kapella = (...args: readonly string[]) =>
    run(process.execPath, [PROGRAM, 'snapshot', ...args, ...storeFlags()], {});
  const saved = await kapella('save', file);
  assert.equal(saved.code, 0, saved.stderr);
  assert.match(saved.stdout, /Saved .*ha.snapshot: \d+ keys at revision \d+/);
  assert.equal(
    (await post(two, MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later' } })).status,
    201,
  );
  two.api[Symbol.dispose]();
  await end(two.child, 'SIGTERM');
  const restored = await kapella('restore', file);
  assert.equal(restored.code, 0, restored.stderr);
  two = await startServer('two');
  assert.equal((await two.api.request('GET', `${MAPS}/later`)).status, 404);
  assert.equal((await two.api.request('GET', `${MAPS}/m`)).status, 200);
  assert.equal((await two.api.request('GET', '/api/v1/namespaces/default/secrets/s')).status, 200);
});
