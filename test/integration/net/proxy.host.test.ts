/** The proxy's rules under real packets, in network namespaces. Needs root, nftables, conntrack, iproute2. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Service, ServicePort } from '@kapella/api/types/core-v1';
import { createLogger, type Ctx } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import {
  type Contribution,
  planHostPorts,
  planService,
  type ProxyBackend,
  type ProxyNode,
  RuleTable,
} from '@kapella/proxy';
import { createNftablesBackend } from '@kapella/proxy/node';
import { createLab, type Lab, NODE_IP, OUTSIDE_IP } from './lab.ts';

const VIP = '10.96.0.10';
const PODS = { a: '10.244.0.2', b: '10.244.0.3', c: '10.244.0.4' } as const;
const SERVER_PORT = 8080;
const node: ProxyNode = {
  name: 'n1',
  nodePortAddresses: [NODE_IP],
  podCIDRs: ['10.244.0.0/16'],
  families: ['IPv4'],
};

let lab: Lab;
let backend: ProxyBackend;
let table = new RuleTable('IPv4');
const warnings: string[] = [];
const ctx: Ctx = hostCtx(
  new AbortController().signal,
  createLogger((r) => warnings.push(JSON.stringify(r))),
);

const metadata = { name: 's', namespace: 'd', uid: 'u', resourceVersion: '1', creationTimestamp: '' };

interface Wanted {
  readonly spec?: Partial<Service['spec']>;
  readonly ports?: readonly ServicePort[];
  readonly pods?: readonly (keyof typeof PODS)[];
  readonly awayIPs?: readonly string[];
}

function plan({ spec, ports = [{ port: 80, nodePort: 30080 }], pods = [], awayIPs = [] }: Wanted): Contribution {
  const service: Service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata,
    spec: { type: 'NodePort', clusterIP: VIP, ports, ...spec },
  };
  const endpoints = [
    ...pods.map((pod) => ({ addresses: [PODS[pod]], nodeName: 'n1' })),
    ...awayIPs.map((ip) => ({ addresses: [ip], nodeName: 'n2' })),
  ];
  const slice = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata, addressType: 'IPv4' as const };
  return planService(service, [{ ...slice, endpoints, ports: [{ name: '', port: SERVER_PORT }] }], node, 'IPv4');
}

/** Brings the kernel to this by a change, as the running proxy does. */
async function set(owner: string, contribution: Contribution | undefined): Promise<void> {
  table.replace(owner, contribution);
  const change = table.takeChange();
  if (change === undefined) return;
  await backend.apply([change], ctx);
  await backend.forgetFlows(change.staleFlows, ctx);
}

const nameOf = (answer: string) => answer.split(' ')[0];

async function answers(times: number, ask: () => Promise<string>): Promise<ReadonlySet<string>> {
  return new Set((await Promise.all(Array.from({ length: times }, ask))).map((a) => String(nameOf(a))));
}

before(async () => {
  lab = await createLab();
  for (const [name, ip] of Object.entries(PODS)) {
    await lab.addPod(name, ip);
    await lab.serve(name, SERVER_PORT);
  }
  backend = createNftablesBackend({
    clusterName: 'lab',
    node,
    commandPrefix: ['ip', 'netns', 'exec', `${lab.prefix}-node`],
  });
  await backend.replace([table.state()], ctx);
});
after(() => lab?.close());

test('ClusterIP: from a Pod with its own address, from the node, and to every endpoint', async () => {
  await set('s', plan({ pods: ['a', 'b'] }));
  assert.deepEqual(await answers(12, () => lab.ask('c', VIP, 80)), new Set(['a', 'b']));
  assert.match(await lab.ask('c', VIP, 80), /10\.244\.0\.4$/);
  assert.match(await lab.ask('node', VIP, 80), /^[ab] /);
});

test('hairpin: a Pod reaches itself through its Service', async () => {
  await set('s', plan({ pods: ['a'] }));
  assert.equal(nameOf(await lab.ask('a', VIP, 80)), 'a');
});

test('NodePort: from outside and from the node; another port of the ClusterIP is refused', async () => {
  await set('s', plan({ pods: ['a', 'b'] }));
  assert.match(await lab.ask('out', NODE_IP, 30080), /^[ab] /);
  assert.match(await lab.ask('node', NODE_IP, 30080), /^[ab] /);
  assert.match(await lab.ask('c', NODE_IP, 30080), /^[ab] /);
  assert.equal(await lab.ask('c', VIP, 81), 'refused');
});

test('externalTrafficPolicy Local keeps the source address, and drops where no endpoint is here', async () => {
  await set('s', plan({ spec: { externalTrafficPolicy: 'Local' }, pods: ['a'], awayIPs: ['10.244.1.9'] }));
  for (let i = 0; i < 4; i++) assert.equal(await lab.ask('out', NODE_IP, 30080), `a ${OUTSIDE_IP}`);
  await set('s', plan({ spec: { externalTrafficPolicy: 'Local' }, awayIPs: ['10.244.1.9'] }));
  assert.equal(await lab.ask('out', NODE_IP, 30080), 'timeout');
});

test('no endpoints: refused at once, for TCP and UDP, from Pod, node and outside', async () => {
  await set('s', plan({}));
  assert.equal(await lab.ask('c', VIP, 80), 'refused');
  assert.equal(await lab.ask('node', VIP, 80), 'refused');
  assert.equal(await lab.ask('out', NODE_IP, 30080), 'refused');
  await set('s', plan({ ports: [{ port: 53, protocol: 'UDP' }] }));
  assert.equal(await lab.askUdp('c', VIP, 53), 'refused');
});

test('session affinity: one endpoint a client, kept when others go, chosen anew when it goes or time passes', async () => {
  const sticky = (pods: readonly (keyof typeof PODS)[], timeoutSeconds = 600) =>
    plan({ spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } }, pods });
  await set('s', sticky(['a', 'b', 'c']));
  const first = String(nameOf(await lab.ask('node', VIP, 80))) as keyof typeof PODS;
  assert.deepEqual(await answers(8, () => lab.ask('node', VIP, 80)), new Set([first]));
  const others = (Object.keys(PODS) as (keyof typeof PODS)[]).filter((p) => p !== first);
  await set('s', sticky([first, others[0] as 'a']));
  assert.deepEqual(await answers(8, () => lab.ask('node', VIP, 80)), new Set([first]));
  await set('s', sticky(others));
  const second = nameOf(await lab.ask('node', VIP, 80));
  assert.ok(others.includes(second as 'a'));
  assert.deepEqual(await answers(8, () => lab.ask('node', VIP, 80)), new Set([second]));
  // A full sync keeps what clients have.
  await backend.replace([table.state()], ctx);
  assert.deepEqual(await answers(4, () => lab.ask('node', VIP, 80)), new Set([second]));
  // With a timeout of a second the kernel forgets the client by itself.
  await lab.exec('node', 'nft', 'flush', 'map', 'ip', 'kapella-lab', 'clients');
  const remembered = async () =>
    /expires/.test(await lab.exec('node', 'nft', 'list', 'map', 'ip', 'kapella-lab', 'clients'));
  await set('s', sticky(['a', 'b', 'c'], 1));
  await lab.ask('node', VIP, 80);
  assert.ok(await remembered());
  const deadlineMs = performance.now() + 5_000;
  while ((await remembered()) && performance.now() < deadlineMs) await setTimeout(50);
  assert.ok(!(await remembered()));
});

test('UDP: balanced, and a flow moves on when its endpoint goes', async () => {
  const udp = (pods: readonly (keyof typeof PODS)[]) => plan({ ports: [{ port: 53, protocol: 'UDP' }], pods });
  await set('s', udp(['a']));
  assert.equal(nameOf(await lab.askUdp('c', VIP, 53)), 'a');
  assert.match(await lab.exec('node', 'conntrack', '-L', '-p', 'udp'), /10\.244\.0\.2/);
  await set('s', udp(['b']));
  assert.doesNotMatch(await lab.exec('node', 'conntrack', '-L', '-p', 'udp'), /src=10\.244\.0\.2 /);
  assert.equal(nameOf(await lab.askUdp('c', VIP, 53)), 'b');
});

test('an endpoint that is the node itself, as kube-dns has: from a Pod, over UDP and TCP', async () => {
  await lab.serve('node', 10053, NODE_IP);
  for (const protocol of ['UDP', 'TCP'] as const) {
    const service: Service = {
      kind: 'Service',
      apiVersion: 'v1',
      metadata,
      spec: { clusterIP: VIP, internalTrafficPolicy: 'Local', ports: [{ port: 53, protocol }] },
    };
    const slice = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata, addressType: 'IPv4' as const };
    const endpoints = [{ addresses: [NODE_IP], nodeName: 'n1' }];
    await set('s', planService(service, [{ ...slice, endpoints, ports: [{ name: '', port: 10053 }] }], node, 'IPv4'));
    const ask = protocol === 'UDP' ? lab.askUdp : lab.ask;
    assert.equal(await ask('c', VIP, 53), `node ${PODS.c}`);
    assert.match(await ask('node', VIP, 53), /^node /);
  }
});

test('adding and removing one endpoint breaks no request to the others', async () => {
  await set('s', plan({ pods: ['a', 'b'] }));
  let isDone = false;
  const load = (async () => {
    const bad: string[] = [];
    let count = 0;
    while (!isDone) {
      const got = await Promise.all(Array.from({ length: 4 }, () => lab.ask('node', VIP, 80)));
      count += got.length;
      bad.push(...got.filter((a) => !/^[abc] /.test(a)));
    }
    return { bad, count };
  })();
  for (let i = 0; i < 10; i++) {
    await set('s', plan({ pods: ['a', 'b', 'c'] }));
    await set('s', plan({ pods: ['b'] }));
    await set('s', plan({ pods: ['a', 'b'] }));
  }
  isDone = true;
  const { bad, count } = await load;
  assert.deepEqual(bad, []);
  assert.ok(count >= 8);
});

test('hostPort, external IP and source ranges', async () => {
  const pod = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata,
    spec: { containers: [{ name: 'c', ports: [{ containerPort: SERVER_PORT, hostPort: 8000 }] }] },
    status: { podIP: PODS.a },
  };
  await set('p', planHostPorts(pod as never, node, 'IPv4'));
  assert.equal(await lab.ask('out', NODE_IP, 8000), `a ${OUTSIDE_IP}`);
  assert.equal(nameOf(await lab.ask('a', NODE_IP, 8000)), 'a');
  assert.equal(nameOf(await lab.ask('node', NODE_IP, 8000)), 'a');
  assert.equal(nameOf(await lab.ask('node', '127.0.0.1', 8000)), 'a');
  await set('p', undefined);
  assert.equal(await lab.ask('out', NODE_IP, 8000), 'refused');

  const balancer = (ranges: readonly string[]) => {
    const service: Service = {
      kind: 'Service',
      apiVersion: 'v1',
      metadata,
      spec: { type: 'LoadBalancer', clusterIP: VIP, ports: [{ port: 80 }], loadBalancerSourceRanges: ranges },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
    };
    const slice = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata, addressType: 'IPv4' as const };
    const endpoints = [{ addresses: [PODS.b], nodeName: 'n1' }];
    return planService(service, [{ ...slice, endpoints, ports: [{ name: '', port: SERVER_PORT }] }], node, 'IPv4');
  };
  await lab.exec('out', 'ip', 'route', 'add', '203.0.113.1', 'via', NODE_IP);
  await set('s', balancer(['192.0.2.0/24', '198.51.100.0/24']));
  assert.equal(nameOf(await lab.ask('out', '203.0.113.1', 80)), 'b');
  await set('s', balancer(['198.51.100.0/24']));
  assert.equal(await lab.ask('out', '203.0.113.1', 80), 'timeout');
});

test('a full sync from a strange table, then removal: nothing is left', async () => {
  await lab.exec('node', 'nft', 'add chain ip kapella-lab pick-2; add chain ip kapella-lab stray');
  table = new RuleTable('IPv4');
  table.replace('s', plan({ pods: ['a', 'b'] }));
  table.takeChange();
  await backend.replace([table.state()], ctx);
  assert.match(await lab.ask('c', VIP, 80), /^[ab] /);
  await backend.remove(ctx);
  assert.equal((await lab.exec('node', 'nft', 'list', 'tables')).trim(), '');
  assert.deepEqual(warnings, []);
});

test('of 10,000 Services one changes without writing the others again', async () => {
  const big = new RuleTable('IPv4');
  const one = (i: number, pods: readonly (keyof typeof PODS)[]) =>
    plan({ spec: { type: 'ClusterIP', clusterIP: `10.97.${i >> 8}.${i & 255}` }, pods });
  for (let i = 0; i < 10_000; i++) big.replace(`s${i}`, one(i, ['a', 'b', 'c']));
  big.takeChange();
  const time = async (work: () => Promise<void>) => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  const loadMs = await time(() => backend.replace([big.state()], ctx));
  const changesMs: number[] = [];
  for (let i = 0; i < 5; i++) {
    changesMs.push(
      await time(async () => {
        big.replace(`s${i}`, one(i, ['a', 'b']));
        const change = big.takeChange();
        assert.ok(change);
        await backend.apply([change], ctx);
      }),
    );
  }
  const changeMs = Math.min(...changesMs);
  assert.ok(changeMs < loadMs / 4, `the change took ${changeMs} ms, all Services ${loadMs} ms`);
  await backend.remove(ctx);
});
