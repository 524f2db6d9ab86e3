/** A real extender on a socket: what it is asked, and what becomes of its answers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { Extenders } from '../extender/extenders.ts';
import { aNode, aPod } from '../test-support.ts';
import { createExtenderTransport } from './extender-transport.ts';

const asked: { readonly path: string; readonly body: Record<string, unknown> }[] = [];
const answers: Record<string, unknown> = {};
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    asked.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()) });
    const answer = answers[request.url ?? ''];
    response.statusCode = answer === undefined ? 500 : 200;
    response.end(JSON.stringify(answer ?? {}));
  });
});
const stop = new AbortController();
const ctx = hostCtx(stop.signal, silentLogger);
const nodes = [aNode('n1'), aNode('n2'), aNode('n3')];
let urlPrefix = '';

before(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  urlPrefix = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ext/`;
});
after(() => {
  stop.abort();
  server.closeAllConnections();
  server.close();
});

const extenders = (config: object) => new Extenders([{ urlPrefix, ...config }], createExtenderTransport());

test('filters by names, and says why nodes were refused', async () => {
  answers['/ext/filter'] = {
    NodeNames: ['n2'],
    FailedNodes: { n1: 'too warm' },
    FailedAndUnresolvableNodes: { n3: 'too old' },
  };
  const answer = await extenders({ filterVerb: 'filter', nodeCacheCapable: true }).filter(aPod('p'), nodes, ctx);
  assert.deepEqual(asked.at(-1)?.body.NodeNames, ['n1', 'n2', 'n3']);
  assert.deepEqual(
    answer.nodes.map(({ metadata }) => metadata.name),
    ['n2'],
  );
  assert.deepEqual(answer.refusals.get('n1')?.reasons, ['too warm']);
  assert.equal(answer.refusals.get('n3')?.code, 'UnschedulableAndUnresolvable');
});

test('adds its scores by weight; one that fails gives none', async () => {
  answers['/ext/prioritize'] = [{ Host: 'n1', Score: 10 }];
  const scored = extenders({ prioritizeVerb: 'prioritize', weight: 2 });
  assert.deepEqual([...(await scored.prioritize(aPod('p'), nodes, ctx))], [['n1', 200]]);
  const failing = extenders({ prioritizeVerb: 'nothing', weight: 2 });
  assert.equal((await failing.prioritize(aPod('p'), nodes, ctx)).size, 0);
});

test('one that fails stops the Pod, unless it may be ignored', async () => {
  await assert.rejects(extenders({ filterVerb: 'broken' }).filter(aPod('p'), nodes, ctx), /code 500/);
  const answer = await extenders({ filterVerb: 'broken', ignorable: true }).filter(aPod('p'), nodes, ctx);
  assert.equal(answer.nodes.length, 3);
});

test('is not asked about Pods without its resources', async () => {
  const config = { filterVerb: 'broken', managedResources: [{ name: 'example.com/foo' }] };
  const before = asked.length;
  assert.equal((await extenders(config).filter(aPod('p'), nodes, ctx)).nodes.length, 3);
  assert.equal(asked.length, before);
  const pod = aPod('p', { requests: { 'example.com/foo': '1' } });
  await assert.rejects(extenders(config).filter(pod, nodes, ctx), /code 500/);
});

test('binds', async () => {
  answers['/ext/bind'] = { Error: '' };
  assert.equal(await extenders({ bindVerb: 'bind' }).bind(aPod('p'), 'n1', ctx), true);
  assert.deepEqual(asked.at(-1)?.body, { PodName: 'p', PodNamespace: 'default', PodUID: 'p', Node: 'n1' });
  answers['/ext/bind'] = { Error: 'no' };
  await assert.rejects(extenders({ bindVerb: 'bind' }).bind(aPod('p'), 'n1', ctx), /no/);
});
