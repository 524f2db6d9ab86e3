import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeySpace, hasOrderedProgress, parseEndpoint } from './options.ts';

test('endpoints are URLs or host and port', () => {
  const of = (text: string) => {
    const { secure, address } = parseEndpoint(text);
    return `${secure ? 'TLS' : 'plain'} ${address}`;
  };
  assert.equal(of('https://etcd-0.example.com:2379'), 'TLS etcd-0.example.com:2379');
  assert.equal(of('http://10.0.0.1:2379/'), 'plain 10.0.0.1:2379');
  assert.equal(of('10.0.0.1'), 'plain 10.0.0.1:2379');
  assert.equal(of('https://[fd00::1]:2379'), 'TLS [fd00::1]:2379');
  for (const bad of ['', 'ftp://a:1', 'http://a:1/path', 'a b', 'fd00::1']) {
    assert.throws(() => parseEndpoint(bad), /is no URL such as https/, bad);
  }
});

test('keys lie under /registry, or under the prefix that takes its place', () => {
  const usual = createKeySpace();
  assert.deepEqual([usual.outer('/registry/pods/a/b'), usual.outer('')], ['/registry/pods/a/b', '/registry/']);
  assert.deepEqual(
    [usual.inner('/registry/pods/a/b'), usual.inner('compact_rev_key')],
    ['/registry/pods/a/b', undefined],
  );
  for (const prefix of ['tenants/one', '/tenants/one', '/tenants/one/']) {
    const own = createKeySpace(prefix);
    assert.deepEqual([own.outer('/registry/pods/a/b'), own.outer('')], ['/tenants/one/pods/a/b', '/tenants/one/']);
    assert.deepEqual(
      [own.inner('/tenants/one/pods/a/b'), own.inner('/tenants/two/x')],
      ['/registry/pods/a/b', undefined],
    );
  }
});

test('progress is in order with events from the versions that mended it', () => {
  const ordered = ['3.4.25', '3.4.40', '3.5.8', '3.6.0-rc.1', '3.7.1', '4.0.0'];
  const not = ['3.3.27', '3.4.23', '3.5.7'];
  assert.deepEqual(
    ordered.map(hasOrderedProgress),
    ordered.map(() => true),
  );
  assert.deepEqual(
    not.map(hasOrderedProgress),
    not.map(() => false),
  );
});
