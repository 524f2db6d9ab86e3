/** One GET, and where it stops reading. */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAuthority, issueLeaf } from '@kapella/control-plane/node';
import { getText } from './get-text.ts';

test('an answer is read up to its limit: who answers may be anybody', async () => {
  const nowMs = Date.now();
  const authority = await createAuthority('test-ca', nowMs);
  const { cert, key } = await issueLeaf(
    authority,
    { commonName: 'x', usage: 'server', ipAddresses: ['127.0.0.1'] },
    nowMs,
  );
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url === '/short') return void response.end('short');
    const more = () => {
      while (response.write(Buffer.alloc(65_536))); // without an end
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { rejectUnauthorized: false };
    assert.deepEqual(await getText(`${url}/short`, 60_000, options, 5), { status: 200, text: 'short' });
    await assert.rejects(getText(`${url}/short`, 60_000, options, 4), /longer than 4 bytes/);
    await assert.rejects(getText(`${url}/endless`, 60_000, options, 1_000_000), /longer than 1000000 bytes/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
