/** Shared chunks are decoded once for all who read them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSharedDecoder } from './body.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('two readers of one chunk are given the same objects', () => {
  const chunk = bytes('{"a":1}\n{"a":2}\n');
  const [first, second]: [unknown[], unknown[]] = [[], []];
  createSharedDecoder((value) => first.push(value))(chunk);
  createSharedDecoder((value) => second.push(value))(chunk);
  assert.deepEqual(first, [{ a: 1 }, { a: 2 }]);
  assert.equal(first[0], second[0]);
  assert.equal(first[1], second[1]);
});

test('lines that are cut by chunks are put together', () => {
  const seen: unknown[] = [];
  const decode = createSharedDecoder((value) => seen.push(value));
  for (const part of ['{"a":1}\n{"a"', ':', '2}\n', '{"a":3}\n']) decode(bytes(part));
  assert.deepEqual(seen, [{ a: 1 }, { a: 2 }, { a: 3 }]);
});
