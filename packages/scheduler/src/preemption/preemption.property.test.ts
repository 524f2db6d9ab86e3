/** Victims that are remembered from the Pod before are those that would be found anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@kapella/base';
import fc from 'fast-check';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import { diagnose, search } from '../framework/decide.ts';
import { podStateOf } from '../framework/pod-state.ts';
import { aNode, aPod, TestCluster } from '../test-support.ts';
import { type Candidate, pickCandidate } from './candidates.ts';
import { findCandidates } from './preemption.ts';

interface Small {
  readonly node: number;
  readonly priority: number;
  readonly cpu: number;
  readonly isGuarded: boolean;
}

const small: fc.Arbitrary<Small> = fc.record({
  node: fc.nat(5),
  priority: fc.integer({ min: 0, max: 3 }),
  cpu: fc.integer({ min: 1, max: 4 }),
  isGuarded: fc.boolean(),
});
const preemptor = fc.record({
  priority: fc.integer({ min: 1, max: 5 }),
  cpu: fc.integer({ min: 1, max: 4 }),
  staysAway: fc.boolean(),
});

const BUDGET = {
  metadata: { name: 'b', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'guarded' } } },
  status: { disruptionsAllowed: 1 },
} as unknown as PodDisruptionBudget;

test('one after the other, preemptors find the same victims as each by itself', () => {
  fc.assert(
    fc.property(fc.array(small, { maxLength: 24 }), fc.array(preemptor, { maxLength: 8 }), (placed, preemptors) => {
      const [shared, alone] = [true, false].map((isShared) => outcomes(placed, preemptors, isShared));
      assert.deepEqual(shared, alone);
    }),
    { numRuns: 150 },
  );
});

function outcomes(
  placed: readonly Small[],
  preemptors: readonly { readonly priority: number; readonly cpu: number; readonly staysAway: boolean }[],
  isShared: boolean,
): unknown[] {
  const nodes = Array.from({ length: 6 }, (_, i) => aNode(`n${i}`, { allocatable: { cpu: '8' } }));
  const pods = placed.map(({ node, priority, cpu, isGuarded }, i) =>
    aPod(`p${i}`, {
      spec: { nodeName: `n${node}`, priority },
      requests: { cpu: String(cpu) },
      labels: { app: isGuarded ? 'guarded' : 'plain' },
    }),
  );
  const cluster = new TestCluster(nodes, pods, { isShared });
  const random = createSeededRandom(7);
  return preemptors.map((wanted, i) => {
    const pod = preemptorOf(`v${i}`, wanted);
    const found = search(podStateOf(pod), cluster.snapshot, cluster.profile, cluster.planner);
    const candidates = findCandidates({
      ...{ search: found, diagnosis: diagnose(found, cluster.snapshot), snapshot: cluster.snapshot },
      ...{ budgets: [BUDGET], nowMs: 0, random },
      options: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
    });
    if ('why' in candidates) return candidates.why;
    const chosen = pickCandidate(candidates) as Candidate;
    for (const victim of chosen.victims) cluster.snapshot.unplace(victim.key);
    cluster.put({ ...pod, spec: { ...pod.spec, nodeName: chosen.node } });
    return [chosen.node, chosen.budgetViolations, chosen.victims.map(({ key }) => key)];
  });
}

function preemptorOf(name: string, of: { priority: number; cpu: number; staysAway: boolean }): Pod {
  const required = [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'guarded' } } }];
  const away = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  const affinity = of.staysAway ? { affinity: away } : {};
  return aPod(name, { spec: { priority: of.priority, ...affinity }, requests: { cpu: String(of.cpu) } });
}
