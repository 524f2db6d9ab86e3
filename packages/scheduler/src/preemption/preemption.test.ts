/** Who must go for whom: upstream's rules of choice, budgets, promises, and the words when nobody helps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import { createSeededRandom } from '@kapella/base';
import { diagnose, search } from '../framework/decide.ts';
import { podStateOf } from '../framework/pod-state.ts';
import { aNode, aPod, type Json, TestCluster } from '../test-support.ts';
import { pickCandidate } from './candidates.ts';
import { findCandidates } from './preemption.ts';

const onNode = (
  name: string,
  node: string,
  priority: number,
  cpu: string,
  more: { labels?: Record<string, string>; startTime?: string } = {},
) =>
  aPod(name, {
    spec: { nodeName: node, priority },
    requests: { cpu },
    labels: more.labels ?? {},
    status: { startTime: more.startTime ?? '2026-01-01T00:00:00Z' },
  });
const important = (spec: Json = {}, cpu = '2') => aPod('vip', { spec: { priority: 100, ...spec }, requests: { cpu } });

function find(nodes: readonly Node[], placed: readonly Pod[], pod: Pod, budgets: readonly PodDisruptionBudget[] = []) {
  const { snapshot, planner, profile } = new TestCluster(nodes, placed);
  const found = search(podStateOf(pod), snapshot, profile, planner);
  const options = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 };
  const random = createSeededRandom(1);
  const nowMs = Date.UTC(2026, 1, 1);
  const diagnosis = diagnose(found, snapshot);
  const candidates = findCandidates({ search: found, diagnosis, snapshot, budgets, options, nowMs, random });
  return 'why' in candidates ? candidates.why : pickCandidate(candidates);
}

function chosen(...args: Parameters<typeof find>): string {
  const found = find(...args);
  if (typeof found === 'string' || found === undefined) return String(found);
  return `${found.node}: ${found.victims.map(({ pod }) => pod.metadata.name).join(' ')}`;
}

const two = [aNode('n1'), aNode('n2')];

test('the fewest and least important victims, and only as many as needed', () => {
  const placed = [onNode('a', 'n1', 10, '1'), onNode('b', 'n1', 5, '1'), onNode('c', 'n2', 50, '2')];
  assert.equal(chosen(two, placed, important({}, '1')), 'n1: b');
  assert.equal(chosen(two, placed, important()), 'n1: a b');
});

test('of nodes alike the one whose victim started last', () => {
  const placed = [
    onNode('old', 'n1', 5, '2', { startTime: '2026-01-01T00:00:00Z' }),
    onNode('young', 'n2', 5, '2', { startTime: '2026-01-02T00:00:00Z' }),
  ];
  assert.equal(chosen(two, placed, important()), 'n2: young');
});

test('a budget is kept where another node would do', () => {
  const budget = {
    metadata: { name: 'b', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'db' } } },
    status: { disruptionsAllowed: 0 },
  } as unknown as PodDisruptionBudget;
  const placed = [onNode('db', 'n1', 1, '2', { labels: { app: 'db' } }), onNode('web', 'n2', 50, '2')];
  assert.equal(chosen(two, placed, important(), [budget]), 'n2: web');
  assert.equal(chosen([aNode('n1')], placed.slice(0, 1), important(), [budget]), 'n1: db');
});

test('says why nobody can be removed', () => {
  const equal = [onNode('a', 'n1', 100, '2'), onNode('b', 'n2', 100, '2')];
  assert.equal(
    chosen(two, equal, important()),
    'preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
  );
  const tainted = aNode('n3', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
  assert.equal(
    chosen([...two, tainted], equal, important()),
    'preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.',
  );
  assert.equal(
    chosen(two, equal, important({ preemptionPolicy: 'Never' })),
    'preemption: not eligible due to preemptionPolicy=Never.',
  );
  const mixed = [onNode('a', 'n1', 100, '1'), onNode('b', 'n1', 1, '1')];
  assert.equal(chosen([aNode('n1')], mixed, important()), 'preemption: 0/1 nodes are available: 1 Insufficient cpu.');
});

test('an anti-affine Pod in the way is a victim', () => {
  const labelSelector = { matchLabels: { app: 'a' } };
  const terms = [{ topologyKey: 'kubernetes.io/hostname', labelSelector }];
  const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: terms };
  const placed = [onNode('rival', 'n1', 1, '100m', { labels: { app: 'a' } }), onNode('other', 'n1', 1, '100m')];
  assert.equal(chosen([aNode('n1')], placed, important({ affinity: { podAntiAffinity } }, '1')), 'n1: rival');
});

test('a node promised to a Pod as important is not offered to others', () => {
  const cluster = new TestCluster([aNode('n1')]);
  const promised = podStateOf(aPod('first', { spec: { priority: 100 }, requests: { cpu: '2' } }));
  cluster.snapshot.nominate(promised, 'n1');
  assert.match(
    cluster.outcome(aPod('second', { spec: { priority: 100 }, requests: { cpu: '1' } })),
    /Insufficient cpu/,
  );
  assert.equal(cluster.outcome(aPod('third', { spec: { priority: 101 }, requests: { cpu: '1' } })), 'n1');
  assert.equal(cluster.outcome(promised.pod), 'n1');
});
