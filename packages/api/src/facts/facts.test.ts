/** Spot checks of the table: one of each kind of fact, against what upstream documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtInKinds } from '../gen/kinds.gen.ts';
import { createResourceFacts, createTypeFacts } from './index.ts';

const facts = createTypeFacts();

test('a field says what the wire needs', () => {
  const ports = facts.field('core/v1.ServiceSpec', 'ports');
  assert.equal(ports?.type, 'core/v1.ServicePort');
  assert.equal(ports?.shape, 'list');
  assert.deepEqual(ports?.listMapKeys, ['port', 'protocol']);
  assert.equal(ports?.patchMergeKey, 'port');
  assert.deepEqual(facts.field('core/v1.PodSpec', 'volumes')?.patchStrategy, ['merge', 'retainKeys']);
  assert.equal(facts.field('core/v1.ContainerPort', 'protocol')?.default, 'TCP');
  assert.deepEqual(facts.field('core/v1.Volume', 'emptyDir')?.protoPath, [2]);
  assert.deepEqual(facts.field('core/v1.PodSpec', 'restartPolicy')?.enum, ['Always', 'Never', 'OnFailure']);
  assert.equal(facts.type('meta/v1.LabelSelector')?.atomic, true);
});

test('pointers and always written fields are told apart', () => {
  assert.equal(facts.field('apps/v1.DeploymentSpec', 'replicas')?.pointer, true);
  assert.equal(facts.field('core/v1.Container', 'resources')?.emit, true);
  assert.equal(facts.field('core/v1.PodSpec', 'hostNetwork')?.pointer, false);
  assert.equal(facts.field('core/v1.PodSpec', 'hostNetwork')?.emit, false);
});

test('every field refers to a type that exists', () => {
  for (const id of facts.ids()) {
    for (const field of facts.type(id)?.fields ?? []) {
      if (field.type.includes('.')) assert.ok(facts.type(field.type), `${id}.${field.name}: ${field.type}`);
    }
  }
});

test('every kind has a type, by kind and by definition name', () => {
  for (const kind of builtInKinds) {
    const id = facts.typeIdOf(kind) ?? '';
    assert.ok(facts.type(id), kind.kind);
    assert.deepEqual(facts.kindOf(id), { group: kind.group, version: kind.version, kind: kind.kind });
    assert.equal(facts.typeIdOfDefinition(facts.type(id)?.definition ?? ''), id);
  }
});

test('unknown names answer undefined, not a property of Object.prototype', () => {
  assert.equal(facts.type('constructor'), undefined);
  assert.equal(facts.field('core/v1.Pod', '__proto__'), undefined);
  assert.equal(facts.field('core/v1.Pod', 'toString'), undefined);
  assert.equal(facts.typeIdOf({ group: 'example.com', version: 'v1', kind: 'Pod' }), undefined);
  assert.equal(facts.typeIdOf({ group: '', version: 'v1', kind: 'Deployment' }), undefined);
});

test('kinds of meta/v1 are found where upstream registers them', () => {
  assert.equal(facts.typeIdOf({ group: '', version: 'v1', kind: 'Status' }), 'meta/v1.Status');
  assert.equal(facts.typeIdOf({ group: 'apps', version: 'v1', kind: 'DeleteOptions' }), 'meta/v1.DeleteOptions');
  assert.equal(facts.typeIdOf({ group: 'meta.k8s.io', version: 'v1', kind: 'Table' }), 'meta/v1.Table');
});

test('resources carry names, verbs and subresources', () => {
  const resources = createResourceFacts();
  const pods = resources.find((r) => r.group === '' && r.plural === 'pods');
  assert.deepEqual(pods?.shortNames, ['po']);
  assert.deepEqual(pods?.categories, ['all']);
  assert.ok(pods?.verbs.includes('deletecollection'));
  const eviction = pods?.subresources.find((s) => s.name === 'eviction');
  assert.deepEqual([eviction?.group, eviction?.version, eviction?.kind], ['policy', 'v1', 'Eviction']);
  const scale = resources.find((r) => r.plural === 'deployments')?.subresources.find((s) => s.name === 'scale');
  assert.deepEqual([scale?.group, scale?.version, scale?.kind], ['autoscaling', 'v1', 'Scale']);
});
