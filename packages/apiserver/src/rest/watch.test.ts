/** What a watch begins with, and those who read it slowly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteSink, ResponseStream } from '@kapella/client';
import { admin, requestOf, startTestServer } from '../test-support.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
const LARGE = 'x'.repeat(1_000_000);
const OBJECTS = 20;

test('a watch that begins with more than a slow client may leave behind is not cut off, and keeps its order', async () => {
  const { server, ctx, request } = await startTestServer();
  for (let i = 10; i < 10 + OBJECTS; i++) {
    await request('POST', PATH, { metadata: { name: `o${i}` }, data: { value: LARGE } });
  }
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const response = await server.handle(requestOf('GET', `${PATH}?${query}`, undefined, {}, admin), ctx);
  const slow = startSlowly(response.body as ResponseStream);
  assert.equal(slow.lines().length, 1);
  await request('POST', PATH, { metadata: { name: 'later' } });
  while (slow.drain());
  assert.equal(slow.isClosed(), false);
  const seen = slow.lines().map((line) => {
    const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name?: string } } };
    return `${type} ${object.metadata.name ?? ''}`;
  });
  const first = Array.from({ length: OBJECTS }, (_, i) => `ADDED o${i + 10}`);
  assert.deepEqual(seen, [...first, 'BOOKMARK ', 'ADDED later']);
});

/** A client that takes one write at a time. */
function startSlowly(stream: ResponseStream) {
  let text = '';
  let isClosed = false;
  let isFull = false;
  let onDrain = () => {};
  const sink: ByteSink = {
    write(chunk) {
      text += new TextDecoder().decode(chunk);
      isFull = true;
      return false;
    },
    close: () => {
      isClosed = true;
    },
    onDrain: (fn) => {
      onDrain = fn;
    },
  };
  stream.start(sink, new AbortController().signal);
  return {
    lines: () => text.split('\n').filter((line) => line !== ''),
    isClosed: () => isClosed,
    /** False: there was nothing to take. */
    drain: () => {
      const wasFull = isFull;
      isFull = false;
      onDrain();
      return wasFull;
    },
  };
}
