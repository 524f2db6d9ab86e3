import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storagePrefix } from './storage-prefix.ts';

test('objects lie where upstream has them', () => {
  assert.equal(storagePrefix('', 'pods', true), '/registry/pods/');
  assert.equal(storagePrefix('apps', 'deployments', true), '/registry/deployments/');
  assert.equal(storagePrefix('', 'services', true), '/registry/services/specs/');
  assert.equal(storagePrefix('', 'nodes', true), '/registry/minions/');
  assert.equal(storagePrefix('networking.k8s.io', 'ingresses', true), '/registry/ingress/');
  assert.equal(
    storagePrefix('apiregistration.k8s.io', 'apiservices', true),
    '/registry/apiregistration.k8s.io/apiservices/',
  );
  assert.equal(storagePrefix('example.com', 'widgets', false), '/registry/example.com/widgets/');
});
