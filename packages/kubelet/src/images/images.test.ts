/** Image references and the credentials that fit them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Secret } from '@kapella/api/types/core-v1';
import { parseImageName, withDefaultTag } from './image-name.ts';
import { credentialsFor } from './keyring.ts';

test('references are normalized, broken ones refused', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.2', 'docker.io/library/nginx 1.2'],
    ['user/app', 'docker.io/user/app'],
    ['host:5000/a/b:t', 'host:5000/a/b t'],
    ['localhost/x', 'localhost/x'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause 3.10'],
    ['[::1]:5000/x', '[::1]:5000/x'],
    [`nginx@${digest}`, `docker.io/library/nginx  ${digest}`],
    [`nginx:1@${digest}`, `docker.io/library/nginx 1 ${digest}`],
    ['Nginx', undefined],
    ['bad image', undefined],
    ['a:b:c', undefined],
    ['nginx@sha256:zz', undefined],
    ['', undefined],
    ['x/', undefined],
    ['nginx:', undefined],
  ];
  for (const [image, expected] of rows) {
    const parsed = parseImageName(image);
    const text = parsed && `${parsed.repository} ${parsed.tag} ${parsed.digest}`.trimEnd();
    assert.equal(text, expected, image);
  }
  assert.equal(withDefaultTag('nginx'), 'nginx:latest');
  assert.equal(withDefaultTag('host:5000/nginx'), 'host:5000/nginx:latest');
  assert.equal(withDefaultTag('nginx:1'), 'nginx:1');
  assert.equal(withDefaultTag(`nginx@${digest}`), `nginx@${digest}`);
});

test('no text makes the parser throw or wait', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseImageName(text)));
  assert.equal(parseImageName(`${'a-'.repeat(200_000)}!`), undefined);
});

const secret = (type: string, key: string, value: unknown): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', uid: 's', resourceVersion: '1', creationTimestamp: '' },
  type,
  data: { [key]: btoa(JSON.stringify(value)) },
});
const config = (auths: object) => secret('kubernetes.io/dockerconfigjson', '.dockerconfigjson', { auths });
const users = (repository: string, ...secrets: Secret[]) =>
  credentialsFor(repository, secrets).map(({ username }) => username);

test('credentials: by host, glob, port and path; the narrowest first', () => {
  const auths = config({
    'https://index.docker.io/v1/': { auth: btoa('hub:pw') },
    'reg.example.com': { username: 'wide', password: 'p' },
    'reg.example.com/team': { username: 'team', password: 'p' },
    '*.corp.example': { username: 'glob', password: 'p' },
    'local:5000': { username: 'port', password: 'p' },
  });
  assert.deepEqual(users('docker.io/library/nginx', auths), ['hub']);
  assert.deepEqual(users('reg.example.com/team/app', auths), ['team', 'wide']);
  assert.deepEqual(users('reg.example.com/other', auths), ['wide']);
  assert.deepEqual(users('a.corp.example/x', auths), ['glob']);
  assert.deepEqual(users('a.b.corp.example/x', auths), []);
  assert.deepEqual(users('local:5000/x', auths), ['port']);
  assert.deepEqual(users('local/x', auths), []);
  assert.deepEqual(users('x.io/a', secret('kubernetes.io/dockercfg', '.dockercfg', { 'x.io': { username: 'old' } })), [
    'old',
  ]);
  const broken: Secret = { ...auths, data: { '.dockerconfigjson': btoa('{') } };
  assert.deepEqual(users('reg.example.com/other', broken, auths), ['wide']);
});
