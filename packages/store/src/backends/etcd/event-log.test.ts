import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreEvent } from '../../contract.ts';
import { EventLog } from './event-log.ts';

const event = (revision: number, key = '/registry/a/x'): StoreEvent => ({
  ...{ type: 'put', key, value: new Uint8Array(), revision, createRevision: revision },
  previous: undefined,
});
const revisions = (events: readonly StoreEvent[] | undefined) => events?.map(({ revision }) => revision);

test('what came after a revision is there, of the asked prefix, or it is said that it is gone', () => {
  const log = new EventLog(10);
  log.add([event(11), event(12, '/registry/b/x'), event(13)]);
  assert.deepEqual(revisions(log.after('/registry/a/', 10)), [11, 13]);
  assert.deepEqual(revisions(log.after('/registry/a/', 11)), [13]);
  assert.equal(log.after('/registry/a/', 9), undefined);
  log.forget(12);
  assert.equal(log.after('/registry/a/', 11), undefined);
  assert.deepEqual(revisions(log.after('/registry/a/', 12)), [13]);
});

test('old events go, but not while a list is under way, and never half a revision', () => {
  const log = new EventLog(0);
  const release = log.hold();
  for (let revision = 1; revision <= 5_000; revision++) log.add([event(revision), event(revision, '/registry/b/x')]);
  assert.equal(log.after('/registry/', 0)?.length, 10_000);
  release();
  log.add([event(5_001)]);
  assert.equal(log.after('/registry/', 0), undefined);
  const kept = log.after('/registry/', log.oldest) ?? [];
  assert.ok(kept.length >= 400 && kept.length <= 1_001);
  const first = kept[0]?.revision;
  assert.equal(kept.filter(({ revision }) => revision === first).length, first === 5_001 ? 1 : 2);
});
