/** The audit policy, the backends on a clock that the test moves, and the two forms of an event. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createVirtualClock, silentLogger } from '@kapella/base';
import { parseRequestInfo } from '../http/request-info.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import type { OutboundRequest } from '../outbound/http-caller.ts';
import { createTestRandom } from '../test-support.ts';
import { type AuditBackend, buffered, createWebhookBackend, truncating } from './backend.ts';
import { withoutManagedFields } from './body.ts';
import { type AuditEvent, auditLine } from './event.ts';
import { parseAuditPolicy, policyEvaluator } from './policy.ts';

const HEAD = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n';
const who = (username: string, ...groups: string[]) => ({ username, groups });
const request = (method: string, path: string, query = '') =>
  parseRequestInfo(method, path, new URLSearchParams(query));

describe('the policy', () => {
  test('the first rule that matches decides', () => {
    const evaluate = policyEvaluator(
      parseAuditPolicy(`${HEAD}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: [system:kube-proxy]
  verbs: [watch]
  resources: [{group: "", resources: [endpoints, services]}]
- level: None
  nonResourceURLs: ["/healthz*", /version]
- level: Metadata
  resources: [{group: "", resources: [secrets, "pods/*", "*/status"]}]
- level: Request
  userGroups: [ops]
  namespaces: [prod]
  omitManagedFields: false
  omitStages: [ResponseStarted]
- level: RequestResponse
  resources: [{group: apps, resources: [deployments], resourceNames: [web]}]
- level: Metadata
  resources: [{group: "*"}]
`),
    );
    const level = (user: ReturnType<typeof who>, info: ReturnType<typeof request>) => evaluate(user, info).level;
    assert.equal(level(who('system:kube-proxy'), request('GET', '/api/v1/services', 'watch=1')), 'None');
    assert.equal(level(who('system:kube-proxy'), request('GET', '/api/v1/services')), 'Metadata');
    assert.equal(level(who('x'), request('GET', '/healthz/etcd')), 'None');
    assert.equal(level(who('x'), request('GET', '/metrics')), 'None');
    assert.equal(level(who('x'), request('GET', '/api/v1/namespaces/d/secrets/s')), 'Metadata');
    assert.equal(level(who('x', 'ops'), request('POST', '/api/v1/namespaces/prod/pods/p/exec')), 'Metadata');
    const ops = evaluate(who('x', 'ops'), request('POST', '/apis/batch/v1/namespaces/prod/jobs'));
    assert.deepEqual(
      [ops.level, ops.omitManagedFields, [...ops.omitStages]],
      ['Request', false, ['RequestReceived', 'ResponseStarted']],
    );
    assert.equal(level(who('x'), request('GET', '/apis/apps/v1/namespaces/d/deployments/web')), 'RequestResponse');
    assert.equal(level(who('x'), request('GET', '/apis/apps/v1/namespaces/d/deployments/other')), 'Metadata');
    assert.equal(evaluate(undefined, request('GET', '/api/v1/pods')).level, 'Metadata');
  });

  test('what is wrong is told, all of it', () => {
    assert.throws(
      () => parseAuditPolicy('kind: Policy\napiVersion: audit.k8s.io/v1beta1\nrules: [{level: None}]'),
      /v1beta1/,
    );
    assert.throws(() => parseAuditPolicy(`${HEAD}rules: []`), /0 rules/);
    const wrong = `${HEAD}
omitStages: [Later]
rules:
- level: Everything
- users: [a]
- level: None
  nonResourceURLs: [metrics, "/a*b"]
  namespaces: [x]
- level: None
  resources: [{group: apps/v1, resourceNames: [x]}]
`;
    assert.throws(
      () => parseAuditPolicy(wrong),
      ({ message }: Error) =>
        [
          'rules[0].level: Unsupported value: "Everything"',
          'rules[1].level: Required value',
          "must begin with a '/' character",
          "wildcards '*' must be the final character",
          'rules cannot apply to both regular resources and non-resource URLs',
          'Invalid value: "apps/v1"',
          'using resourceNames requires at least one resource',
          'omitStages[0]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
        ].every((part) => message.includes(part)),
    );
  });
});

const event = (auditID: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Request', auditID, stage: 'ResponseComplete' },
  ...{ requestURI: '/api/v1/namespaces/d/pods', verb: 'create', user: { username: 'jane', groups: ['a', 'b'] } },
  ...{ sourceIPs: ['192.0.2.1'], userAgent: 'kubectl', objectRef: { resource: 'pods', namespace: 'd' } },
  ...{ responseStatus: { metadata: {}, code: 201 }, requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z' },
  stageTimestamp: '2026-01-01T00:00:00.100000Z',
  ...more,
});

test('the legacy form is upstream word for word', () => {
  assert.equal(
    auditLine(event('id-1'), 'legacy'),
    '2026-01-01T00:00:00.000000Z AUDIT: id="id-1" stage="ResponseComplete" ip="192.0.2.1" method="create" user="jane" ' +
      'groups="\\"a\\",\\"b\\"" as="<self>" asgroups="<lookup>" user-agent="kubectl" namespace="d" ' +
      'uri="/api/v1/namespaces/d/pods" response="201"\n',
  );
  assert.equal(auditLine(event('id-1'), 'json'), `${JSON.stringify(event('id-1'))}\n`);
});

function backendHarness() {
  const clock = createVirtualClock();
  const metrics = createMetricsRegistry();
  const ctx = { signal: new AbortController().signal, log: silentLogger, clock, random: createTestRandom() };
  const batches: string[][] = [];
  const inner: AuditBackend = {
    name: 'inner',
    process: async (events) => {
      batches.push(events.map(({ auditID }) => auditID));
      return true;
    },
    close: async () => {},
  };
  const lostBy = (plugin: string) =>
    Number(new RegExp(`apiserver_audit_error_total\\{plugin="${plugin}"\\} (\\d+)`).exec(metrics.text())?.[1] ?? 0);
  return { clock, deps: { metrics, ctx }, batches, inner, lostBy };
}

describe('batching', () => {
  test('a batch goes when it is full or has waited; what is too much is lost and counted', async () => {
    const { clock, deps, batches, inner, lostBy } = backendHarness();
    const options = { bufferMax: 5, batchMax: 3, waitMsMax: 1_000, throttle: undefined, isConcurrent: false };
    const backend = buffered(inner, options, deps);
    for (const id of ['1', '2', '3', '4']) backend.process([event(id)]);
    await clock.advance(0);
    assert.deepEqual(batches, [['1', '2', '3']]);
    await clock.advance(1_000);
    assert.deepEqual(batches, [['1', '2', '3'], ['4']]);
    backend.process(['5', '6', '7', '8', '9', '10'].map((id) => event(id)));
    assert.equal(lostBy('buffered'), 6);
    backend.process([event('11')]);
    await backend.close();
    assert.deepEqual(batches.at(-1), ['11']);
    backend.process([event('12')]);
    assert.equal(lostBy('buffered'), 7);
  });

  test('batches go no faster than the throttle lets them', async () => {
    const { clock, deps, batches, inner } = backendHarness();
    const options = { bufferMax: 100, batchMax: 1, waitMsMax: 10, throttle: { qps: 2, burst: 1 }, isConcurrent: true };
    const backend = buffered(inner, options, deps);
    for (let i = 0; i < 4; i++) backend.process([event(String(i))]);
    await clock.advance(0);
    assert.equal(batches.length, 1);
    await clock.advance(500);
    assert.equal(batches.length, 2);
    await clock.advance(1_000);
    assert.equal(batches.length, 4);
  });
});

test('what is too large loses its objects, says so, and batches are split', async () => {
  const { deps, batches, inner, lostBy } = backendHarness();
  const seen: AuditEvent[] = [];
  const noting = {
    ...inner,
    process: (events: readonly AuditEvent[]) => {
      seen.push(...events);
      return inner.process(events);
    },
  };
  const backend = truncating(noting, { eventBytesMax: 1_000, batchBytesMax: 900 }, deps);
  await backend.process([
    event('small'),
    event('large', { requestObject: { data: 'x'.repeat(2_000) } }),
    event('hopeless', { requestURI: `/${'x'.repeat(2_000)}` }),
  ]);
  assert.deepEqual(batches, [['small'], ['large']]);
  assert.equal(seen[1]?.requestObject, undefined);
  assert.equal(seen[1]?.annotations?.['audit.k8s.io/truncated'], 'true');
  assert.equal(lostBy('truncate'), 1);
});

test('the webhook is asked again with growing waits, five times in all', async () => {
  const { clock, deps, lostBy } = backendHarness();
  const calls: OutboundRequest[] = [];
  let failures = 2;
  const target = { url: 'https://audit.example/sink', tls: {}, headers: () => ({ authorization: 'Bearer t' }) };
  const caller = async (given: OutboundRequest) => {
    calls.push(given);
    if (failures-- > 0) throw new Error('connection refused');
    return { status: 200, headers: {}, body: new Uint8Array(0) };
  };
  const backend = createWebhookBackend({ target, caller, initialBackoffMs: 10_000 }, deps);
  const first = backend.process([event('1'), event('2')]);
  await clock.advance(60_000);
  assert.equal(await first, true);
  assert.equal(calls.length, 3);
  const list = JSON.parse(new TextDecoder().decode(calls[0]?.body));
  assert.deepEqual([list.kind, list.apiVersion, list.items.length], ['EventList', 'audit.k8s.io/v1', 2]);
  assert.equal(calls[0]?.headers['authorization'], 'Bearer t');
  failures = 99;
  const second = backend.process([event('3')]);
  await clock.advance(600_000);
  assert.equal(await second, false);
  assert.equal(calls.length, 8);
  assert.equal(lostBy('webhook'), 1);
});

test('managed fields go from objects, lists and tables', () => {
  const metadata = { name: 'a', managedFields: [{ manager: 'x' }] };
  assert.deepEqual(withoutManagedFields({ metadata, spec: {} }), { metadata: { name: 'a' }, spec: {} });
  assert.deepEqual(withoutManagedFields({ metadata: {}, items: [{ metadata }] }), {
    metadata: {},
    items: [{ metadata: { name: 'a' } }],
  });
  assert.deepEqual(withoutManagedFields({ rows: [{ cells: [1], object: { metadata } }] }), {
    rows: [{ cells: [1], object: { metadata: { name: 'a' } } }],
  });
});
