/** Large answers in pieces: the same bytes, at the pace of who reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { readBody } from '@kapella/client';
import fc from 'fast-check';
import { bodyOfParts, joinParts } from './parts.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const MIB = 1024 * 1024;

function partsOf(sizes: readonly number[]) {
  const parts = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
  return { length: sizes.reduce((sum, size) => sum + size, 0), parts };
}

test('a small answer is bytes, a large one a stream of known length; both are the parts in order', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(300_000)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, async (each) => {
      const { length, parts } = partsOf(each);
      const body = bodyOfParts(length, parts);
      assert.equal(body.length, length);
      assert.equal(body instanceof Uint8Array, length <= MIB / 2);
      assert.deepEqual(Buffer.from(await readBody(body, ctx)), Buffer.from(joinParts(length, parts)));
    }),
    { numRuns: 60 },
  );
});

test('waits for a slow reader, and stops with one that is gone', () => {
  const { length, parts } = partsOf([MIB, MIB]);
  const body = bodyOfParts(length, parts);
  assert.ok(!(body instanceof Uint8Array));
  const gone = new AbortController();
  const written: number[] = [];
  let drain = () => {};
  let closed = 0;
  body.start(
    {
      write: (chunk) => written.push(chunk.length) < 0,
      close: () => closed++,
      onDrain: (fn) => {
        drain = fn;
      },
    },
    gone.signal,
  );
  assert.equal(written.length, 1);
  drain();
  assert.equal(written.length, 2);
  for (let i = 0; i < 30; i++) drain();
  assert.equal(
    written.reduce((sum, size) => sum + size, 0),
    length,
  );
  assert.equal(closed, 1);

  const again = bodyOfParts(length, parts);
  assert.ok(!(again instanceof Uint8Array));
  gone.abort();
  again.start(
    { write: () => assert.fail('written'), close: () => assert.fail('closed'), onDrain: () => {} },
    gone.signal,
  );
});

test('pieces that were sent are filled again, those that were not are left alone', () => {
  const lists = [3, 5, 7].map((value) => {
    const parts = Array.from({ length: 1000 }, () => new Uint8Array(1003).fill(value));
    return { value, left: 1_003_000, body: bodyOfParts(1_003_000, parts) };
  });
  const memory = new Set<ArrayBufferLike>();
  const drains: (() => void)[] = [];
  for (const list of lists) {
    assert.ok(!(list.body instanceof Uint8Array));
    const waiting: { readonly chunk: Uint8Array; readonly sent: (() => void) | undefined }[] = [];
    // As a socket: what was written is read later, and given back then.
    const flush = () => {
      for (const { chunk, sent } of waiting.splice(0)) {
        assert.ok(chunk.every((byte) => byte === list.value));
        list.left -= chunk.length;
        sent?.();
      }
    };
    let resume = () => {};
    list.body.start(
      {
        write(chunk, sent) {
          memory.add(chunk.buffer);
          return waiting.push({ chunk, sent }) < 2;
        },
        close: flush,
        onDrain: (fn) => {
          resume = fn;
        },
      },
      new AbortController().signal,
    );
    drains.push(() => {
      flush();
      resume();
    });
  }
  for (let i = 0; i < 20; i++) for (const drain of drains) drain();
  assert.deepEqual(
    lists.map(({ left }) => left),
    [0, 0, 0],
  );
  assert.ok(memory.size <= 10, `${memory.size} pieces for 33`);
});
