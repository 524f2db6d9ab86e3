/** Authorizers by configuration: webhooks with conditions and caches, files that change, ABAC, and what a request meets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LogRecord } from '@kapella/base';
import type { HttpCaller } from '../../outbound/http-caller.ts';
import type { UserInfo } from '../../resource.ts';
import { createMetricsRegistry } from '../../metrics/registry.ts';
import { answerOf, createTestClock, createTestCtx, requestOf, startTestServer } from '../../test-support.ts';
import { alwaysAllow, alwaysDeny } from '../authorize.ts';
import type { ConfigurationSource } from '../config/reload.ts';
import { createAbacAuthorizer, parseAbacPolicies } from './abac.ts';
import type { ReviewSpec } from './review.ts';
import { createStructuredAuthorizer } from './structured.ts';

type Answer = { allowed?: boolean; denied?: boolean; reason?: string } | number | 'time out';

const webhook = (name: string, more: object = {}) => ({
  ...{ type: 'Webhook', name },
  webhook: {
    ...{ timeout: '3s', subjectAccessReviewVersion: 'v1', matchConditionSubjectAccessReviewVersion: 'v1' },
    ...{ failurePolicy: 'NoOpinion', connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: `/${name}` } },
    ...more,
  },
});
const file = (...authorizers: object[]) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers });

async function start(text: string, answer: (spec: ReviewSpec, hook: string) => Answer) {
  const clock = createTestClock();
  const records: LogRecord[] = [];
  const base = createTestCtx(clock);
  const ctx = { ...base, log: createLogger((record) => records.push(record)) };
  const asked: { readonly hook: string; readonly spec: ReviewSpec }[] = [];
  const caller: HttpCaller = async (request) => {
    const hook = request.url.slice('https://h/'.length);
    const review = JSON.parse(new TextDecoder().decode(request.body));
    assert.equal(review.kind, 'SubjectAccessReview');
    asked.push({ hook, spec: review.spec });
    const status = answer(review.spec, hook);
    if (status === 'time out') throw new Error('context deadline exceeded');
    if (typeof status === 'number') return { status, headers: {}, body: new Uint8Array() };
    return { status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify({ ...review, status })) };
  };
  let write: (text: string) => void = () => {};
  const source: ConfigurationSource = {
    text,
    follow: (onText) => {
      write = onText;
    },
  };
  const metrics = createMetricsRegistry();
  const abac = createAbacAuthorizer([]);
  const deps = {
    ...{ caller, metrics, builtIn: { RBAC: alwaysDeny, Node: alwaysAllow, ABAC: abac } },
    kubeconfig: (path: string) => ({ url: `https://h${path}`, tls: {}, headers: () => ({}) }),
  };
  const authorizer = createStructuredAuthorizer(source, () => 'file', deps, ctx);
  const { server } = await startTestServer({ authorizer, metrics });
  const as = async (user: UserInfo, method: string, path: string, headers: Record<string, string> = {}) =>
    answerOf(await server.handle(requestOf(method, path, undefined, headers, user), ctx));
  return { as, asked, clock, records, metrics, authorizer, ctx, write: (next: string) => write(next) };
}

const jane: UserInfo = { username: 'jane', uid: '1', groups: ['devs'], extra: { 'example.org/a': ['b'] } };
const LIST = '/api/v1/namespaces/ns/configmaps';

test('a webhook is told all of a request, selectors too, and decides', async () => {
  const { as, asked, metrics } = await start(file(webhook('hook')), ({ user }) =>
    user === 'jane' ? { allowed: true } : { denied: true, reason: 'not you' },
  );
  const query = '?fieldSelector=metadata.name%21%3Dx&labelSelector=a%20in%20(b,c),!d,e';
  assert.equal((await as(jane, 'GET', LIST + query)).status, 200);
  assert.deepEqual(asked[0]?.spec, {
    resourceAttributes: {
      ...{ namespace: 'ns', verb: 'list', version: 'v1', resource: 'configmaps' },
      fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'NotIn', values: ['x'] }] },
      labelSelector: {
        requirements: [
          { key: 'a', operator: 'In', values: ['b', 'c'] },
          { key: 'd', operator: 'DoesNotExist', values: [] },
          { key: 'e', operator: 'Exists', values: [] },
        ],
      },
    },
    ...{ user: 'jane', uid: '1', groups: ['devs', 'system:authenticated'], extra: { 'example.org/a': ['b'] } },
  });
  const refused = await as({ username: 'joe', groups: [] }, 'GET', '/metrics');
  assert.equal(refused.json.message, 'forbidden: User "joe" cannot get path "/metrics": not you');
  assert.deepEqual(asked[1]?.spec, {
    nonResourceAttributes: { path: '/metrics', verb: 'get' },
    ...{ user: 'joe', groups: ['system:authenticated'] },
  });
  assert.match(metrics.text(), /decisions_total\{type="Webhook",name="hook",decision="denied"\} 1/);
  assert.match(metrics.text(), /webhook_evaluations_total\{name="hook",result="success"\} 2/);
});

test('answers are kept, the good longer than the bad; requests that come together ask once', async () => {
  const text = file(webhook('hook', { authorizedTTL: '10s', unauthorizedTTL: '1s' }));
  const { as, asked, clock } = await start(text, ({ user }) => ({ allowed: user === 'jane' }));
  await Promise.all([as(jane, 'GET', LIST), as(jane, 'GET', LIST)]);
  const joe = { username: 'joe', groups: [] };
  await as(joe, 'GET', LIST);
  await as(joe, 'GET', LIST);
  assert.equal(asked.length, 2);
  clock.advance(1_000);
  await as(jane, 'GET', LIST);
  await as(joe, 'GET', LIST);
  assert.equal(asked.length, 3);
  clock.advance(9_000);
  await as(jane, 'GET', LIST);
  assert.equal(asked.length, 4);
  const long = `${LIST}?labelSelector=a%3D${'b'.repeat(63)}${',c'.repeat(5_000)}`;
  await as(jane, 'GET', long);
  await as(jane, 'GET', long);
  assert.equal(asked.length, 6, 'what is long is not kept');
  const uncached = await start(file(webhook('hook', { cacheAuthorizedRequests: false })), () => ({ allowed: true }));
  await uncached.as(jane, 'GET', LIST);
  await uncached.as(jane, 'GET', LIST);
  assert.equal(uncached.asked.length, 2);
});

test('conditions keep a webhook out; one that fails is as a webhook that fails', async () => {
  const conditions = (failurePolicy: string, ...expressions: string[]) =>
    webhook('hook', { failurePolicy, matchConditions: expressions.map((expression) => ({ expression })) });
  const allow = () => ({ allowed: true });
  const kubeSystem = 'has(request.resourceAttributes) && request.resourceAttributes.namespace == "kube-system"';
  const out = await start(file(conditions('Deny', kubeSystem), { type: 'Node', name: 'node' }), allow);
  assert.equal((await out.as(jane, 'GET', LIST)).status, 200);
  assert.equal((await out.as(jane, 'GET', '/healthz')).status, 404);
  assert.equal(out.asked.length, 0);
  assert.equal((await out.as(jane, 'GET', '/api/v1/namespaces/kube-system/configmaps')).status, 200);
  assert.equal(out.asked.length, 1);
  assert.match(out.metrics.text(), /match_condition_exclusions_total\{type="Webhook",name="hook"\} 2/);
  const failing = 'request.resourceAttributes.namespace == "ns"';
  const deny = await start(file(conditions('Deny', failing), { type: 'Node', name: 'node' }), allow);
  const refused = await deny.as(jane, 'GET', '/healthz');
  assert.equal(refused.status, 500);
  assert.match(
    refused.json.message,
    /^Internal Server Error: "\/healthz": cel evaluation error: expression '.*' resulted/,
  );
  const open = await start(file(conditions('NoOpinion', failing), { type: 'Node', name: 'node' }), allow);
  assert.equal((await open.as(jane, 'GET', '/healthz')).status, 404, 'the next one allows');
  const oneSaysNo = await start(file(conditions('Deny', failing, 'false'), { type: 'Node', name: 'node' }), allow);
  assert.equal((await oneSaysNo.as(jane, 'GET', '/healthz')).status, 404, 'an error counts only where none says no');
});

test('a webhook that fails: its policy decides, and who is not allowed otherwise is told of the fault', async () => {
  const down = () => 'time out' as const;
  const next = { type: 'Node', name: 'node' };
  const open = await start(file(webhook('hook'), next), down);
  assert.equal((await open.as(jane, 'GET', LIST)).status, 200);
  assert.match(open.metrics.text(), /fail_open_total\{name="hook",result="error"\} 1/);
  const closed = await start(file(webhook('hook', { failurePolicy: 'Deny' }), next), down);
  const answer = await closed.as(jane, 'GET', LIST);
  assert.equal(answer.status, 500);
  assert.match(answer.json.message, /Post "https:\/\/h\/hook": context deadline exceeded$/);
  const last = await start(file(webhook('hook'), { type: 'RBAC', name: 'rbac' }), () => 400);
  assert.equal((await last.as(jane, 'GET', LIST)).status, 500);
  const both = await start(file(webhook('hook')), () => ({ allowed: true, denied: true }));
  assert.equal((await both.as(jane, 'GET', LIST)).status, 500);
  let calls = 0;
  const retried = await start(file(webhook('hook')), () => (calls++ < 2 ? 500 : { allowed: true }));
  const waiting = retried.as(jane, 'GET', LIST);
  for (let i = 0; i < 5; i++) {
    await settled();
    retried.clock.advance(1_000);
  }
  assert.equal((await waiting).status, 200);
});

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test('several webhooks are asked in order until one has an opinion; masters ask nobody', async () => {
  const { as, asked } = await start(file(webhook('a'), { type: 'RBAC', name: 'rbac' }, webhook('b')), (_spec, hook) =>
    hook === 'a' ? { allowed: false, reason: 'no idea' } : { allowed: false, reason: 'nor I' },
  );
  const refused = await as(jane, 'GET', LIST);
  assert.deepEqual(
    asked.map(({ hook }) => hook),
    ['a', 'b'],
  );
  assert.match(refused.json.message, /in the namespace "ns": no idea\nEverything is forbidden\.\nnor I$/);
  assert.equal((await as({ username: 'x', groups: ['system:masters'] }, 'GET', LIST)).status, 200);
  assert.equal(asked.length, 2);
});

test('a changed file is taken over as a whole, a wrong one not at all', async () => {
  const { as, records, metrics, write } = await start(file({ type: 'RBAC', name: 'rbac' }), () => ({ allowed: true }));
  assert.equal((await as(jane, 'GET', LIST)).status, 403);
  write(file(webhook('hook', { timeout: '31s' }), { type: 'RBAC', name: 'rbac' }));
  await settled();
  write(file(webhook('hook')));
  await settled();
  assert.deepEqual(
    records.filter(({ level }) => level === 'error').map(({ fields }) => fields['error']),
    ['authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s', 'missing required types: [RBAC]'],
  );
  assert.equal((await as(jane, 'GET', LIST)).status, 403);
  write(file(webhook('hook'), { type: 'RBAC', name: 'rbac' }));
  await settled();
  assert.equal((await as(jane, 'GET', LIST)).status, 200);
  assert.match(metrics.text(), /automatic_reloads_total\{status="success"\} 1/);
});

test('rules of webhooks cannot be listed, and that is said', async () => {
  const { authorizer } = await start(file(webhook('hook')), () => ({ allowed: true }));
  assert.deepEqual(authorizer.rulesFor?.(jane, 'ns'), {
    ...{ resourceRules: [], nonResourceRules: [], incomplete: true },
    error: 'webhook authorizer does not support user rule resolution',
  });
});

const policy = (spec: object) =>
  JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec });
const POLICIES = [
  '# alice may do all, bob reads Pods, all who are known read what is public',
  policy({ user: 'alice', namespace: '*', resource: '*', apiGroup: '*' }),
  policy({ user: 'bob', namespace: 'projects', resource: 'pods', readonly: true }),
  policy({ group: '*', readonly: true, nonResourcePath: '/healthz*' }),
  policy({ user: 'carol', group: 'ops', namespace: '*', resource: 'nodes' }),
  '',
  '{"user": "dave"}',
].join('\n');

const abacRows: readonly [string, readonly string[], string, string, string, string, boolean][] = [
  ['alice', [], 'delete', 'secrets', 'ns', 'apps', true],
  ['bob', [], 'list', 'pods', 'projects', '', true],
  ['bob', [], 'create', 'pods', 'projects', '', false],
  ['bob', [], 'list', 'pods', 'other', '', false],
  ['bob', [], 'list', 'pods', 'projects', 'apps', false],
  ['carol', ['ops'], 'delete', 'nodes', '', '', true],
  ['carol', [], 'delete', 'nodes', '', '', false],
  ['erin', ['ops'], 'delete', 'nodes', '', '', false],
  ['dave', [], 'delete', 'anything', 'ns', 'x', true],
];

test('ABAC policies match users, groups, verbs and what they ask for', async () => {
  const abac = createAbacAuthorizer(parseAbacPolicies(POLICIES, 'policies'));
  const ctx = createTestCtx();
  const rest = { version: 'v1', subresource: '', name: '', path: '' };
  for (const [username, groups, verb, resource, namespace, group, expected] of abacRows) {
    const user = { username, groups: [...groups, 'system:authenticated'] };
    const asked = { user, verb, resource, namespace, group, isResource: true, ...rest };
    const { decision } = await abac.authorize(asked, ctx);
    assert.equal(decision, expected ? 'allow' : 'none', `${username} ${verb} ${resource}.${group} in ${namespace}`);
  }
  const path = async (username: string, groups: string[], verb: string, url: string) => {
    const none = { resource: '', namespace: '', group: '', isResource: false };
    return (await abac.authorize({ user: { username, groups }, verb, ...none, ...rest, path: url }, ctx)).decision;
  };
  assert.equal(await path('bob', ['system:authenticated'], 'get', '/healthz/ping'), 'allow');
  assert.equal(await path('bob', ['system:authenticated'], 'post', '/healthz'), 'none');
  assert.equal(await path('system:anonymous', ['system:unauthenticated'], 'get', '/healthz'), 'none');
  assert.equal(await path('dave', [], 'post', '/anything'), 'allow');
});

test('a policy file that cannot be read names the line', () => {
  assert.throws(() => parseAbacPolicies('\n{"user": 5}', 'p'), {
    message: 'error reading policy file p, line 2: {"user": 5}: user must be a string',
  });
  assert.throws(() => parseAbacPolicies('{"apiVersion": "v2", "kind": "Policy"}', 'p'), /line 1: .* is registered/);
  assert.throws(() => parseAbacPolicies('{', 'p'), /error reading policy file p, line 1: \{: /);
});
