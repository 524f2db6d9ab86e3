import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { storeConformance } from '../../../conformance.ts';
import { createLmdbStore } from './lmdb.backend.ts';
import { META_KEY, openLmdb } from './records.ts';

const root = mkdtempSync(join(tmpdir(), 'kapella-lmdb-'));
after(() => rmSync(root, { recursive: true }));
const ctx = hostCtx(new AbortController().signal, silentLogger);
const bytes = (text: string) => new TextEncoder().encode(text);

describe('lmdb store', () => {
  for (const [index, { name, run }] of storeConformance.entries()) {
    test(name, async () => {
      const store = createLmdbStore(join(root, `case-${index}`));
      await run(store, ctx);
      await store.close();
    });
  }

  test('is the same after closing and opening, and goes on counting', async () => {
    const directory = join(root, 'reopen');
    const first = createLmdbStore(directory);
    const made = await first.commit({ key: '/a', value: bytes('1'), expectedRevision: 0 }, ctx);
    assert.ok(made.ok);
    const gone = await first.commit({ key: '/b', value: bytes('1'), expectedRevision: 0 }, ctx);
    assert.ok(gone.ok);
    const last = await first.commit({ key: '/b', value: undefined, expectedRevision: gone.revision }, ctx);
    assert.ok(last.ok);
    await first.compact(last.revision, ctx);
    await first.close();

    const second = createLmdbStore(directory);
    assert.equal(await second.currentRevision(ctx), last.revision);
    assert.equal((await second.get('/a', ctx))?.modRevision, made.revision);
    assert.equal(await second.get('/b', ctx), undefined);
    const next = await second.commit({ key: '/b', value: bytes('2'), expectedRevision: 0 }, ctx);
    assert.ok(next.ok && next.revision > last.revision);
    await second.close();
  });

  test('constant churn on constant data does not grow the file', async () => {
    const directory = join(root, 'churn');
    const store = createLmdbStore(directory);
    const value = bytes('x'.repeat(2000));
    let revision = 0;
    const churn = async (writes: number) => {
      for (let i = 0; i < writes; i++) {
        const result = await store.commit({ key: '/churn', value, expectedRevision: revision }, ctx);
        assert.ok(result.ok);
        revision = result.revision;
        if (i % 100 === 99) await store.compact(revision, ctx);
      }
    };
    await churn(300);
    const before = statSync(join(directory, 'store.lmdb')).size;
    await churn(600);
    const after = statSync(join(directory, 'store.lmdb')).size;
    assert.ok(after <= before * 1.5, `${before} bytes grew to ${after}`);
    await store.close();
  });

  test('a store from before records had heads is read, and is the same after that', async () => {
    const directory = join(root, 'headless');
    const first = createLmdbStore(directory);
    const made = await first.commit({ key: '/a', value: bytes('1'), expectedRevision: 0 }, ctx);
    assert.ok(made.ok);
    const changed = await first.commit({ key: '/a', value: bytes('22'), expectedRevision: made.revision }, ctx);
    const other = await first.commit({ key: '/b', value: bytes('1'), expectedRevision: 0 }, ctx);
    assert.ok(changed.ok && other.ok);
    await first.commit({ key: '/b', value: undefined, expectedRevision: other.revision }, ctx);
    await first.close();
    await withoutHeads(directory);

    for (let i = 0; i < 2; i++) {
      const store = createLmdbStore(directory);
      const { items } = await store.list('/', { lazy: true }, ctx);
      assert.deepEqual(
        items.map(({ key, modRevision, valueBytes, value }) => [
          key,
          modRevision,
          valueBytes,
          Buffer.from(value).toString(),
        ]),
        [['/a', changed.revision, 2, '22']],
      );
      const past = await store.list('/', { revision: other.revision }, ctx);
      assert.deepEqual(
        past.items.map(({ key }) => key),
        ['/a', '/b'],
      );
      await store.close();
    }
  });

  test('kill -9 loses no acknowledged write', async () => {
    const directory = join(root, 'kill');
    for (let round = 0; round < 5; round++) {
      const acknowledged = await writeUntilKilled(directory, round, 40 + round * 25);
      const store = createLmdbStore(directory);
      const { items } = await store.list(`/k/${round}/`, {}, ctx);
      const present = new Set(items.map((item) => item.key));
      for (const key of acknowledged) assert.ok(present.has(key), `${key} was acknowledged and is lost`);
      assert.ok(acknowledged.length >= 40);
      await store.close();
    }
  });
});

/** As the version before this one would have written it. */
async function withoutHeads(directory: string): Promise<void> {
  const database = openLmdb(directory);
  for (const key of [...database.getKeys({ end: 0 })]) await database.remove(key);
  const meta = Buffer.from(database.get(META_KEY) as Buffer);
  meta.writeUInt32LE(2, 0);
  await database.put(META_KEY, meta);
  await database.close();
}

/** Runs a writer process and kills it after `count` acknowledgements; returns all keys it had acknowledged. */
async function writeUntilKilled(directory: string, round: number, count: number): Promise<string[]> {
  const writer = join(import.meta.dirname, 'testdata', 'writer.ts');
  const child = spawn(process.execPath, [writer, directory, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  return acknowledged;
}
