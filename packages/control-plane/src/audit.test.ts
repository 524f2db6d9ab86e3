/** What is recorded of real requests, through the whole API server in memory. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AuditEvent, type AuditFile, parseAuditPolicy } from '@kapella/apiserver';
import type { AuditMode } from './audit.ts';
import { eventually, startTestApi } from './testing/node/test-api.ts';

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'], uid: 'u-1' };
const nobody = { username: 'nobody', groups: ['system:authenticated'] };
const ALL = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n';

async function auditedApi(rules: string, mode: AuditMode = 'blocking', fails = () => false) {
  const events: AuditEvent[] = [];
  const file: AuditFile = {
    async write(text) {
      if (fails()) throw new Error('no space left on device');
      for (const line of text.trimEnd().split('\n')) events.push(JSON.parse(line));
    },
    close: async () => {},
  };
  const batch = { bufferMax: 100, batchMax: 10, waitMsMax: 1, throttle: undefined, isConcurrent: false };
  const log = { mode, file, format: 'json' as const, batch, truncate: undefined };
  const api = await startTestApi({ audit: { policy: parseAuditPolicy(ALL + rules), log } });
  return { api, events, of: (id: string) => events.filter(({ auditID }) => auditID === id) };
}

describe('auditing', () => {
  test('a write at level RequestResponse tells who, what, what came of it, and by which right', async (t) => {
    const { api, of } = await auditedApi('- {level: RequestResponse, omitManagedFields: true}');
    t.after(() => api.close());
    const body = { metadata: { name: 'c' }, data: { a: 'b' } };
    const path = '/api/v1/namespaces/default/configmaps';
    const headers = { 'audit-id': 'w1', 'user-agent': 'kubectl/v1', 'x-forwarded-for': '203.0.113.9, junk' };
    const answer = await api.request(admin, 'POST', `${path}?fieldManager=me`, body, headers);
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['audit-id'], 'w1');
    const [received, complete, ...more] = of('w1');
    assert.equal(more.length, 0);
    assert.deepEqual([received?.stage, complete?.stage], ['RequestReceived', 'ResponseComplete']);
    assert.equal(received?.requestReceivedTimestamp, received?.stageTimestamp);
    assert.equal(received?.responseStatus, undefined);
    assert.deepEqual(Object.keys(complete ?? {}), [
      ...['kind', 'apiVersion', 'level', 'auditID', 'stage', 'requestURI', 'verb', 'user', 'sourceIPs', 'userAgent'],
      ...['objectRef', 'responseStatus', 'requestObject', 'responseObject', 'requestReceivedTimestamp'],
      ...['stageTimestamp', 'annotations'],
    ]);
    assert.equal(complete?.requestURI, `${path}?fieldManager=me`);
    assert.deepEqual(complete?.user, { username: 'admin', uid: 'u-1', groups: admin.groups });
    assert.deepEqual(complete?.sourceIPs, ['203.0.113.9', '127.0.0.1']);
    assert.deepEqual(complete?.objectRef, {
      ...{ resource: 'configmaps', namespace: 'default', name: 'c', apiVersion: 'v1' },
    });
    assert.deepEqual(complete?.responseStatus, { metadata: {}, code: 201 });
    assert.deepEqual(complete?.requestObject, body);
    const stored = complete?.responseObject as { data: object; metadata: { managedFields?: object } };
    assert.deepEqual(stored.data, { a: 'b' });
    assert.equal(stored.metadata.managedFields, undefined);
    assert.equal(complete?.annotations?.['authorization.k8s.io/decision'], 'allow');
  });

  test('who is refused, or unknown, or acts as another is told', async (t) => {
    const { api, of, events } = await auditedApi('- {level: Metadata}');
    t.after(() => api.close());
    await api.request(nobody, 'GET', '/api/v1/secrets', undefined, { 'audit-id': 'r1' });
    const refused = of('r1').at(-1);
    assert.equal(refused?.annotations?.['authorization.k8s.io/decision'], 'forbid');
    assert.equal(refused?.responseStatus?.code, 403);
    assert.equal(refused?.responseStatus?.reason, 'Forbidden');
    assert.equal(refused?.responseObject, undefined);

    await api.request(admin, 'GET', '/api/v1/nodes', undefined, { 'audit-id': 'i1', 'impersonate-user': 'jane' });
    const acting = of('i1').at(-1);
    assert.equal(acting?.user.username, 'admin');
    assert.deepEqual(acting?.impersonatedUser, { username: 'jane', groups: ['system:authenticated'] });
    assert.equal(acting?.responseStatus?.code, 403);

    const headers = { authorization: 'Bearer wrong', 'audit-id': 'u1' };
    const unknown = await api.server.handle({ method: 'GET', path: '/api/v1/nodes', query: '', headers }, api.ctx);
    assert.equal(unknown.status, 401);
    const [only, ...rest] = of('u1');
    assert.equal(rest.length, 0);
    assert.equal(only?.stage, 'ResponseStarted');
    assert.deepEqual(only?.user, {});
    assert.deepEqual(only?.responseStatus, {
      ...{ metadata: {}, message: 'Authentication failed, attempted: bearer', code: 401 },
    });
    assert.ok(!JSON.stringify(events).includes('wrong'));
  });

  test('a watch has begun, and has ended', async (t) => {
    const { api, of } = await auditedApi('- {level: Metadata}');
    t.after(() => api.close());
    const stop = new AbortController();
    const headers = { 'audit-id': 'wa' };
    const watch = { method: 'GET', path: '/api/v1/nodes', query: 'watch=1', headers, user: admin };
    const response = await api.server.handle(watch, api.ctx);
    assert.ok(!(response.body instanceof Uint8Array));
    response.body.start({ write: () => true, close: () => {}, onDrain: () => {} }, stop.signal);
    assert.deepEqual(
      of('wa').map(({ stage }) => stage),
      ['RequestReceived', 'ResponseStarted'],
    );
    stop.abort();
    await eventually('the end is recorded', () => of('wa').length === 3);
    assert.equal(of('wa')[2]?.stage, 'ResponseComplete');
  });

  test('protobuf and patches are recorded as JSON; what no rule names is not recorded', async (t) => {
    const { api, of, events } = await auditedApi(
      '- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}]}',
    );
    t.after(() => api.close());
    await api.request(admin, 'POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'p' } });
    const patch = { 'content-type': 'application/merge-patch+json', accept: 'application/vnd.kubernetes.protobuf' };
    const path = '/api/v1/namespaces/default/configmaps/p';
    await api.request(admin, 'PATCH', path, { data: { x: 'y' } }, { ...patch, 'audit-id': 'p1' });
    const patched = of('p1').at(-1);
    assert.deepEqual(patched?.requestObject, { data: { x: 'y' } });
    const object = patched?.responseObject as { kind: string; data: object };
    assert.deepEqual([object.kind, object.data], ['ConfigMap', { x: 'y' }]);
    await api.request(admin, 'GET', '/api/v1/nodes', undefined, { 'audit-id': 'n1' });
    assert.equal(of('n1').length, 0);
    assert.ok(events.length > 0);
    const metrics = api.server.metrics.text();
    assert.match(metrics, /apiserver_audit_level_total\{level="RequestResponse"\} \d+/);
    assert.match(metrics, /apiserver_audit_level_total\{level="None"\} \d+/);
  });

  test('where recording is a must, a request that cannot be recorded is refused', async (t) => {
    let isFull = false;
    const { api } = await auditedApi('- {level: Metadata}', 'blocking-strict', () => isFull);
    t.after(() => api.close());
    assert.equal((await api.request(admin, 'GET', '/api/v1/nodes')).status, 200);
    isFull = true;
    const refused = await api.request(admin, 'POST', '/api/v1/namespaces', { metadata: { name: 'unseen' } });
    assert.equal(refused.status, 500);
    assert.match(refused.text, /failed to store audit event/);
    isFull = false;
    assert.equal((await api.request(admin, 'GET', '/api/v1/namespaces/unseen')).status, 404);
    assert.match(api.server.metrics.text(), /apiserver_audit_requests_rejected_total [1-9]\d*\n/);
  });

  test('batched events arrive, and none is left behind at the end', async (t) => {
    const { api, of } = await auditedApi('- {level: Metadata, omitStages: [RequestReceived]}', 'batch');
    t.after(() => api.close());
    await api.request(admin, 'GET', '/api/v1/nodes', undefined, { 'audit-id': 'b1' });
    await api.server.auditor?.close();
    assert.deepEqual(
      of('b1').map(({ stage }) => stage),
      ['ResponseComplete'],
    );
  });
});
