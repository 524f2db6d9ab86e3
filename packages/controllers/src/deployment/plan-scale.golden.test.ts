/** Sizes of ReplicaSets, case by case. Cases and results: upstream's deployment/{sync,rolling}_test.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '@kapella/api/types/apps-v1';
import { planCleanup, planNewSize, planOldSizes, planScaling } from './plan-scale.ts';
import { byRevision, DESIRED_REPLICAS, MAX_REPLICAS } from './replica-sets.ts';

const deploymentOf = (replicas: number, maxSurge = 0, maxUnavailable = 0, history?: number): Deployment =>
  ({
    metadata: { name: 'd' },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      ...(history !== undefined && { revisionHistoryLimit: history }),
    },
  }) as unknown as Deployment;

interface Shape {
  readonly name: string;
  readonly replicas: number;
  /** Hours of its creation: the higher the newer. */
  readonly age: number;
  readonly desired?: number;
  readonly max?: number;
  readonly available?: number;
  readonly running?: number;
}

const setOf = ({ name, replicas, age, desired, max, available = replicas, running = replicas }: Shape): ReplicaSet =>
  ({
    metadata: {
      ...{ name, uid: name, creationTimestamp: `2026-01-01T0${age}:00:00Z` },
      ...(desired !== undefined && { annotations: { [DESIRED_REPLICAS]: `${desired}`, [MAX_REPLICAS]: `${max}` } }),
    },
    spec: { replicas },
    status: { replicas: running, availableReplicas: available },
  }) as unknown as ReplicaSet;

/** Sizes: of the new set first (undefined: there is none), then of old ones, newest first. */
type Sizes = readonly [newSize: number | undefined, ...old: number[]];
interface Scaling {
  readonly why: string;
  readonly from: number;
  readonly to: number;
  readonly surge?: readonly [before: number, after: number];
  readonly before: Sizes;
  readonly after: Sizes;
  /** Other numbers of desired replicas in the annotations, by index. */
  readonly annotated?: Readonly<Record<number, number>>;
  readonly newAvailable?: number;
}

const SCALINGS: readonly Scaling[] = [
  { why: 'only one set', from: 10, to: 12, before: [10], after: [12] },
  { why: 'only one set', from: 10, to: 5, before: [10], after: [5] },
  { why: 'proportional', from: 5, to: 10, before: [2, 3], after: [4, 6] },
  { why: 'proportional', from: 5, to: 3, before: [2, 3], after: [1, 2] },
  { why: 'proportional', from: 9, to: 4, before: [8, 1], after: [4, 0] },
  { why: 'proportional', from: 7, to: 10, before: [2, 3, 2], after: [3, 4, 3] },
  { why: 'proportional', from: 13, to: 8, before: [2, 8, 3], after: [1, 5, 2] },
  { why: 'what is left over goes to the newest', from: 3, to: 4, before: [1, 1, 1], after: [2, 1, 1] },
  { why: 'and is taken from the oldest', from: 3, to: 2, before: [1, 1, 1], after: [1, 1, 0] },
  { why: 'no new set', from: 4, to: 5, before: [undefined, 2, 2], after: [undefined, 3, 2] },
  { why: 'to none', from: 6, to: 0, before: [3, 2, 1], after: [0, 0, 0] },
  { why: 'from none', from: 6, to: 6, before: [0, 0, 0], after: [6, 0, 0] },
  { why: 'a set missed the last scaling', from: 5, to: 5, before: [2, 1, 1], after: [2, 2, 1], annotated: { 1: 3 } },
  { why: 'with surge', from: 10, to: 20, surge: [2, 2], before: [6, 6], after: [11, 11] },
  { why: 'surge and size at once', from: 10, to: 50, surge: [3, 6], before: [5, 8], after: [22, 34] },
  { why: 'size and template at once', from: 10, to: 14, before: [undefined, 7, 3], after: [undefined, 10, 4] },
  { why: 'full but broken', from: 2, to: 2, surge: [1, 1], before: [2, 1], after: [2, 1], newAvailable: 0 },
];

test('scaling amid a rollout', () => {
  for (const { why, from, to, surge = [0, 0], before, after, annotated = {}, newAvailable } of SCALINGS) {
    const sets = before.map((replicas, i) => {
      if (replicas === undefined) return undefined;
      const desired = annotated[i] ?? from;
      const available = i === 0 && newAvailable !== undefined ? { available: newAvailable } : {};
      return setOf({ name: `s${i}`, replicas, age: 9 - i, desired, max: desired + surge[0], ...available });
    });
    const oldSets = sets.slice(1).filter((set) => set !== undefined);
    const resizes = planScaling(deploymentOf(to, surge[1], newAvailable === undefined ? 0 : 1), {
      newSet: sets[0],
      oldSets,
    });
    const sizes = sets.map((set) => resizes.findLast((one) => one.set === set)?.replicas ?? set?.spec.replicas);
    assert.deepEqual(sizes, after, `${why}: ${from} to ${to}`);
  }
});

test('the size of a new set', () => {
  const cases: readonly [surge: number, old: number, before: number, after: number][] = [
    [0, 10, 0, 0],
    [2, 10, 0, 2],
    [2, 5, 0, 7],
    [2, 10, 2, 2],
    [2, 2, 11, 10],
  ];
  for (const [surge, old, before, after] of cases) {
    const oldSets = [setOf({ name: 'old', replicas: old, age: 1 })];
    assert.equal(planNewSize(deploymentOf(10, surge), oldSets, before), after, `surge ${surge}, ${old} and ${before}`);
  }
});

test('the size of an old set: what is not ready goes first', () => {
  const cases: readonly [unavailable: number, old: number, ready: number, newReplicas: number, after: number][] = [
    [0, 10, 10, 0, 9], // both bounds at none: one may be missing all the same
    [2, 10, 10, 0, 8],
    [2, 10, 8, 0, 8],
    [2, 10, 9, 0, 8],
    [2, 8, 8, 2, 8],
  ];
  for (const [unavailable, replicas, available, newReplicas, after] of cases) {
    const old = setOf({ name: 'old', replicas, available, age: 1 });
    const newSet = setOf({ name: 'new', replicas: newReplicas, available: 0, age: 2 });
    const resizes = planOldSizes(deploymentOf(10, 0, unavailable), newSet, [old]);
    assert.equal(resizes.at(-1)?.replicas ?? replicas, after, `${unavailable} of ${replicas}, ${available} ready`);
  }
});

test('how many old sets are forgotten', () => {
  const cases: readonly [limit: number, sets: readonly (readonly [wanted: number, running: number])[], gone: number][] =
    [
      [
        1,
        [
          [0, 0],
          [0, 0],
          [0, 0],
        ],
        2,
      ],
      [
        0,
        [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ],
        1,
      ],
      [
        0,
        [
          [0, 0],
          [0, 0],
        ],
        2,
      ],
      [
        0,
        [
          [1, 1],
          [1, 1],
        ],
        0,
      ],
      [
        2 ** 31 - 1,
        [
          [0, 0],
          [0, 0],
          [0, 0],
        ],
        0,
      ],
    ];
  for (const [limit, shapes, gone] of cases) {
    const sets = shapes.map(([replicas, running], i) => setOf({ name: `s${i}`, replicas, running, age: i }));
    assert.equal(planCleanup(deploymentOf(1, 0, 0, limit), sets, byRevision).length, gone, `limit ${limit}`);
  }
  const going = setOf({ name: 'going', replicas: 0, age: 1 });
  const deleted = { ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  assert.deepEqual(planCleanup(deploymentOf(1, 0, 0, 0), [deleted], byRevision), []);
});
