/** A few cycles of kill -9 under writers; many by hand: kill-cycles.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensureEtcd, startEtcd } from '../../support/etcd.ts';
import { type KillReport, runKillCycles } from './kill-cycles.ts';

function assertWell({ lost, missed, invented, acknowledged, cycles }: KillReport): void {
  assert.deepEqual({ lost, missed, invented }, { lost: [], missed: [], invented: [] });
  assert.ok(acknowledged > 60 * cycles);
}

test('kill -9 under writers: no acknowledged write is lost, no watch event is missed', async () => {
  assertWell(await runKillCycles(5));
});

test('the same of a server whose objects are in etcd', async () => {
  await using etcd = await startEtcd(await ensureEtcd());
  assertWell(await runKillCycles(3, ['--store', 'etcd', '--etcd-endpoints', etcd.url]));
});
