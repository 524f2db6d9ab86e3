/** Medians and verdicts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuMsBetween } from './processes.ts';
import { type Benchmark, evaluate, median, renderTable } from './benchmark.ts';

const benchmark: Benchmark = {
  name: 'start',
  text: 'how it starts',
  figures: [
    { name: 'first', text: 'the first', unit: 'ms', goalMax: 20 },
    { name: 'second', text: 'the second', unit: 'MB' },
    { name: 'ratio', text: 'the ratio', unit: 'x', goalMin: 2 },
  ],
  measure: async () => {},
};

test('the median is the middle, or between the middle two', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), /no value/);
});

test('what no figure can be is no result', () => {
  assert.throws(() => evaluate(benchmark, [{ first: -0.4, second: 1, ratio: 1 }]), /start: first cannot be -0.4/);
  assert.throws(() => evaluate(benchmark, [{ first: Number.NaN, second: 1, ratio: 1 }]), /cannot be NaN/);
});

test('two processes have no difference', () => {
  assert.equal(cpuMsBetween({ ms: 10, process: '7 of 100' }, { ms: 25, process: '7 of 100' }), 15);
  assert.throws(() => cpuMsBetween({ ms: 10, process: '7 of 100' }, { ms: 5, process: '7 of 200' }), /was replaced/);
});

test('a goal is met by the median, not by the best', () => {
  const { figures } = evaluate(benchmark, [
    { first: 10, second: 1, ratio: 2 },
    { first: 21, second: 1, ratio: 2.5 },
    { first: 30, second: 2, ratio: 1.9 },
  ]);
  assert.deepEqual(
    figures.map(({ median: middle, isMet }) => [middle, isMet]),
    [
      [21, false],
      [1, undefined],
      [2, true],
    ],
  );
  assert.match(
    renderTable([evaluate(benchmark, [{ first: 20, second: 1, ratio: 1.5 }])]),
    /start: the first\s+20\.0 ms\s+20\.0 - 20\.0\s+<= 20\.0 ms\s+met\n(?:.|\n)*ratio\s+1\.50 x\s+1\.50 - 1\.50\s+>= 2\.00 x\s+NOT MET\n/,
  );
});
