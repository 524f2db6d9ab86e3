/** The etcd backend against real etcd servers: the store's conformance, and what only a cluster of servers can do to it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isReason, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { Store, StoreEvent } from '@kapella/store';
import { storeConformance } from '@kapella/store/conformance';
import { type EtcdOptions, storeBackends } from '@kapella/store/node';
import { eventually } from '../../support/cluster.ts';
import { type EtcdMember, ensureEtcd, etcdPrograms, startEtcd, startEtcdCluster } from '../../support/etcd.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const bytes = (text: string) => new TextEncoder().encode(text);
const etcd = storeBackends.find(({ name }) => name === 'etcd');

export async function openEtcd(options: EtcdOptions): Promise<Store> {
  assert.ok(etcd !== undefined);
  return etcd.open({ directory: '', etcd: options }, ctx);
}

for (const program of await etcdPrograms()) {
  describe(`etcd store on ${program.name}`, () => {
    let member: EtcdMember;
    before(async () => {
      member = await startEtcd(program.path);
    });
    after(() => member?.[Symbol.asyncDispose]());

    for (const [i, { name, run }] of storeConformance.entries()) {
      test(name, async () => {
        // Half of the cases under upstream's prefix, half under another.
        const prefix = i % 2 === 0 ? {} : { prefix: `/case-${i}` };
        const store = await openEtcd({ endpoints: [member.url], ...prefix });
        await run(store, ctx);
        await store.close();
      });
    }

    test('a write through one store is seen by the watch of another, once and in order', async () => {
      const [one, two] = await Promise.all([
        openEtcd({ endpoints: [member.url] }),
        openEtcd({ endpoints: [member.url] }),
      ]);
      const seen: StoreEvent[] = [];
      two.watch('/registry/both/', 0, { events: (events) => seen.push(...events), progress() {}, closed() {} });
      await Promise.all(
        Array.from({ length: 300 }, (_, i) =>
          one.commit({ key: `/registry/both/${i}`, value: bytes(String(i)), expectedRevision: 0 }, ctx),
        ),
      );
      await eventually('all events came', async () => seen.length === 300);
      const revisions = seen.map(({ revision }) => revision);
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
      );
      await one.close();
      await two.close();
    });

    test('a list of many pages is true at one revision, whatever is written meanwhile', async () => {
      const store = await openEtcd({ endpoints: [member.url] });
      const count = 4_500;
      const keys = Array.from({ length: count }, (_, i) => `/registry/many/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < count; i += 100) {
        const writes = keys
          .slice(i, i + 100)
          .map((key) => store.commit({ key, value: bytes('v'), expectedRevision: 0 }, ctx));
        await Promise.all(writes);
      }
      const [list] = await Promise.all([
        store.list('/registry/many/', {}, ctx),
        store.commit({ key: '/registry/many/99999', value: bytes('late'), expectedRevision: 0 }, ctx),
      ]);
      assert.ok(list.items.every(({ modRevision }) => modRevision <= list.revision));
      assert.deepEqual(
        list.items.slice(0, count).map(({ key }) => key),
        keys,
      );
      const page = await store.list('/registry/many/', { revision: list.revision, limit: 3_000 }, ctx);
      assert.deepEqual([page.items.length, page.more, page.remaining], [3_000, true, list.items.length - 3_000]);
      await store.close();
    });

    test('compaction by another server says Expired of the past', async () => {
      const [one, two] = await Promise.all([
        openEtcd({ endpoints: [member.url] }),
        openEtcd({ endpoints: [member.url] }),
      ]);
      const first = await one.commit({ key: '/registry/c/a', value: bytes('1'), expectedRevision: 0 }, ctx);
      assert.ok(first.ok);
      const second = await one.commit(
        { key: '/registry/c/a', value: bytes('2'), expectedRevision: first.revision },
        ctx,
      );
      assert.ok(second.ok);
      await one.compact(second.revision, ctx);
      await assert.rejects(two.list('/registry/c/', { revision: first.revision }, ctx), (error) =>
        isReason(error, 'Expired'),
      );
      assert.equal((await two.list('/registry/c/', {}, ctx)).items.length, 1);
      await one.close();
      await two.close();
    });
  });
}

describe('a cluster of three etcd members', () => {
  let members: readonly EtcdMember[];
  let store: Store;
  before(async () => {
    members = await startEtcdCluster(await ensureEtcd(), 3);
    store = await openEtcd({ endpoints: members.map(({ url }) => url) });
  });
  after(async () => {
    await store?.close();
    for (const member of members ?? []) await member[Symbol.asyncDispose]();
  });

  test('members die one after the other under writes: no acknowledged write is lost, no event is missed or doubled', async () => {
    const seen = new Map<number, string>();
    const doubled: string[] = [];
    store.watch('/registry/f/', 0, {
      events(events) {
        for (const { revision, key } of events) {
          if (seen.has(revision)) doubled.push(key);
          seen.set(revision, key);
        }
      },
      progress() {},
      closed: (error) => assert.equal(error, undefined),
    });
    const acknowledged = new Map<string, number>();
    let isOver = false;
    const writer = async (id: number) => {
      for (let i = 0; !isOver; i++) {
        const key = `/registry/f/${id}-${i}`;
        const result = await store.commit({ key, value: bytes(key), expectedRevision: 0 }, ctx);
        assert.ok(result.ok, `${key} is new, and nobody else writes it`);
        acknowledged.set(key, result.revision);
      }
    };
    const writers = Promise.all(Array.from({ length: 4 }, (_, id) => writer(id)));
    for (const member of members) {
      const before = acknowledged.size;
      await eventually('writes are acknowledged', async () => acknowledged.size > before + 50);
      await member.kill('SIGKILL');
      const during = acknowledged.size;
      await eventually('writes go on without a member', async () => acknowledged.size > during + 50, 30_000);
      await member.start();
    }
    isOver = true;
    await writers;
    const { items } = await store.list('/registry/f/', {}, ctx);
    const stored = new Map(items.map(({ key, modRevision }) => [key, modRevision]));
    assert.deepEqual(
      [...acknowledged].filter(([key, revision]) => stored.get(key) !== revision),
      [],
    );
    await eventually('the watch has seen every write', async () =>
      [...stored.values()].every((revision) => seen.has(revision)),
    );
    assert.deepEqual(doubled, []);
  });
});
