/** What a cluster's users expect of its scheduler, whoever wrote it. Hollow nodes have 32 cores each. */
import assert from 'node:assert/strict';
import { eventually, type Obj } from '../controller-manager/objects.ts';
import type { Case } from '../support/cases.ts';
import type { Kubectl } from '../support/commands.ts';

export interface SwapContext {
  readonly kubectl: Kubectl;
}

export const NODES = ['hollow-0', 'hollow-1', 'hollow-2'];
export const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const NAMESPACE = 'default';

interface PodOptions {
  readonly cpu?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly requests?: object;
}

function pod(name: string, { cpu = '100m', labels = {}, spec = {}, requests = {} }: PodOptions = {}): object {
  const resources = { requests: { cpu, ...requests }, limits: requests };
  const containers = [{ name: 'c', image: 'registry.example/one', resources }];
  const metadata = { name, namespace: NAMESPACE, labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { terminationGracePeriodSeconds: 0, containers, ...spec } };
}

async function nodeOf(kubectl: Kubectl, name: string): Promise<string> {
  let node: unknown;
  await eventually(`pod ${name} has a node`, async () => {
    node = (await kubectl.get<Obj>(`pod ${name}`)).spec?.['nodeName'];
    return typeof node === 'string';
  });
  return node as string;
}

async function refusal(kubectl: Kubectl, name: string): Promise<string> {
  let message = '';
  await eventually(`pod ${name} is told why it has no node`, async () => {
    const { status } = await kubectl.get<Obj>(`pod ${name}`);
    const found = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
    message = found?.message ?? '';
    return message !== '';
  });
  return message;
}

const remove = (kubectl: Kubectl, what: string) => kubectl(`delete ${what} --timeout=60s --ignore-not-found`);
const onNode = (name: string) => ({ nodeSelector: { [HOST]: name } });
const away = (app: string) => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOST, labelSelector: { matchLabels: { app } } }],
    },
  },
});

const binding: Case<SwapContext> = {
  name: 'a Pod is bound, and an event says where to',
  async run({ kubectl }) {
    await kubectl.apply(pod('plain', { spec: onNode('hollow-1') }));
    assert.equal(await nodeOf(kubectl, 'plain'), 'hollow-1');
    await eventually('the event is there', async () => {
      const told = await kubectl('get events -o jsonpath={.items[*].message}');
      return told.includes('Successfully assigned default/plain to hollow-1');
    });
    await remove(kubectl, 'pod plain');
  },
};

const affinity: Case<SwapContext> = {
  name: 'Pods that keep away from each other have a node each; the next is told why not, and placed when one goes',
  async run({ kubectl }) {
    const names = ['a', 'b', 'c', 'd'].map((name) => `apart-${name}`);
    for (const name of names.slice(0, 3)) {
      await kubectl.apply(pod(name, { labels: { app: 'apart' }, spec: away('apart') }));
    }
    const on = await Promise.all(names.slice(0, 3).map((name) => nodeOf(kubectl, name)));
    assert.equal(new Set(on).size, 3);
    await kubectl.apply(pod('apart-d', { labels: { app: 'apart' }, spec: away('apart') }));
    const message = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules";
    assert.ok((await refusal(kubectl, 'apart-d')).startsWith(message), await refusal(kubectl, 'apart-d'));
    await remove(kubectl, 'pod apart-b');
    assert.equal(await nodeOf(kubectl, 'apart-d'), on[1]);
    await remove(kubectl, `pod ${names.join(' ')}`);
  },
};

const spread: Case<SwapContext> = {
  name: 'Pods are spread over zones',
  async run({ kubectl }) {
    const labelSelector = { matchLabels: { app: 'spread' } };
    const constraint = { maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', labelSelector };
    const names = Array.from({ length: 6 }, (_, i) => `spread-${i}`);
    const spec = { topologySpreadConstraints: [constraint] };
    await kubectl.apply(...names.map((name) => pod(name, { labels: { app: 'spread' }, spec })));
    const on = await Promise.all(names.map((name) => nodeOf(kubectl, name)));
    for (const node of NODES) assert.equal(on.filter((name) => name === node).length, 2, node);
    await remove(kubectl, 'pod -l app=spread');
  },
};

const taints: Case<SwapContext> = {
  name: 'a taint keeps Pods away that do not tolerate it',
  async run({ kubectl }) {
    await kubectl('taint node hollow-0 hollow-1 hollow-2 dedicated=x:NoSchedule');
    await kubectl.apply(pod('plain'));
    assert.match(await refusal(kubectl, 'plain'), /3 node\(s\) had untolerated taint/);
    const tolerations = [{ key: 'dedicated', operator: 'Exists' }];
    await kubectl.apply(pod('tolerant', { spec: { tolerations, ...onNode('hollow-2') } }));
    assert.equal(await nodeOf(kubectl, 'tolerant'), 'hollow-2');
    await kubectl('taint node hollow-0 hollow-1 hollow-2 dedicated-');
    await nodeOf(kubectl, 'plain');
    await remove(kubectl, 'pod plain tolerant');
  },
};

const gates: Case<SwapContext> = {
  name: 'a gated Pod waits until its gates are gone',
  async run({ kubectl }) {
    await kubectl.apply(pod('gated', { spec: { schedulingGates: [{ name: 'example.com/quota' }] } }));
    const { status, spec } = await kubectl.get<Obj>('pod gated');
    assert.equal(spec?.['nodeName'], undefined);
    const condition = status?.conditions?.find(({ type }) => type === 'PodScheduled') as
      | { reason?: string }
      | undefined;
    assert.equal(condition?.reason, 'SchedulingGated');
    await kubectl(`patch pod gated --type json -p '[{"op":"remove","path":"/spec/schedulingGates"}]'`);
    await nodeOf(kubectl, 'gated');
    await remove(kubectl, 'pod gated');
  },
};

const preemption: Case<SwapContext> = {
  name: 'a more important Pod takes the place of one that no budget guards',
  async run({ kubectl }) {
    await kubectl.apply(
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'vip' }, value: 1000 },
      {
        ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'guard', namespace: NAMESPACE } },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'guarded' } } },
      },
      ...NODES.map((node, i) =>
        pod(`full-${i}`, { cpu: '31', labels: { app: i === 1 ? 'open' : 'guarded' }, spec: onNode(node) }),
      ),
    );
    for (const [i] of NODES.entries()) await nodeOf(kubectl, `full-${i}`);
    await eventually('the budget allows nothing', async () => {
      const status = (await kubectl.get<Obj>('pdb guard')).status as Readonly<Record<string, unknown>> | undefined;
      return status?.['currentHealthy'] === 2 && status['disruptionsAllowed'] === 0;
    });
    await kubectl.apply(pod('vip', { cpu: '20', spec: { priorityClassName: 'vip' } }));
    assert.equal(await nodeOf(kubectl, 'vip'), 'hollow-1');
    await eventually('the victim is gone', async () => (await kubectl('get pod full-1 --ignore-not-found')) === '');
    await remove(kubectl, 'pod vip full-0 full-2');
    await remove(kubectl, 'pdb guard');
  },
};

const volumes: Case<SwapContext> = {
  name: 'a claim that waits for its first consumer is bound to a volume where the Pod goes',
  async run({ kubectl }) {
    const provisioner = 'kubernetes.io/no-provisioner';
    const accessModes = ['ReadWriteOnce'];
    const terms = [{ matchExpressions: [{ key: HOST, operator: 'In', values: ['hollow-2'] }] }];
    await kubectl.apply(
      {
        ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'local' } },
        ...{ provisioner, volumeBindingMode: 'WaitForFirstConsumer' },
      },
      {
        ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' } },
        spec: {
          ...{ accessModes, capacity: { storage: '1Gi' }, storageClassName: 'local', local: { path: '/mnt' } },
          nodeAffinity: { required: { nodeSelectorTerms: terms } },
        },
      },
      {
        ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: NAMESPACE } },
        spec: { accessModes, storageClassName: 'local', resources: { requests: { storage: '1Gi' } } },
      },
      pod('stateful', { spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } }),
    );
    assert.equal(await nodeOf(kubectl, 'stateful'), 'hollow-2');
    assert.equal(await kubectl('get pvc data -o jsonpath={.spec.volumeName}'), 'disk');
    await remove(kubectl, 'pod stateful');
    await remove(kubectl, 'pvc data');
    await remove(kubectl, 'pv disk');
  },
};

const devices: Case<SwapContext> = {
  name: 'devices by claim and by extended resource, as long as there are any',
  async run({ kubectl }) {
    const apiVersion = 'resource.k8s.io/v1';
    const driver = 'gpu.example.com';
    const pool = { name: 'hollow-0', generation: 1, resourceSliceCount: 1 };
    const selectors = [{ cel: { expression: `device.driver == "${driver}"` } }];
    const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu' } }];
    const card = { 'example.com/card': '1' };
    await kubectl.apply(
      {
        ...{ apiVersion, kind: 'DeviceClass', metadata: { name: 'gpu' } },
        spec: { selectors, extendedResourceName: 'example.com/card' },
      },
      {
        ...{ apiVersion, kind: 'ResourceSlice', metadata: { name: 'hollow-0-gpu' } },
        spec: { driver, nodeName: 'hollow-0', pool, devices: [{ name: 'gpu-0' }, { name: 'gpu-1' }] },
      },
      {
        apiVersion,
        kind: 'ResourceClaim',
        metadata: { name: 'gpu', namespace: NAMESPACE },
        spec: { devices: { requests } },
      },
      pod('claiming', { spec: { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] } }),
    );
    assert.equal(await nodeOf(kubectl, 'claiming'), 'hollow-0');
    await kubectl.apply(pod('extended', { requests: card }));
    assert.equal(await nodeOf(kubectl, 'extended'), 'hollow-0');
    const status = (await kubectl.get<Obj>('pod extended')).status?.['extendedResourceClaimStatus'];
    assert.match((status as { resourceClaimName: string }).resourceClaimName, /^extended-extended-resources-/);
    await kubectl.apply(pod('late', { requests: card }));
    assert.match(await refusal(kubectl, 'late'), /^0\/3 nodes are available: 3 cannot allocate all claims\./);
    await remove(kubectl, 'pod claiming extended');
    assert.equal(await nodeOf(kubectl, 'late'), 'hollow-0');
    await remove(kubectl, 'pod late');
  },
};

export const cases: readonly Case<SwapContext>[] = [
  ...[binding, affinity, spread, taints, gates, preemption, volumes, devices],
];
