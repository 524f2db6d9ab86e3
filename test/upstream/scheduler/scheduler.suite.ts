/**
 * Kapella's decisions beside upstream's kube-scheduler on the same clusters through the same API server: the same nodes
 * fit, the same words when none does, and the node that Kapella takes is one of the best by upstream's own scores.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coreV1, type KubeObject, resourceV1 } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { startTestCluster, type TestCluster } from '@kapella/testing';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';
import { OurScheduler, type Verdict } from './our-scheduler.ts';
import {
  type Chance,
  chanceOf,
  csiNodes,
  type Draft,
  NAMESPACES,
  randomNodes,
  randomPod,
  surroundings,
} from './random-cluster.ts';
import { deviceClasses, randomClaim, randomSlices } from './random-devices.ts';
import { SCHEDULER_NAMES } from './profiles.ts';
import { startUpstreamScheduler, type UpstreamScheduler } from './upstream-scheduler.ts';

const CLUSTERS = 92;
const NODES = 10;
const PODS = 55;
const DECIDED_MS_MAX = 20_000;
/** Until a scheduler that has just been told of nodes has seen them all. */
const SEEN_MS = 300;

type Failure = SuiteResult['failures'][number];

/** `only`: the seed of one cluster, or the first and the last: `5-20`. */
export const scheduler: UpstreamSuite = {
  name: 'scheduler',
  text: 'decisions beside kube-scheduler 1.36 on random clusters: the same nodes fit, never a worse one by its scores',
  async run({ only, results }) {
    mkdirSync(results, { recursive: true });
    const directory = mkdtempSync(join(tmpdir(), 'kapella-scheduler-'));
    await using cluster = await startTestCluster({ clock: 'real', transport: 'https' });
    await cluster.apply(...surroundings(), ...deviceClasses());
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, cluster.kubeconfig, { mode: 0o600 });
    await using upstream = await startUpstreamScheduler(kubeconfig, directory);
    const failures: Failure[] = [];
    let passed = 0;
    const [first = 1, last = first] = only === undefined ? [1, CLUSTERS] : only.split('-').map(Number);
    const seeds = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    for (const seed of seeds) {
      const found = await compareCluster(seed, cluster, upstream);
      failures.push(...found);
      passed += PODS - found.length;
    }
    rmSync(directory, { recursive: true, force: true });
    return { passed, failures };
  },
};

async function compareCluster(seed: number, cluster: TestCluster, upstream: UpstreamScheduler): Promise<Failure[]> {
  const { client, ctx } = cluster;
  const chance = chanceOf(seed);
  const drafts = randomNodes(NODES, chance, `s${seed}`);
  const names = drafts.map(({ metadata }) => metadata.name);
  const devices = chanceOf(seed + 1_000_000);
  const slices = randomSlices(names, devices);
  await cluster.apply(...csiNodes(names, chance), ...slices);
  const nodes = await Promise.all(drafts.map((draft) => createNode(draft as never, cluster)));
  const ours = await OurScheduler.of(client, nodes as Node[], ctx);
  await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
  const failures: Failure[] = [];
  for (let i = 0; i < PODS; i++) {
    const draft = randomPod(`s${seed}-p${i}`, names, chance, devices.one(SCHEDULER_NAMES));
    const { name, namespace = '' } = draft.metadata;
    const claim = devices.in(4) ? randomClaim(name, namespace, devices) : undefined;
    if (claim !== undefined) await cluster.apply(claim);
    ours.setClaims(await claimsOf(cluster));
    const created = (await client.create(coreV1.Pod, wishing(draft, claim, devices) as never, ctx)) as Pod;
    const verdict = ours.decide(created);
    const decided = await decidedBy(created, cluster, upstream);
    const why = differences(verdict, decided, upstream);
    if (why !== '')
      failures.push({ name: `cluster ${seed}, pod ${i}`, why: `${why}\n${JSON.stringify(created.spec)}` });
    if (decided.spec.nodeName) ours.place(decided);
    else {
      await client.delete(coreV1.Pod, created, ctx, { gracePeriodSeconds: 0 });
      if (claim !== undefined) await client.delete(resourceV1.ResourceClaim, claim, ctx);
    }
  }
  await clear(cluster, nodes as Node[]);
  await Promise.all(slices.map((slice) => client.delete(resourceV1.ResourceSlice, slice, ctx)));
  return failures;
}

/** The Pod with its claim, if it has one, and now and then with extended resources or requests of its own. */
function wishing(draft: Draft, claim: Draft | undefined, chance: Chance): object {
  const { spec } = draft as unknown as Pod;
  const [first, ...rest] = spec.containers;
  const extended = chance.in(6) ? { [chance.one(['example.com/card', 'example.com/gpu'])]: '1' } : {};
  const resources = { requests: { ...first?.resources?.requests, ...extended }, limits: extended };
  const claims = claim === undefined ? [] : [{ name: 'device', resourceClaimName: claim.metadata.name }];
  const isPodLevel = chance.in(8);
  return {
    ...draft,
    spec: {
      ...spec,
      containers: [{ ...first, resources }, ...rest],
      resourceClaims: claims,
      ...(isPodLevel ? { resources: { requests: { cpu: '3', memory: '2700Mi' } } } : {}),
    },
  };
}

async function claimsOf({ client, ctx }: TestCluster): Promise<readonly ResourceClaim[]> {
  return (await client.list(resourceV1.ResourceClaim, {}, ctx)).items as readonly ResourceClaim[];
}

async function createNode(draft: Node, { client, ctx }: TestCluster): Promise<Node> {
  const created = (await client.create(coreV1.Node, draft as never, ctx)) as Node;
  // Admission taints new nodes until they are ready: the test says which taints they have.
  const spec = { ...created.spec, taints: draft.spec.taints ?? null };
  return (await client.patch(coreV1.Node, created, { type: 'merge', body: { spec } }, ctx)) as Node;
}

async function decidedBy(pod: Pod, cluster: TestCluster, upstream: UpstreamScheduler): Promise<Pod> {
  const { client, ctx } = cluster;
  const deadline = performance.now() + DECIDED_MS_MAX;
  for (;;) {
    const now = (await client.get(coreV1.Pod, pod, ctx)) as Pod | undefined;
    const condition = now?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    const { namespace, name } = pod.metadata;
    if (now?.spec.nodeName ? upstream.hasTold(`${namespace}/${name}`) : condition?.status === 'False')
      return now as Pod;
    if (performance.now() > deadline)
      throw new Error(`upstream did not decide ${pod.metadata.name}: ${upstream.tail()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** '' when both agree. */
function differences(ours: Verdict, decided: Pod, upstream: UpstreamScheduler): string {
  const { namespace, name } = decided.metadata;
  const node = decided.spec.nodeName;
  if (!node) {
    const message = decided.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';
    const fitting = ours.message ?? [...ours.totals.keys()].join(' ');
    const isSame = message.endsWith('. not found')
      ? withoutAfterthought(message) === withoutAfterthought(fitting)
      : message === fitting;
    return isSame ? '' : `upstream: ${message}\nours: ${fitting}`;
  }
  const scores = upstream.scoresOf(`${namespace}/${name}`);
  const fitting = [...(scores?.totals.keys() ?? [node])].sort().join(' ');
  const oursFitting = [...ours.totals.keys()].sort().join(' ');
  if (fitting !== oursFitting) return `upstream fits: ${fitting}\nours: ${oursFitting || ours.message}`;
  if (scores === undefined) return '';
  const best = Math.max(...scores.totals.values());
  const ourBest = Math.max(...ours.totals.values());
  const worse = [...ours.totals].filter(([at, total]) => total === ourBest && (scores.totals.get(at) ?? 0) < best);
  if (worse.length === 0) return '';
  const shown = (of: ReadonlyMap<string, number>) => JSON.stringify(Object.fromEntries(of));
  const rows = [...scores.byPlugin].map(([plugin, nodes]) => `${plugin} ${shown(nodes)}`);
  return [`upstream: ${shown(scores.totals)}`, `ours: ${shown(ours.totals)}`, ...rows].join('\n');
}

/**
 * Where a plugin before it refuses the Pod as such, upstream's DynamicResources ends the message with the words of an error
 * of its own and preemption is not asked; it could not help.
 */
function withoutAfterthought(message: string): string {
  const ours =
    /\. no new claims to deallocate, preemption: 0\/\d+ nodes are available: \d+ Preemption is not helpful for .*$/;
  return message.endsWith('. not found') ? message.replace(/ not found$/, '') : message.replace(ours, '.');
}

async function clear({ client, ctx }: TestCluster, nodes: readonly Node[]): Promise<void> {
  for (const namespace of NAMESPACES) {
    const pods = (await client.list(coreV1.Pod, { namespace }, ctx)).items as readonly KubeObject[];
    await Promise.all(pods.map((pod) => client.delete(coreV1.Pod, pod as never, ctx, { gracePeriodSeconds: 0 })));
  }
  await Promise.all(nodes.map((node) => client.delete(coreV1.Node, node as never, ctx)));
  for (const claim of await claimsOf({ client, ctx } as TestCluster)) {
    const metadata = { ...claim.metadata, finalizers: [] };
    await client.update(resourceV1.ResourceClaim, { ...claim, metadata } as never, ctx);
    await client.delete(resourceV1.ResourceClaim, claim, ctx).catch(() => {}); // gone with its finalizer
  }
}
