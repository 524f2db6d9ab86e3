/** A fixed budget of the simulation, and every seed that once found a bug. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkers, mutations, planOf, runPlan } from '../index.ts';
import { replay } from '../node/sim-command.ts';
import { hostTurn } from '../node/turn.ts';

/** What each once found; what was wrong is said in docs/simulation.md. */
const FOUND: readonly (readonly [number, string])[] = [
  [3, 'a leader whose renewal was never answered led on'],
  [9, 'Pods of a node that was not heard for a while never became ready again'],
];
const HOURS = 0.05;
const FRESH = [101];

describe('the scenario mixed', () => {
  for (const [seed, what] of FOUND) {
    test(`seed ${seed}: ${what}`, async () => {
      const { violations } = await runPlan(planOf('mixed', seed), { turn: hostTurn });
      assert.deepEqual(violations, []);
    });
  }
  for (const seed of FRESH) {
    test(`seed ${seed}`, async () => {
      const { violations } = await runPlan(planOf('mixed', seed, HOURS), { turn: hostTurn });
      assert.deepEqual(violations, []);
    });
  }
  test('the same seed writes the same log', async () => {
    const [first, second] = [await replay(planOf('mixed', 7, 0.01)), await replay(planOf('mixed', 7, 0.01))];
    assert.equal(first.hash, second.hash);
    const other = await replay(planOf('mixed', 8, 0.01));
    assert.notEqual(first.hash, other.hash);
  });
});

describe('the scenario storm', () => {
  for (const seed of [2]) {
    test(`seed ${seed}`, async () => {
      const { violations } = await runPlan(planOf('storm', seed, HOURS), { turn: hostTurn });
      assert.deepEqual(violations, []);
    });
  }
});

const SEEDS_MAX = 3;

describe('checkers', () => {
  test('are content when nothing is wrong', async () => {
    const { violations } = await runPlan(planOf('planted', 1), { turn: hostTurn });
    assert.deepEqual(violations, []);
  });
  // Those that are noticed early; all of them: npm run sim -- --mutations
  for (const name of [
    ...['watch-gaps', 'watch-twice', 'store-forgets-writes', 'store-overwrites', 'get-old', 'leader-impatient'],
    ...['replicaset-twice', 'deployment-surges', 'deployment-hasty', 'statefulset-forces', 'statefulset-together'],
    ...['daemonset-twice', 'job-twice', 'quota-blind', 'disruption-generous', 'collector-greedy', 'namespace-blind'],
    ...['scheduler-piles', 'node-one-address', 'binder-shares', 'autoscaler-beyond', 'disk-lies'],
  ]) {
    test(`notice the planted bug ${name}`, async () => {
      const mutation = mutations.find((candidate) => candidate.name === name);
      assert.ok(mutation);
      const seen: string[] = [];
      // Whether a bug gets its chance is luck of the seed, which turns with every change of a component.
      for (let seed = 1; seed <= SEEDS_MAX && !seen.some((checker) => mutation.caughtBy.includes(checker)); seed++) {
        const { violations } = await runPlan(planOf('planted', seed), { turn: hostTurn, mutation });
        seen.push(...violations.map(({ checker }) => checker));
      }
      assert.ok(
        seen.some((checker) => mutation.caughtBy.includes(checker)),
        seen.join(),
      );
    });
  }
  test('each has a planted bug that it notices', () => {
    const named = new Set(mutations.flatMap(({ caughtBy }) => caughtBy));
    const missing = checkers.map(({ name }) => name).filter((name) => !named.has(name));
    assert.deepEqual(missing, []);
    assert.ok(mutations.length >= 50);
  });
});

describe('the scenario cron', () => {
  test('a hundred CronJobs for half an hour', async () => {
    const { violations } = await runPlan(planOf('cron', 1, 0.5), { turn: hostTurn });
    assert.deepEqual(violations, []);
  });
});
