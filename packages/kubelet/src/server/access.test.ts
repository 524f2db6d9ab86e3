/** Who may speak to the node agent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticationV1, type KubeObject } from '@kapella/api';
import { type Ctx, silentLogger } from '@kapella/base';
import type { Client } from '@kapella/client';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createNodeAccess } from './access.ts';
import { attributesOf } from './attributes.ts';

test('each path has its right, old roles keep theirs', () => {
  const rightsOf = (method: string, path: string) => {
    const { verb, subresources } = attributesOf(method, path);
    return `${verb} ${subresources.join(' ')}`;
  };
  const table: Readonly<Record<string, string>> = {
    'GET /pods': 'get pods proxy',
    'GET /runningpods/': 'get pods proxy',
    'GET /healthz/syncloop': 'get healthz proxy',
    'GET /configz': 'get configz proxy',
    'GET /metrics/cadvisor': 'get metrics',
    'GET /metricsx': 'get proxy',
    'GET /stats/summary': 'get stats',
    'GET /logs/': 'get log',
    'POST /checkpoint/ns/pod/c': 'create checkpoint',
    'GET /containerLogs/ns/pod/c': 'get proxy',
    'POST /exec/ns/pod/c': 'create proxy',
  };
  for (const [request, wanted] of Object.entries(table)) {
    const [method = '', path = ''] = request.split(' ');
    assert.equal(rightsOf(method, path), wanted, request);
  }
});

function access(allowed: readonly string[]) {
  const calls: string[] = [];
  const clock = createVirtualClock(async () => {});
  const client = {
    async create(kind: unknown, object: { spec: { token?: string; resourceAttributes?: { subresource: string } } }) {
      if (kind === authenticationV1.TokenReview) {
        calls.push('token');
        const known = object.spec.token === 'good';
        const user = { username: 'prometheus', groups: ['monitoring'] };
        return { ...object, status: known ? { authenticated: true, user } : { authenticated: false } };
      }
      const { subresource } = object.spec.resourceAttributes ?? { subresource: '' };
      calls.push(subresource);
      return { ...object, status: { allowed: allowed.includes(subresource) } } as unknown as KubeObject;
    },
  } as unknown as Client;
  const ctx: Ctx = {
    signal: new AbortController().signal,
    log: silentLogger,
    clock,
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  const nodeAccess = createNodeAccess({ client, nodeName: 'node-1', digest: (token) => token });
  const check = (path: string, token?: string) =>
    nodeAccess.check({ method: 'GET', path, certificate: undefined, authorization: token && `Bearer ${token}` }, ctx);
  return { check, calls, clock, nodeAccess, ctx };
}

test('a token that the API server knows, with the right that it gives; answers are kept for a while', async () => {
  const { check, calls, clock } = access(['metrics']);
  assert.equal((await check('/metrics', 'good')).name, 'prometheus');
  await check('/metrics/cadvisor', 'good');
  assert.deepEqual(calls, ['token', 'metrics']);
  await clock.advance(121_000);
  await check('/metrics', 'good');
  assert.deepEqual(calls, ['token', 'metrics', 'token']);
  const forbidden = /Forbidden \(user=prometheus, verb=get, resource=nodes, subresource\(s\)=\[pods proxy\]\)/;
  await assert.rejects(check('/pods', 'good'), forbidden);
});

test('nobody without a name gets in; old roles with nodes/proxy read Pods', async () => {
  const { check, nodeAccess, ctx, calls } = access(['proxy']);
  await assert.rejects(check('/metrics'), /Unauthorized/);
  await assert.rejects(check('/metrics', 'bad'), /Unauthorized/);
  assert.equal((await check('/pods', 'good')).name, 'prometheus');
  calls.length = 0;
  const certificate = { name: 'kube-apiserver-kubelet-client', groups: ['system:masters'] };
  await nodeAccess.check({ method: 'POST', path: '/exec/a/b/c', certificate, authorization: undefined }, ctx);
  assert.deepEqual(calls, []);
});
