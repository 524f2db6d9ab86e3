/** Replies cut at every place, and a server that goes away. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parseReply, Redis } from './redis.ts';

test('a reply is taken only when it is whole', () => {
  const whole = Buffer.from('*3\r\n$5\r\nhello\r\n:42\r\n*1\r\n$-1\r\n+OK\r\n');
  const end = whole.length - '+OK\r\n'.length;
  for (let size = 0; size < end; size++) assert.equal(parseReply(whole.subarray(0, size), 0), undefined);
  assert.deepEqual(parseReply(whole, 0), { reply: ['hello', 42, [null]], end });
});

test('a command fails when the connection breaks, the next one connects again', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    const breaks = ++connections === 1;
    socket.on('data', () => (breaks ? socket.destroy() : socket.write('+PONG\r\n')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const redis = new Redis({ host: '127.0.0.1', port, password: '', timeoutMs: 1000 });
  try {
    await assert.rejects(redis.command('PING'), /closed/);
    assert.equal(await redis.command('PING'), 'PONG');
  } finally {
    redis.close();
    server.close();
  }
});
