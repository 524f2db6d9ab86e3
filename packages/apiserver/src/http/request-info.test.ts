/** What a path is about, by upstream's table of cases. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRequestInfo } from './request-info.ts';

const info = (method: string, url: string) => {
  const [path = '', query = ''] = url.split('?');
  return parseRequestInfo(method, path, new URLSearchParams(query));
};

const CASES: readonly [string, string, string][] = [
  ['GET', '/api/v1/namespaces', 'list |v1||namespaces||'],
  ['GET', '/api/v1/namespaces/other', 'get |v1|other|namespaces|other|'],
  ['GET', '/api/v1/namespaces/other/pods', 'list |v1|other|pods||'],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get |v1|other|pods|foo|'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get |v1|other|pods|foo|'],
  ['GET', '/api/v1/pods', 'list |v1||pods||'],
  ['PUT', '/api/v1/namespaces/x/finalize', 'update |v1|x|namespaces|x|finalize'],
  ['PATCH', '/api/v1/namespaces/x/status', 'patch |v1|x|namespaces|x|status'],
  ['GET', '/api/v1/namespaces/other/pods?watch=1', 'watch |v1|other|pods||'],
  ['GET', '/api/v1/pods?watch=false', 'list |v1||pods||'],
  ['GET', '/api/v1/watch/namespaces/other/pods/foo', 'watch |v1|other|pods|foo|'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo', 'list |v1||pods|foo|'],
  ['DELETE', '/apis/apps/v1/namespaces/n/deployments', 'deletecollection apps|v1|n|deployments||'],
  ['POST', '/apis/apps/v1/namespaces/n/deployments/d/scale', 'create apps|v1|n|deployments|d|scale'],
  [
    'GET',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/a%2Fb',
    'get rbac.authorization.k8s.io|v1||clusterroles|a/b|',
  ],
];

test('resources', () => {
  for (const [method, url, wanted] of CASES) {
    const { verb, group, version, namespace, resource, name, subresource, isResource } = info(method, url);
    assert.ok(isResource, url);
    assert.equal(`${verb} ${group}|${version}|${namespace}|${resource}|${name}|${subresource}`, wanted, url);
  }
});

test('what is behind a subresource stays as the client wrote it', () => {
  const base = '/api/v1/namespaces/n/pods/p:80/proxy';
  assert.equal(info('GET', base).rest, undefined);
  assert.equal(info('GET', `${base}/a%2Fb/c/`).rest, 'a%2Fb/c/');
});

test('other paths are no resources', () => {
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/healthz',
    '/api/v1/',
    '/metrics',
  ]) {
    const found = info('GET', path);
    assert.equal(found.isResource, false, path);
    assert.equal(found.verb, 'get');
  }
});

test('no path makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('GET', 'POST', 'TRACE'), (path, method) => {
      assert.ok(parseRequestInfo(method, `/${path}`, new URLSearchParams()).parts);
    }),
  );
});
