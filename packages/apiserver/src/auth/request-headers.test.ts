/** An authenticating proxy speaks for others, by the certificate of its own CA alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, requestOf, startTestServer } from '../test-support.ts';
import { createAuthenticator } from './authenticate.ts';
import type { ClientCertificate } from './contract.ts';
import { createRoutes } from '../discovery/routes.ts';

const requestHeaders = {
  ...{ allowedNames: ['proxy'], usernames: ['X-Remote-User'], uids: ['X-Remote-Uid'], groups: ['X-Remote-Group'] },
  extraPrefixes: ['X-Remote-Extra-'],
};
const proxy: ClientCertificate = { commonName: 'proxy', organizations: [], isProxy: true, isUser: false };

async function start(options: object = { requestHeaders }) {
  const body = (user: object) => new TextEncoder().encode(JSON.stringify(user));
  const whoami = ['/whoami', ({ user }: { user: object }) => ({ status: 200, headers: {}, body: body(user) })] as const;
  const { server, ctx } = await startTestServer({
    authenticator: createAuthenticator({ tokens: [], ...options }),
    routes: () => createRoutes(new Map([whoami as never]), []),
  });
  return async (clientCertificate: ClientCertificate | undefined, headers: Record<string, string>) => {
    const request = requestOf('GET', '/whoami', undefined, headers, undefined);
    const answer = await server.handle(
      clientCertificate === undefined ? request : { ...request, clientCertificate },
      ctx,
    );
    return answer.status === 200 ? answerOf(answer).json : answer.status;
  };
}

test('the headers name the user, with groups, uid and extra', async () => {
  const ask = await start();
  const headers = {
    ...{ 'x-remote-user': 'jane', 'x-remote-uid': '7', 'x-remote-group': 'devs, cn=a,dc=b' },
    'x-remote-extra-acme.com%2fproject': 'x, y',
  };
  assert.deepEqual(await ask(proxy, headers), {
    ...{ username: 'jane', uid: '7', groups: ['devs', 'cn=a,dc=b', 'system:authenticated'] },
    extra: { 'acme.com/project': ['x', 'y'] },
  });
});

test('nobody else is believed, and the proxy itself is nobody', async () => {
  const ask = await start();
  const asJane = { 'x-remote-user': 'jane' };
  assert.equal((await ask(undefined, asJane)).username, 'system:anonymous');
  assert.equal((await ask({ commonName: 'proxy', organizations: [] }, asJane)).username, 'proxy');
  assert.equal(await ask({ ...proxy, commonName: 'other' }, asJane), 401);
  assert.equal(await ask(proxy, {}), 401);
  assert.equal(await ask({ ...proxy, organizations: ['system:masters'] }, {}), 401);
  assert.equal((await ask({ ...proxy, isUser: true }, {})).username, 'proxy');
  const without = await start({});
  assert.equal(await without(proxy, asJane), 401);
});
