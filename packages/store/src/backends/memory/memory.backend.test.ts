import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { storeConformance } from '../../conformance.ts';
import { createMvccStore } from '../../mvcc/mvcc-store.ts';
import type { ChangeRecord } from '../../mvcc/record.ts';
import { createMemoryStore } from './memory.backend.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);

describe('memory store', () => {
  for (const { name, run } of storeConformance) {
    test(name, async () => {
      const store = createMemoryStore();
      await run(store, ctx);
      await store.close();
    });
  }
});

test('a long past is forgotten piece by piece, all of it, while others write', async () => {
  const records = new Map<number, ChangeRecord>();
  const pieces: number[] = [];
  const store = createMvccStore({
    backend: 'memory',
    load: () => ({ revision: 1, compacted: 0 }),
    async append(batch) {
      for (const record of batch) records.set(record.revision, record);
    },
    read: (revision) => records.get(revision),
    async remove(revisions) {
      pieces.push(revisions.length);
      for (const revision of revisions) records.delete(revision);
    },
    async close() {},
  });
  let revision = 0;
  const write = async (value: Uint8Array | undefined) => {
    const result = await store.commit({ key: '/registry/a', expectedRevision: revision, value }, ctx);
    assert.ok(result.ok);
    revision = value === undefined ? 0 : result.revision;
    return result.revision;
  };
  for (let i = 0; i < 1_300; i++) await write(new Uint8Array([i % 256]));
  const gone = await write(undefined);
  const last = await write(new Uint8Array([1]));
  const compacting = store.compact(last, ctx);
  const later = await write(new Uint8Array([2]));
  await compacting;
  assert.ok(Math.max(...pieces) <= 500);
  assert.deepEqual([...records.keys()], [last, later]);
  await assert.rejects(store.list('/registry/', { revision: gone }, ctx), { reason: 'Expired' });
  assert.equal((await store.get('/registry/a', ctx))?.modRevision, later);
});
