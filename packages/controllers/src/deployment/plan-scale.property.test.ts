/** Laws of sizing: nothing negative, never fewer available than promised, never more than the surge, sums that add up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '@kapella/api/types/apps-v1';
import fc from 'fast-check';
import { planNewSize, planOldSizes, planScaling } from './plan-scale.ts';
import { boundsOf } from './replica-sets.ts';

const amount = fc.oneof(
  fc.nat(10),
  fc.nat(100).map((percent) => `${percent}%`),
);

function deploymentOf(replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment {
  const rollingUpdate = { maxSurge, maxUnavailable };
  return {
    metadata: { name: 'd' },
    spec: { replicas, strategy: { type: 'RollingUpdate', rollingUpdate } },
  } as unknown as Deployment;
}

interface Shape {
  readonly replicas: number;
  readonly available: number;
}

function setOf(name: string, { replicas, available }: Shape, max?: number): ReplicaSet {
  const annotations = max === undefined ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) };
  return {
    metadata: { name, uid: name, creationTimestamp: `2026-01-01T00:00:${name.padStart(2, '0')}Z`, annotations },
    spec: { replicas },
    status: { replicas, availableReplicas: Math.min(available, replicas) },
  } as unknown as ReplicaSet;
}

const shape = fc.record({ replicas: fc.nat(20), available: fc.nat(20) });
const world = fc.record({
  desired: fc.nat(30),
  surge: amount,
  unavailable: amount,
  newOne: shape,
  old: fc.array(shape, { maxLength: 5 }),
});
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

test('old sets shrink only as far as availability allows', () => {
  fc.assert(
    fc.property(world, ({ desired, surge, unavailable, newOne, old }) => {
      const deployment = deploymentOf(desired, surge, unavailable);
      const newSet = setOf('0', newOne);
      const oldSets = old.map((each, i) => setOf(String(i + 1), each));
      const sizes = new Map(oldSets.map((set) => [set, set.spec.replicas ?? 0]));
      for (const { set, replicas } of planOldSizes(deployment, newSet, oldSets)) {
        assert.ok(replicas >= 0 && replicas < (sizes.get(set) ?? 0), 'each step shrinks');
        sizes.set(set, replicas);
      }
      // A set deletes its unavailable Pods first.
      const left = sum([...sizes].map(([set, size]) => Math.min(size, set.status?.availableReplicas ?? 0)));
      const before = sum(oldSets.map((set) => set.status?.availableReplicas ?? 0));
      const ofNew = newSet.status?.availableReplicas ?? 0;
      const promised = desired - boundsOf(deployment).unavailable;
      assert.ok(
        left + ofNew >= Math.min(promised, before + ofNew),
        `${left} + ${ofNew} available, promised ${promised}`,
      );
    }),
  );
});

test('an old set whose Pods are still going does not grow back: found by simulation', () => {
  const going = setOf('1', { replicas: 4, available: 4 });
  const oldSet = { ...going, spec: { ...going.spec, replicas: 3 } } as ReplicaSet; // one is on its way out
  const resizes = planOldSizes(deploymentOf(4, 1, 1), setOf('0', { replicas: 2, available: 1 }), [oldSet]);
  assert.deepEqual(
    resizes.map(({ replicas }) => replicas),
    [1],
  );
});

test('a new set grows as far as the surge allows, not beyond what is wanted', () => {
  fc.assert(
    fc.property(world, ({ desired, surge, unavailable, newOne, old }) => {
      const deployment = deploymentOf(desired, surge, unavailable);
      const oldSets = old.map((each, i) => setOf(String(i + 1), each));
      const size = planNewSize(deployment, oldSets, newOne.replicas);
      assert.ok(size <= Math.max(desired, 0));
      const others = sum(oldSets.map((set) => set.spec.replicas ?? 0));
      if (size > newOne.replicas) assert.ok(size + others <= desired + boundsOf(deployment).surge);
    }),
  );
});

test('scaling shares out exactly what is allowed', () => {
  fc.assert(
    fc.property(world, fc.nat(5), ({ desired, surge, unavailable, newOne, old }, room) => {
      const deployment = deploymentOf(desired, surge, unavailable);
      const max = sum([newOne, ...old].map(({ replicas }) => replicas)) + room;
      const newSet = setOf('0', newOne, max);
      const oldSets = old.map((each, i) => setOf(String(i + 1), each, max));
      const plan = planScaling(deployment, { newSet, oldSets });
      for (const { replicas } of plan) assert.ok(replicas >= 0);
      if (!plan.some(({ force }) => force)) return;
      const allowed = desired === 0 ? 0 : desired + boundsOf(deployment).surge;
      const total = sum(plan.map(({ replicas }) => replicas));
      // Rounding down to nothing may leave one set short; never may there be more than the larger of before and allowed.
      const before = sum([newSet, ...oldSets].map((set) => set.spec.replicas ?? 0));
      assert.ok(total <= Math.max(allowed, before), `${total} of ${allowed}`);
      if (before <= allowed) assert.equal(total, allowed);
    }),
  );
});
