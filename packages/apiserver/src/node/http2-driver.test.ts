/** When Node may close a stream: not before its answer is written, and not much later if it never is. */
import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { createTestCtx } from '../test-support.ts';
import type { Exchange } from './exchange.ts';
import { Gathering, serveStream } from './http2-driver.ts';
import type { Peers } from './peer.ts';

const peers: Peers = { of: () => ({ certificate: undefined, hasBadCertificate: false, address: '' }) };

function exchange(): Exchange {
  const body = new TextEncoder().encode('{}');
  const server = { handle: async () => ({ status: 200, headers: {}, body }) } as unknown as Exchange['server'];
  const draining = new AbortController().signal;
  return { server, ctx: createTestCtx(), draining, open: { count: 0 }, goawayChance: 0 };
}

/** As Node's: closed, and destroyed, as soon as the last frame is made; `written` calls back when it is on the wire. */
class Stream extends Duplex {
  readonly session = { socket: {}, close: () => {} };
  isClosed = false;
  readonly #written: (done: () => void) => void;

  constructor(written: (done: () => void) => void) {
    super();
    this.#written = written;
    Object.defineProperty(this, 'closed', { get: () => this.isClosed });
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    this.#written(done);
    process.nextTick(() => {
      this.isClosed = true;
      this.destroy();
    });
  }

  respond(): void {}
}

/** What happens to a stream whose request was a DELETE without a body, in order. */
async function eventsOf(stream: Stream): Promise<string[]> {
  const events: string[] = [];
  for (const name of ['finish', 'error']) stream.on(name, () => events.push(name));
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  const headers = { ':method': 'DELETE', ':path': '/api/v1/namespaces/a/configmaps/b' };
  serveStream(stream as unknown as ServerHttp2Stream, headers, peers, new Gathering(), exchange());
  stream.push(null);
  await closed;
  return [...events, 'close'];
}

test('a stream is destroyed when its answer has been written', async () => {
  const stream = new Stream((done) => setImmediate(done));
  assert.deepEqual(await eventsOf(stream), ['finish', 'close']);
});

test('a stream whose answer cannot be written is destroyed all the same', async () => {
  assert.deepEqual(await eventsOf(new Stream(() => {})), ['close']);
});

test('a stream that fails is destroyed at once', async () => {
  const stream = new Stream(() => {
    process.nextTick(() => stream.destroy(new Error('the connection is gone')));
  });
  assert.deepEqual(await eventsOf(stream), ['error', 'close']);
});
