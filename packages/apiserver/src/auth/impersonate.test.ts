/** Acting as someone else, through handle(): what each mode asks for, and who one becomes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '../resource.ts';
import { createRoutes } from '../discovery/routes.ts';
import { answerOf, requestOf, startTestServer } from '../test-support.ts';
import type { Attributes, Authorizer } from './contract.ts';

/** `allowed`: `verb resource/name` with `*` for any name, or `verb path`; all that is asked is noted. */
async function start(allowed: readonly string[]) {
  const asked: string[] = [];
  const textOf = ({ verb, resource, subresource, name, namespace, path, isResource }: Attributes) => {
    if (!isResource) return `${verb} ${path}`;
    const where = namespace === '' ? '' : `${namespace}:`;
    return `${verb} ${where}${resource}${subresource === '' ? '' : `/${subresource}`} ${name}`.trim();
  };
  const authorizer: Authorizer = {
    authorize(attributes) {
      const text = textOf(attributes);
      asked.push(text);
      const isAllowed =
        attributes.user.username !== 'bob' && !isAccount(attributes.user) ? true : allowed.includes(text);
      return isAllowed ? { decision: 'allow', reason: '' } : { decision: 'none', reason: '' };
    },
  };
  const { server, ctx } = await startTestServer({
    authorizer,
    routes: () =>
      createRoutes(
        new Map([
          [
            '/whoami',
            ({ user }) => ({ status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(user)) }),
          ],
        ]),
        [],
      ),
  });
  const as = async (headers: Record<string, string>, user: UserInfo = { username: 'bob', groups: [] }) => {
    asked.length = 0;
    const answer = answerOf(await server.handle(requestOf('GET', '/whoami', undefined, headers, user), ctx));
    return { status: answer.status, json: answer.json, asked: [...asked] };
  };
  return as;
}
const isAccount = ({ username }: UserInfo) => username === 'system:serviceaccount:ns:agent';

test('constrained: the one verb of old is not needed, what is done with it is asked as well', async () => {
  const as = await start(['impersonate-on:user-info:get /whoami', 'impersonate:user-info users jane']);
  const found = await as({ 'impersonate-user': 'jane' });
  assert.deepEqual(found.json, { username: 'jane', groups: ['system:authenticated'] });
  assert.deepEqual(found.asked, [
    'impersonate-on:user-info:get /whoami',
    'impersonate:user-info users jane',
    'get /whoami',
  ]);
  const refused = await as({ 'impersonate-user': 'joe' });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json.message,
    'users.authentication.k8s.io "joe" is forbidden: User "bob" cannot impersonate:user-info resource "users" in API ' +
      'group "authentication.k8s.io" at the cluster scope',
  );
});

test('of old: user, uid, groups and extra are each asked; the mode that served last is tried first', async () => {
  const all = ['users jane', 'uids 7', 'groups devs', 'groups cn=a,dc=b', 'userextras/scopes view', 'userextras/a b'];
  const as = await start(all.map((text) => `impersonate ${text}`));
  const headers = {
    ...{ 'impersonate-user': 'jane', 'impersonate-uid': '7', 'impersonate-group': 'devs, cn=a,dc=b' },
    ...{ 'impersonate-extra-scopes': 'view', 'impersonate-extra-%61': 'b' },
  };
  const found = await as(headers);
  assert.deepEqual(found.json, {
    ...{ username: 'jane', uid: '7', groups: ['devs', 'cn=a,dc=b', 'system:authenticated'] },
    extra: { scopes: ['view'], a: ['b'] },
  });
  assert.equal(found.asked[0], 'impersonate-on:user-info:get /whoami');
  assert.equal((await as(headers)).asked[0], 'impersonate users jane');
  const refused = await as({ ...headers, 'impersonate-extra-a': 'c' });
  assert.equal(refused.status, 403);
  assert.match(
    refused.json.message,
    /^userextras\.authentication\.k8s\.io "c" is forbidden: .* resource "userextras\/a"/,
  );
});

test('service accounts and nodes bring their groups; anonymous stays unauthenticated', async () => {
  const as = await start([
    'impersonate-on:serviceaccount:get /whoami',
    'impersonate:serviceaccount ns:serviceaccounts sa',
    'impersonate ns:serviceaccounts sa',
    'impersonate groups only',
    'impersonate-on:arbitrary-node:get /whoami',
    'impersonate:arbitrary-node nodes n1',
    'impersonate users system:anonymous',
    'impersonate users system:node:n2',
  ]);
  const groupsOf = async (headers: Record<string, string>) => (await as(headers)).json.groups;
  const account = { 'impersonate-user': 'system:serviceaccount:ns:sa' };
  assert.deepEqual(await groupsOf(account), [
    ...['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
  ]);
  assert.deepEqual(await groupsOf({ ...account, 'impersonate-group': 'only' }), ['only', 'system:authenticated']);
  assert.deepEqual(await groupsOf({ 'impersonate-user': 'system:node:n1' }), ['system:nodes', 'system:authenticated']);
  assert.deepEqual(await groupsOf({ 'impersonate-user': 'system:node:n2' }), ['system:authenticated']);
  assert.deepEqual(await groupsOf({ 'impersonate-user': 'system:anonymous' }), ['system:unauthenticated']);
});

test('a service account may act as the node it runs on, and as no other', async () => {
  const as = await start(['impersonate-on:associated-node:get /whoami', 'impersonate:associated-node nodes *']);
  const agent = (node: string): UserInfo => ({
    ...{ username: 'system:serviceaccount:ns:agent', groups: [] },
    extra: { 'authentication.kubernetes.io/node-name': [node] },
  });
  const asNode = { 'impersonate-user': 'system:node:n1' };
  assert.equal((await as(asNode, agent('n1'))).json.username, 'system:node:n1');
  assert.equal((await as(asNode, agent('n2'))).status, 403);
});

test('constrained modes give no masters, no empty group, no extra of no domain', async () => {
  const as = await start(['impersonate-on:user-info:get /whoami', 'impersonate:user-info users jane']);
  const refusedFor = async (more: Record<string, string>) => {
    const { status, json } = await as({ 'impersonate-user': 'jane', ...more });
    assert.equal(status, 403);
    return json.message as string;
  };
  assert.match(await refusedFor({ 'impersonate-group': 'system:masters' }), /the system:masters group is not allowed$/);
  assert.match(await refusedFor({ 'impersonate-group': '' }), /the empty string group is not allowed$/);
  assert.match(await refusedFor({ 'impersonate-extra-scopes': 'x' }), /must be a domain-prefixed path/);
});

test('many groups are allowed at once by a star', async () => {
  const as = await start([
    'impersonate-on:user-info:get /whoami',
    'impersonate:user-info users jane',
    'impersonate:user-info groups *',
  ]);
  const many = { 'impersonate-user': 'jane', 'impersonate-group': 'a, b, c, d' };
  assert.equal((await as(many)).status, 200);
  assert.equal((await as({ ...many, 'impersonate-group': 'a, b, c' })).status, 403);
});

test('headers without a user are a bad request; the WebSocket headers and others are none of these', async () => {
  const as = await start(['get /whoami']);
  const bad = await as({ 'impersonate-group': 'devs' });
  assert.equal(bad.status, 400);
  assert.equal(
    bad.json.message,
    'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"devs"}, Extra:map[string][]string(nil)} ' +
      'without impersonating a user name',
  );
  assert.equal((await as({ 'impersonate-extra-a': 'b' })).status, 400);
  assert.equal((await as({ 'impersonate-uid': '1' })).status, 400);
  assert.equal((await as({ 'impersonate-other': 'x' })).status, 200);
  assert.equal((await as({ 'impersonate-user': '' })).status, 200);
});
