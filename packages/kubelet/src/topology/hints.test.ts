/** Where resources are taken from, by policy: the answers of several managers made one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Hint, hintsFor, mergeHints, type NumaNode, type TopologyPolicy } from './hints.ts';
import { countOf, isNarrower, maskOf, masksOver, nodesOf } from './masks.ts';
import { parseTopologyOptions } from './topology-options.ts';

const nodesWith = (count: number): readonly NumaNode[] =>
  Array.from({ length: count }, (_, id) => ({
    id,
    // A ring: a neighbour is near, what lies opposite is far.
    distances: Array.from({ length: count }, (_, to) => {
      const steps = Math.abs(id - to);
      return 10 + 10 * Math.min(steps, count - steps);
    }),
  }));

const hint = (nodes: readonly number[], preferred = true): Hint => ({ mask: maskOf(nodes), preferred });

function merge(policy: TopologyPolicy, lists: readonly (readonly Hint[] | undefined)[], count = 2, closest = false) {
  const hints = lists.map((list, i) => new Map([[`r${i}`, list]]));
  const merged = mergeHints(hints, { policy, nodes: nodesWith(count), preferClosest: closest });
  const nodes = merged.hint.mask === undefined ? 'any' : nodesOf(merged.hint.mask).join();
  return `${nodes}${merged.hint.preferred ? ' preferred' : ''}${merged.isAdmitted ? '' : ' refused'}`;
}

test('masks go from the smallest to all, each once', () => {
  assert.deepEqual(
    [...masksOver([0, 1, 3])].map((mask) => nodesOf(mask).join()),
    ['0', '1', '3', '0,1', '0,3', '1,3', '0,1,3'],
  );
  assert.equal(isNarrower(maskOf([3]), maskOf([0, 1])), true);
  assert.equal(isNarrower(maskOf([0, 2]), maskOf([0, 1])), false);
});

test('hints: only sets that have enough now, the smallest that could ever have enough preferred', () => {
  const inMask = (amounts: readonly number[]) => (mask: number) =>
    nodesOf(mask).reduce((sum, n) => sum + (amounts[n] ?? 0), 0);
  const text = (request: number, free: readonly number[]) =>
    hintsFor([0, 1], request, inMask([8, 8]), inMask(free)).map(
      (h) => `${nodesOf(h.mask).join()}${h.preferred ? '!' : ''}`,
    );
  assert.deepEqual(text(4, [8, 8]), ['0!', '1!', '0,1']);
  assert.deepEqual(text(4, [2, 8]), ['1!', '0,1']);
  assert.deepEqual(text(6, [4, 4]), ['0,1']);
  assert.deepEqual(text(10, [8, 8]), ['0,1!']);
  assert.deepEqual(text(17, [8, 8]), []);
});

test('two resources that can be had on the same node are taken there; of two such nodes the lower', () => {
  const both = [hint([0]), hint([1]), hint([0, 1], false)];
  for (const policy of ['best-effort', 'restricted', 'single-numa-node'] as const) {
    assert.equal(merge(policy, [both, both]), '0 preferred');
    assert.equal(merge(policy, [both, [hint([1]), hint([0, 1], false)]]), '1 preferred');
    assert.equal(merge(policy, [both, undefined]), '0 preferred');
  }
});

test('what only lies apart is taken as it is, or refused, as the policy has it', () => {
  const apart = [
    [hint([0]), hint([0, 1], false)],
    [hint([1]), hint([0, 1], false)],
  ];
  assert.equal(merge('best-effort', apart), '0');
  assert.equal(merge('restricted', apart), '0 refused');
  assert.equal(merge('single-numa-node', apart), 'any refused');
});

test('a request that needs both nodes is preferred there, but not for a policy of one node', () => {
  const wide = [[hint([0, 1])]];
  assert.equal(merge('restricted', wide), '0,1 preferred');
  assert.equal(merge('single-numa-node', wide), 'any refused');
});

test('what cannot be given at all, and what nobody cares about', () => {
  assert.equal(merge('best-effort', [[]]), '0,1');
  assert.equal(merge('restricted', [[]]), '0,1 refused');
  assert.equal(merge('single-numa-node', [undefined]), 'any preferred');
  assert.equal(merge('restricted', []), '0,1 preferred');
});

test('of sets of the same size the one whose nodes are near, where wanted', () => {
  const lists = [[hint([0, 2]), hint([2, 3])]];
  assert.equal(merge('restricted', lists, 4), '0,2 preferred');
  assert.equal(merge('restricted', lists, 4, true), '2,3 preferred');
});

test('without a preferred hint, as near as possible to what the greediest needs', () => {
  const lists = [
    [hint([0], false), hint([0, 1], false), hint([0, 1, 2], false)],
    [hint([0, 1], false), hint([0, 1, 2, 3], false)],
  ];
  assert.equal(merge('best-effort', lists, 4), '0,1');
});

test('a preferred answer is what all have in common, and lies in a hint of each', () => {
  const anyHint = fc.record({ mask: fc.integer({ min: 1, max: 15 }), preferred: fc.boolean() });
  const anyLists = fc.array(fc.array(anyHint, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(anyLists, (lists) => {
      const hints = lists.map((list, i) => new Map([[`r${i}`, list]]));
      const { hint: found, isAdmitted } = mergeHints(hints, {
        policy: 'restricted',
        nodes: nodesWith(4),
        preferClosest: false,
      });
      if (!isAdmitted) return true;
      return lists.every((list) => list.some(({ mask, preferred }) => preferred && mask === found.mask));
    }),
  );
  assert.equal(countOf(15), 4);
});

test('options are those of upstream, in its words', () => {
  assert.deepEqual(parseTopologyOptions({ 'prefer-closest-numa-nodes': 'true', 'max-allowable-numa-nodes': '12' }), {
    preferClosest: true,
    nodesMax: 12,
  });
  assert.throws(() => parseTopologyOptions({ nearest: 'true' }), /unknown Topology Manager Policy option: "nearest"/);
  assert.throws(() => parseTopologyOptions({ 'max-allowable-numa-nodes': '4' }), /should not be less than 8/);
  assert.throws(() => parseTopologyOptions({ 'prefer-closest-numa-nodes': 'yes' }), /bad value for option/);
});
