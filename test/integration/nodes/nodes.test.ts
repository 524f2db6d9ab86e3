/** Two nodes on this machine, of both families: Pods, names, streams and ports across them; both stop, start again and leave no trace. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Node, Pod, Service } from '@kapella/api/types/core-v1';
import { eventually, run, startCluster, type TestCluster } from '../../support/cluster.ts';
import { BUSYBOX, NGINX } from '../../support/images.ts';
import { hasIpv6 } from '../../support/ipv6.ts';

const FIRST = 't-nodes';
const SECOND = 't-nodes-2';

const IPV6 = hasIpv6();

let cluster: TestCluster;
let addresses: ReadonlyMap<string, string>;

before(async () => {
  cluster = await startCluster({
    name: FIRST,
    apiPort: 16_451,
    podCidr: `10.122.0.0/16${IPV6 ? ',fd7a:122::/56' : ''}`,
    serviceCidr: `10.123.0.0/16${IPV6 ? ',fd7a:123::/112' : ''}`,
    args: ['--nodes', '2'],
  });
  await cluster.apply([webOn(SECOND), serviceOf(), shells, shellOn(FIRST), shellOn(SECOND)]);
  await cluster.kubectl('wait --for=condition=Ready pod --all --timeout=60s');
  addresses = await internalAddresses();
});
after(async () => cluster?.[Symbol.asyncDispose]());

const webOn = (nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    nodeName,
    containers: [{ name: 'web', image: NGINX, ports: [{ containerPort: 80, hostPort: 8_123 }] }],
  },
});
const serviceOf = () => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30_181 }] },
});
const shellOn = (nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `shell-${nodeName}`, labels: { app: 'shell' } },
  spec: { nodeName, containers: [{ name: 'shell', image: BUSYBOX, command: ['sh', '-c', SERVE] }] },
});
const SERVE = 'mkdir /w; hostname > /w/index.html; exec httpd -f -vv -p 8080 -h /w';
const shells = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'shells' },
  spec: { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'shell' }, ports: [{ port: 80, targetPort: 8_080 }] },
};

async function internalAddresses(): Promise<ReadonlyMap<string, string>> {
  const { items } = JSON.parse(await cluster.kubectl('get nodes -o json')) as { items: readonly Node[] };
  return new Map(
    items.map(({ metadata, status }) => [
      metadata.name,
      status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    ]),
  );
}

const podAddresses = async (name: string) =>
  (JSON.parse(await cluster.kubectl(`get pod ${name} -o json`)) as Pod).status?.podIPs?.map(({ ip }) => ip) ?? [];
const podAddress = async (name: string) => (await podAddresses(name))[0] ?? '';

const fetchIn = (pod: string, url: string) => cluster.kubectl(`exec ${pod} -- wget -q -O - -T 5 ${url}`);

test('each node is Ready under an address of its own', () => {
  assert.deepEqual([...addresses.keys()].sort(), [FIRST, SECOND]);
  assert.equal(new Set(addresses.values()).size, 2);
});

test('Pods of either node reach a Pod of the other by address, by Service and by name', async () => {
  const address = await podAddress('web');
  for (const pod of [`shell-${FIRST}`, `shell-${SECOND}`]) {
    for (const host of [address, 'web', 'web.default.svc.cluster.local']) {
      assert.match(await fetchIn(pod, `http://${host}/`), /Welcome to nginx/, `${pod} -> ${host}`);
    }
  }
});

test('so they do by IPv6: by address, by Service, by name, with the address of who asks', async () => {
  const { spec } = JSON.parse(await cluster.kubectl('get service shells -o json')) as Service;
  assert.equal(spec.clusterIPs?.length, IPV6 ? 2 : 1);
  if (!IPV6) return; // no address of IPv6 is asked for where there can be none
  const serviceIp = spec.clusterIPs?.[1] ?? '';
  assert.match(serviceIp, /^fd7a:123:/);
  for (const [from, to] of [
    [FIRST, SECOND],
    [SECOND, FIRST],
  ]) {
    const ip = (await podAddresses(`shell-${to}`))[1] ?? '';
    assert.match(ip, /^fd7a:122:/);
    await eventually(
      'the other Pod answers',
      async () => (await fetchIn(`shell-${from}`, `http://[${ip}]:8080/`)).trim() === `shell-${to}`,
    );
    await eventually('the Service answers', async () =>
      (await fetchIn(`shell-${from}`, `http://[${serviceIp}]/`)).startsWith('shell-'),
    );
    assert.ok(
      (await cluster.kubectl(`exec shell-${from} -- nslookup shells.default.svc.cluster.local`)).includes(serviceIp),
    );
    const asker = (await podAddresses(`shell-${from}`))[1] ?? 'none';
    await eventually('its log names the Pod', async () => (await cluster.kubectl(`logs shell-${to}`)).includes(asker));
  }
  const { status } = JSON.parse(await cluster.kubectl(`get node ${SECOND} -o json`)) as Node;
  const internal = status?.addresses?.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
  assert.deepEqual(internal, ['100.64.122.2', 'fd64:40:7a::2']);
});

test('a Pod sees the address of who asks, across nodes too', async () => {
  await fetchIn(`shell-${FIRST}`, `http://${await podAddress('web')}/`);
  const asker = await podAddress(`shell-${FIRST}`);
  await eventually('the access log names the Pod', async () => (await cluster.kubectl('logs web')).includes(asker));
});

test('NodePorts answer on both nodes, a hostPort on its own', async () => {
  for (const address of addresses.values()) {
    const response = await fetch(`http://${address}:30181/`, { signal: AbortSignal.timeout(5_000) });
    assert.match(await response.text(), /Welcome to nginx/);
  }
  const own = await fetch(`http://${addresses.get(SECOND)}:8123/`, { signal: AbortSignal.timeout(5_000) });
  assert.match(await own.text(), /Welcome to nginx/);
  await assert.rejects(fetch(`http://${addresses.get(FIRST)}:8123/`, { signal: AbortSignal.timeout(2_000) }));
});

test('the API server reaches Pods and Services of the further node', async () => {
  assert.match(await cluster.kubectl('get --raw /api/v1/namespaces/default/pods/web/proxy/'), /Welcome to nginx/);
  assert.match(await cluster.kubectl('get --raw /api/v1/namespaces/default/services/web/proxy/'), /Welcome to nginx/);
});

test('down and up again: both nodes are back, and so is the Pod of the second', async () => {
  const stopped = await cluster.kapella('down --grace 1');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.doesNotMatch((await run('ip', ['netns', 'list'], {})).stdout, /kapella-t-nodes-2/);
  const started = await cluster.kapella('up --yes', { timeoutMs: 120_000 });
  assert.equal(started.code, 0, started.stdout + started.stderr);
  await eventually('the Pod of the second node answers again', async () => {
    const response = await fetch(`http://${addresses.get(SECOND)}:30181/`, { signal: AbortSignal.timeout(2_000) });
    return (await response.text()).includes('Welcome to nginx');
  });
});
