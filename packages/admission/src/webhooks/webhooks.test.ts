/** Webhooks through the API, with the calls answered in memory: who is asked what, and what becomes of the answers. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { HttpCaller } from '@kapella/apiserver';
import { mutatingAdmissionWebhook } from '../plugins/mutating-admission-webhook/mutating-admission-webhook.plugin.ts';
import { validatingAdmissionWebhook } from '../plugins/validating-admission-webhook/validating-admission-webhook.plugin.ts';
import { type Json, startTestApi, type TestApi } from '../testing/node/test-api.ts';

type Hook = (request: Json) => Json;

const GROUP = 'admissionregistration.k8s.io';
const MAPS = '/api/v1/namespaces/default/configmaps';
const encoder = new TextEncoder();
const decoder = new TextDecoder();
let api: TestApi | undefined;

afterEach(() => api?.[Symbol.dispose]());

/** `hooks`: by path of the webhook's URL. Returns what they were asked. */
async function start(hooks: Record<string, Hook>) {
  const asked: Json[] = [];
  const caller: HttpCaller = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const review = JSON.parse(decoder.decode(request.body));
    asked.push({ path: pathname, timeout: searchParams.get('timeout'), ...review.request });
    const answer = hooks[pathname]?.(review.request);
    if (answer === undefined) throw new Error('connect: connection refused');
    const response = { uid: review.request.uid, allowed: true, ...answer };
    const body = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response };
    return { status: 200, headers: {}, body: encoder.encode(JSON.stringify(body)) };
  };
  api = await startTestApi([mutatingAdmissionWebhook, validatingAdmissionWebhook], new Map([['httpCaller', caller]]));
  asked.length = 0;
  return asked;
}

const ask: TestApi['ask'] = (...args) => (api as TestApi).ask(...args);

const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

async function configure(type: 'Mutating' | 'Validating', name: string, hooks: readonly object[]): Promise<void> {
  const webhooks = hooks.map((hook, i) => ({
    name: `h${i}.${name}.example.com`,
    clientConfig: { url: `https://hooks.example.com/${name}` },
    rules: [rule],
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Fail',
    ...hook,
  }));
  const path = `/apis/${GROUP}/v1/${type.toLowerCase()}webhookconfigurations`;
  assert.equal((await ask('POST', path, { metadata: { name }, webhooks })).status, 201);
}

const patch = (...operations: object[]) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const create = (name: string, more: object = {}) =>
  ask('POST', MAPS, { metadata: { name, ...more }, data: { a: '1' } });

describe('mutating', () => {
  test('the patch is applied, and the next webhook sees the result', async () => {
    const asked = await start({
      '/one': () => patch({ op: 'add', path: '/data/one', value: 'x' }),
      '/two': ({ object }) => patch({ op: 'add', path: '/data/two', value: object.data.one }),
    });
    await configure('Mutating', 'two', [{}]);
    await configure('Mutating', 'one', [{}]);
    const { json } = await create('m');
    assert.deepEqual(json.data, { a: '1', one: 'x', two: 'x' });
    const [first] = asked;
    assert.deepEqual(
      [first.operation, first.namespace, first.name, first.resource, first.kind, first.dryRun, first.timeout],
      [
        'CREATE',
        'default',
        'm',
        { group: '', version: 'v1', resource: 'configmaps' },
        { group: '', version: 'v1', kind: 'ConfigMap' },
        false,
        '10s',
      ],
    );
    assert.equal(first.options.kind, 'CreateOptions');
  });

  test('one that wants it is asked again when others changed the object after it', async () => {
    const seen: Json[] = [];
    await start({
      '/first': ({ object }) => {
        seen.push(object.data);
        return {};
      },
      '/second': () => patch({ op: 'add', path: '/data/late', value: 'y' }),
    });
    await configure('Mutating', 'first', [{ reinvocationPolicy: 'IfNeeded' }]);
    await configure('Mutating', 'second', [{}]);
    await create('m');
    assert.deepEqual(seen, [{ a: '1' }, { a: '1', late: 'y' }]);
  });

  test('a failure is told or ignored, as its policy says', async () => {
    await start({});
    await configure('Mutating', 'gone', [{ failurePolicy: 'Ignore' }]);
    assert.equal((await create('a')).status, 201);
    await configure('Mutating', 'gone2', [{}]);
    const { status, json } = await create('b');
    assert.equal(status, 500);
    assert.equal(
      json.message,
      'Internal error occurred: failed calling webhook "h0.gone2.example.com": failed to call webhook: ' +
        'Post "https://hooks.example.com/gone2?timeout=10s": connect: connection refused',
    );
  });
});

describe('validating', () => {
  test('a refusal is worded as upstream words it, warnings reach the client', async () => {
    await start({
      '/no': () => ({
        allowed: false,
        status: { message: 'not today', code: 403, reason: 'Forbidden' },
        warnings: ['w'],
      }),
    });
    await configure('Validating', 'no', [{}]);
    const { status, json, warning } = await create('m');
    assert.deepEqual([status, json.reason], [403, 'Forbidden']);
    assert.equal(json.message, 'admission webhook "h0.no.example.com" denied the request: not today');
    assert.deepEqual(warning, ['299 - "w"']);
    assert.equal((await ask('GET', `${MAPS}/m`)).status, 404);
  });

  test('without a word, the refusal is a 400', async () => {
    await start({ '/no': () => ({ allowed: false }) });
    await configure('Validating', 'no', [{}]);
    const { status, json } = await create('m');
    assert.equal(status, 400);
    assert.equal(json.message, 'admission webhook "h0.no.example.com" denied the request without explanation');
  });

  test('updates and deletes show the old object', async () => {
    const asked = await start({ '/v': () => ({}) });
    await configure('Validating', 'v', [{}]);
    await create('m');
    await ask('PUT', `${MAPS}/m`, { metadata: { name: 'm' }, data: { a: '2' } });
    await ask('DELETE', `${MAPS}/m`);
    assert.deepEqual(
      asked.map(({ operation, object, oldObject }) => [operation, object?.data, oldObject?.data]),
      [
        ['CREATE', { a: '1' }, undefined],
        ['UPDATE', { a: '2' }, { a: '1' }],
        ['DELETE', undefined, { a: '2' }],
      ],
    );
  });

  test('only what rules and selectors name is asked about', async () => {
    const asked = await start({ '/v': () => ({}) });
    await configure('Validating', 'v', [
      { rules: [{ ...rule, operations: ['DELETE'] }] },
      { rules: [{ ...rule, resources: ['pods'] }] },
      { rules: [{ ...rule, scope: 'Cluster' }] },
      { namespaceSelector: { matchLabels: { team: 'b' } } },
      { objectSelector: { matchLabels: { app: 'x' } } },
      {
        namespaceSelector: { matchLabels: { team: 'a' } },
        objectSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      },
    ]);
    await create('plain');
    assert.equal(asked.length, 0);
    await create('labelled', { labels: { app: 'y' } });
    assert.equal(asked.length, 1);
  });

  test('match conditions narrow what is asked about; one that fails is a failure', async () => {
    const asked = await start({ '/v': () => ({}) });
    const condition = (expression: string) => ({ matchConditions: [{ name: 'only', expression }] });
    await configure('Validating', 'v', [condition('request.operation == "CREATE" && object.metadata.name != "m"')]);
    await create('m');
    await create('n');
    assert.deepEqual(
      asked.map(({ name }) => name),
      ['n'],
    );
    await configure('Validating', 'w', [condition('object.data.missing == "x"')]);
    const { status, json } = await create('o');
    assert.equal(status, 500);
    assert.match(json.message, /match conditions of webhook "h0.w.example.com": only: no such key: missing/);
  });

  test('a dry run asks only those without side effects', async () => {
    await start({ '/v': () => ({}) });
    await configure('Validating', 'v', [{ sideEffects: 'Some' }]);
    const { status, json } = await ask('POST', `${MAPS}?dryRun=All`, { metadata: { name: 'm' } });
    assert.equal(status, 400);
    assert.equal(json.message, 'admission webhook "h0.v.example.com" does not support dry run');
  });

  test('a stream is asked about with its options, as an object of their kind; logs are not', async () => {
    const asked = await start({ '/v': ({ object }) => ({ allowed: object.container !== 'secret' }) });
    const attach = { operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/attach'] };
    const logs = { ...attach, resources: ['pods/log'] };
    await configure('Validating', 'v', [{ rules: [attach, logs] }]);
    await ask('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' } });
    asked.length = 0;
    const pod = '/api/v1/namespaces/default/pods/p';
    await (api as TestApi).connect(`${pod}/attach?container=main&stdin=true`);
    await (api as TestApi).connect(`${pod}/log`).catch(() => {});
    await assert.rejects((api as TestApi).connect(`${pod}/attach?container=secret`), /denied the request/);
    const [first] = asked;
    assert.equal(asked.length, 2);
    assert.deepEqual(
      [first.operation, first.name, first.namespace, first.resource, first.subResource, first.kind, first.options],
      [
        'CONNECT',
        'p',
        'default',
        { group: '', version: 'v1', resource: 'pods' },
        'attach',
        { group: '', version: 'v1', kind: 'PodAttachOptions' },
        null,
      ],
    );
    assert.deepEqual(first.object, { apiVersion: 'v1', kind: 'PodAttachOptions', container: 'main' });
  });

  test('configurations of webhooks are never held up', async () => {
    const asked = await start({ '/v': () => ({ allowed: false }) });
    const all = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
    await configure('Validating', 'v', [{ rules: [all] }]);
    const path = `/apis/${GROUP}/v1/validatingwebhookconfigurations/v`;
    assert.equal((await ask('DELETE', path)).status, 200);
    assert.equal(asked.length, 0);
  });
});
