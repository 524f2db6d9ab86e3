/** Snapshots: taken while a server writes, whole or refused, put back with revisions that go on upwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isReason, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createLmdbStore } from '../../backends/lmdb/node/lmdb.backend.ts';
import { createMemoryStore } from '../../backends/memory/memory.backend.ts';
import type { KeyValue, Store } from '../../contract.ts';
import {
  clusterItems,
  lmdbUsers,
  openLmdbSnapshot,
  replaceAll,
  unfinishedRestore,
  restoreLmdb,
  snapshotItems,
  verifySnapshot,
  writeSnapshot,
} from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'kapella-snapshot-'));
after(() => rmSync(root, { recursive: true }));
const ctx = hostCtx(new AbortController().signal, silentLogger);
const bytes = (text: string) => new TextEncoder().encode(text);
const HEADER = { backend: 'lmdb', createdAt: '2026-01-01T00:00:00Z', kubernetesVersion: 'v1.36.0' };

async function put(store: Store, key: string, text: string): Promise<number> {
  const { modRevision: expectedRevision = 0 } = (await store.get(key, ctx)) ?? {};
  const result = await store.commit({ key, value: bytes(text), expectedRevision }, ctx);
  assert.ok(result.ok);
  return result.revision;
}

async function remove(store: Store, key: string): Promise<void> {
  const found = await store.get(key, ctx);
  assert.ok((await store.commit({ key, value: undefined, expectedRevision: found?.modRevision ?? 0 }, ctx)).ok);
}

async function contentOf(store: Store): Promise<readonly string[]> {
  const { items } = await store.list('/registry/', {}, ctx);
  return items.map(({ key, value }) => `${key}=${new TextDecoder().decode(value)}`);
}

async function saveLmdb(directory: string, path: string) {
  const source = openLmdbSnapshot(directory);
  const { revision } = source;
  return writeSnapshot(path, { ...HEADER, revision }, source.items()).finally(source.close);
}

describe('snapshot of the embedded store', () => {
  test('is taken while the server writes, is true at one revision, and is put back', async () => {
    const directory = join(root, 'live/store');
    const store = createLmdbStore(directory);
    for (let i = 0; i < 200; i++) await put(store, `/registry/a/${i % 50}`, `v${i}`);
    await remove(store, '/registry/a/7');
    const before = await contentOf(store);
    const revisionBefore = await store.currentRevision(ctx);

    const source = openLmdbSnapshot(directory);
    for (let i = 0; i < 100; i++) await put(store, `/registry/a/${i % 50}`, `later${i}`);
    await store.compact(await store.currentRevision(ctx), ctx);
    const path = join(root, 'live.snapshot');
    const saved = await writeSnapshot(path, { ...HEADER, revision: source.revision }, source.items());
    await source.close();
    const last = await store.currentRevision(ctx);
    await store.close();

    assert.equal(saved.revision, revisionBefore);
    assert.deepEqual(verifySnapshot(path), saved);
    assert.equal(saved.keys, 49);
    const restored = await restoreLmdb(directory, saved.revision, snapshotItems(path));
    assert.ok(restored.revision > last, 'above every revision that a client may have seen');

    const again = createLmdbStore(directory);
    assert.deepEqual(await contentOf(again), before);
    assert.equal(await again.currentRevision(ctx), restored.revision);
    const closed: unknown[] = [];
    again.watch('/registry/a/', last, { events: () => {}, progress: () => {}, closed: (error) => closed.push(error) });
    await Promise.resolve();
    assert.ok(isReason(closed[0], 'Expired'), 'watches from before list again');
    assert.equal(await put(again, '/registry/a/1', 'x'), restored.revision + 1);
    await again.close();

    const kept = createLmdbStore(restored.replaced ?? '');
    assert.equal(await kept.currentRevision(ctx), last, 'what was there before is kept');
    await kept.close();
  });

  test('is put where nothing was', async () => {
    const store = createLmdbStore(join(root, 'one/store'));
    await put(store, '/registry/a/1', 'x');
    await store.close();
    const path = join(root, 'one.snapshot');
    await saveLmdb(join(root, 'one/store'), path);
    const { replaced } = await restoreLmdb(join(root, 'elsewhere/store'), 2, snapshotItems(path));
    assert.equal(replaced, undefined);
    const again = createLmdbStore(join(root, 'elsewhere/store'));
    assert.deepEqual(await contentOf(again), ['/registry/a/1=x']);
    await again.close();
  });

  test('keys that were written together get revisions of their own', async () => {
    const item = (key: string): KeyValue => ({ key, value: bytes(key), createRevision: 5, modRevision: 5 });
    const directory = join(root, 'together/store');
    await restoreLmdb(directory, 5, ['/registry/a', '/registry/b', '/registry/c'].map(item));
    const store = createLmdbStore(directory);
    const { items } = await store.list('/registry/', {}, ctx);
    assert.equal(new Set(items.map(({ modRevision }) => modRevision)).size, 3);
    await store.close();
  });

  test('an open store is found by its processes', async () => {
    assert.deepEqual(lmdbUsers(join(root, 'none')), []);
  });
});

describe('a file that is not whole', () => {
  const path = join(root, 'whole.snapshot');
  const items = Array.from({ length: 40 }, (_, i) => ({
    ...{ key: `/registry/a/${i}`, value: bytes('x'.repeat(i * 10)) },
    ...{ createRevision: i + 1, modRevision: i + 1 },
  }));

  test('is refused wherever it is cut or changed, and replaces nothing', async () => {
    await writeSnapshot(path, { ...HEADER, revision: 50 }, items);
    const whole = readFileSync(path);
    const bad = join(root, 'bad.snapshot');
    for (let i = 0; i < 150; i++) {
      const at = Math.floor((i / 150) * whole.length);
      writeFileSync(bad, whole.subarray(0, at));
      assert.throws(() => verifySnapshot(bad), /is truncated|is no snapshot/, `cut at ${at}`);
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ 0x41;
      writeFileSync(bad, changed);
      assert.throws(() => verifySnapshot(bad), /is damaged|is truncated|is no snapshot|has format/, `changed at ${at}`);
    }
    writeFileSync(bad, Buffer.concat([whole, Buffer.from('more')]));
    assert.throws(() => verifySnapshot(bad), /something follows its end/);
    writeFileSync(bad, 'SQLite format 3');
    assert.throws(() => verifySnapshot(bad), /is no snapshot of Kapella's/);
    await assert.rejects(writeSnapshot(path, { ...HEADER, revision: 1 }, []), /is there already/);
    assert.deepEqual(readFileSync(path), whole);
  });

  test('a save that fails leaves nothing behind', async () => {
    function* failing() {
      yield* items;
      throw new Error('the disk is gone');
    }
    await assert.rejects(
      writeSnapshot(join(root, 'failed.snapshot'), { ...HEADER, revision: 1 }, failing()),
      /disk is gone/,
    );
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith('failed')),
      [],
    );
  });
});

test('a store of another kind is saved and replaced through its contract', async () => {
  const store = createMemoryStore();
  for (let i = 0; i < 2_500; i++) await put(store, `/registry/a/${i}`, `v${i}`);
  const path = join(root, 'contract.snapshot');
  const revision = await store.currentRevision(ctx);
  const before = await contentOf(store);
  await put(store, '/registry/a/1', 'later');
  await writeSnapshot(path, { ...HEADER, backend: 'etcd', revision }, clusterItems(store, revision, ctx));
  await put(store, '/registry/b/new', 'x');
  await remove(store, '/registry/a/3');
  assert.equal(await replaceAll(store, snapshotItems(path), ctx), 2_500);
  assert.deepEqual(await contentOf(store), before);
});

test('a restore that is cut off says so until it is done again', async () => {
  const store = createMemoryStore();
  for (let i = 0; i < 100; i++) await put(store, `/registry/a/${i}`, `v${i}`);
  const path = join(root, 'cut-off.snapshot');
  const revision = await store.currentRevision(ctx);
  const before = await contentOf(store);
  await writeSnapshot(path, { ...HEADER, backend: 'etcd', revision }, clusterItems(store, revision, ctx));
  for (let i = 0; i < 100; i++) await put(store, `/registry/a/${i}`, 'later');
  assert.equal(await unfinishedRestore(store, ctx), undefined);
  let left = 50;
  const failing: typeof store.commit = (write, inner) =>
    left-- > 0 ? store.commit(write, inner) : Promise.reject(new Error('killed'));
  const cut = new Proxy(store, { get: (it, name) => (name === 'commit' ? failing : bound(it, name)) });
  await assert.rejects(replaceAll(cut, snapshotItems(path), ctx), /killed/);
  assert.match((await unfinishedRestore(store, ctx)) ?? '', /^\d{4}-/);
  assert.equal(await replaceAll(store, snapshotItems(path), ctx), 100);
  assert.equal(await unfinishedRestore(store, ctx), undefined);
  assert.deepEqual(await contentOf(store), before);
});

function bound(it: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(it, name);
  return typeof value === 'function' ? value.bind(it) : value;
}
