/** The index against a plain list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DnsRecord } from './message.ts';
import { RecordIndex } from './record-index.ts';

const name = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const record = fc.record({ name, type: fc.constantFrom('A', 'TXT'), ttl: fc.constant(5), data: fc.nat(3) });
const step = fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.array(record, { maxLength: 5 }));

test('at and exists agree with a scan of what is held', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), name, (steps, asked) => {
      const index = new RecordIndex();
      const held = new Map<string, readonly DnsRecord[]>();
      for (const [owner, records] of steps) {
        index.replace(owner, records);
        held.set(owner, records);
      }
      const all = [...held.values()].flat();
      const sorted = (list: readonly DnsRecord[]) => list.map((r) => JSON.stringify(r)).sort();
      assert.deepEqual(sorted(index.at(asked)), sorted(all.filter((r) => r.name === asked)));
      assert.equal(
        index.exists(asked),
        all.some((r) => r.name === asked || r.name.endsWith(`.${asked}`)),
      );
    }),
  );
});
