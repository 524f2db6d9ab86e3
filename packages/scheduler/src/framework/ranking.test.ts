/** The kept ranking against a pass over all totals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@kapella/base';
import fc from 'fast-check';
import { Ranking } from './ranking.ts';
import { pickBest } from './scores.ts';

const SIZE = 12;

test('whatever changes, the same slot by the same random number as a pass over all would draw', () => {
  const change = fc.record({
    slot: fc.nat(SIZE - 1),
    total: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    isAsked: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), fc.integer(), (changes, seed) => {
      const ranking = new Ranking(SIZE);
      const totals: (number | undefined)[] = Array.from({ length: SIZE }, () => undefined);
      const [kept, anew] = [createSeededRandom(seed), createSeededRandom(seed)];
      for (const { slot, total, isAsked } of changes) {
        ranking.set(slot, total);
        totals[slot] = total;
        const fits = totals.flatMap((value, at) => (value === undefined ? [] : [at]));
        assert.equal(ranking.count, fits.length);
        if (!isAsked) continue;
        const best = pickBest(
          Float64Array.from(fits, (at) => totals[at] as number),
          fits.length,
          anew,
        );
        assert.equal(ranking.pick(kept), best < 0 ? -1 : fits[best]);
      }
    }),
    { numRuns: 500 },
  );
});
