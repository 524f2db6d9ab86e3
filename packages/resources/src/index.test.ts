/** The table against upstream's discovery, and rules that hold for every row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResourceFacts, type ResourceFact } from '@kapella/api';
import type { ResourceDefinition } from '@kapella/apiserver';
import { resources } from './index.ts';

const facts = new Map(createResourceFacts().map((fact) => [`${fact.group}/${fact.version}/${fact.plural}`, fact]));
const keyOf = ({ id }: ResourceDefinition) => `${id.group}/${id.version}/${id.plural}`;
const DEFAULT_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

for (const definition of resources) {
  test(`${keyOf(definition)} agrees with discovery`, () => {
    const fact = facts.get(keyOf(definition));
    assert.ok(fact, 'not in discovery');
    assert.deepEqual(summaryOf(definition), {
      kind: fact.kind,
      singular: fact.singular,
      scope: fact.namespaced ? 'namespaced' : 'cluster',
      short: fact.shortNames,
      categories: fact.categories,
      verbs: fact.verbs,
      subresources: fact.subresources.map((sub) => sub.name).sort(),
    });
    assert.deepEqual(actionKinds(definition), factKinds(fact, definition));
  });
}

function summaryOf({ id, scope, names, verbs, subresources = {} }: ResourceDefinition): object {
  const { status, scale, parts, actions, connects } = subresources;
  const subs = [...keys(parts), ...keys(actions), ...keys(connects)];
  if (status !== undefined) subs.push('status');
  if (scale !== undefined) subs.push('scale');
  return {
    kind: id.kind,
    singular: id.singular,
    scope,
    short: names?.short ?? [],
    categories: names?.categories ?? [],
    verbs: verbs ?? DEFAULT_VERBS,
    subresources: subs.sort(),
  };
}

const keys = (object: object | undefined) => Object.keys(object ?? {});

function actionKinds({ subresources }: ResourceDefinition): object {
  const actions = Object.entries(subresources?.actions ?? {});
  return Object.fromEntries(actions.map(([name, { kind, verbs }]) => [name, { ...kind, verbs: [...verbs] }]));
}

function factKinds(fact: ResourceFact, definition: ResourceDefinition): object {
  const named = keys(definition.subresources?.actions);
  return Object.fromEntries(
    fact.subresources
      .filter((sub) => named.includes(sub.name))
      .map(({ name, group, version, kind, verbs }) => [name, { group, version, kind, verbs: [...verbs] }]),
  );
}

test('every resource of discovery is in the table once', () => {
  const rows = resources.map(keyOf);
  assert.equal(new Set(rows).size, rows.length, 'a row is there twice');
  assert.deepEqual([...facts.keys()].filter((key) => !rows.includes(key)).sort(), []);
});

for (const definition of resources.filter((row) => row.columns.length > 0)) {
  test(`${keyOf(definition)} prints and defaults an almost empty object, twice the same`, () => {
    const object = {
      kind: definition.id.kind,
      apiVersion: 'v1',
      metadata: {
        name: 'x',
        namespace: 'n',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      spec: { template: { spec: { containers: [] } }, jobTemplate: {} },
    };
    const withDefaults = definition.withDefaults ?? ((same) => same);
    const once = withDefaults(object);
    assert.deepEqual(withDefaults(once), once);
    for (const column of definition.columns) {
      const cell = column.value(once, Date.parse('2026-01-01T00:05:00Z'));
      assert.ok(cell !== undefined && cell !== 'undefined', `${column.name} is ${cell}`);
    }
  });
}
