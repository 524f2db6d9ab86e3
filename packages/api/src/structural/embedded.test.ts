/** Resources within custom resources, and nulls that a schema does not allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import { checkStructuralSchema } from './check-schema.ts';
import { checkEmbedded, coerceEmbedded, hasEmbedded, type ReadMetadata } from './embedded.ts';
import { type JsonSchema, type PlainObject, pruneObject, withSchemaDefaults } from './index.ts';

const pod: JsonSchema = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  'x-kubernetes-preserve-unknown-fields': true,
  properties: { metadata: { type: 'object', properties: { name: { type: 'string', default: 'given' } } } },
};
const schema: JsonSchema = {
  type: 'object',
  properties: { one: pod, list: { type: 'array', items: pod }, map: { type: 'object', additionalProperties: pod } },
};

/** Knows a name and labels only. */
const read: ReadMetadata = (metadata) => {
  const { name, labels, ...rest } = metadata as PlainObject;
  if (name !== undefined && typeof name !== 'string') throw new Error('a name is text');
  const known = { ...(name === undefined ? {} : { name }), ...(labels === undefined ? {} : { labels }) };
  return { object: known, unknown: Object.keys(rest) };
};

const resource = (metadata: unknown) => ({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { any: 1 } });

test('metadata has what ObjectMeta has, wherever the resource stands', () => {
  assert.ok(hasEmbedded(schema));
  assert.ok(!hasEmbedded({ type: 'object' }));
  const given = {
    one: resource({ name: 'a', x: 1 }),
    list: [resource({ y: 1 })],
    map: { k: resource({ labels: {}, z: 1 }) },
  };
  const { object, unknown } = coerceEmbedded(given, schema, read);
  assert.deepEqual(object, {
    one: resource({ name: 'a' }),
    list: [resource({})],
    map: { k: resource({ labels: {} }) },
  });
  assert.deepEqual(unknown, ['one.metadata.x', 'list[0].metadata.y', 'map[k].metadata.z']);
});

test('what is no metadata, no kind and no version is refused', () => {
  const refused: readonly (readonly [PlainObject, RegExp])[] = [
    [{ one: resource({ name: 1 }) }, /^Error: one\.metadata: Invalid value: \{"name":1\}: a name is text$/],
    [{ list: [{ kind: 1 }] }, /^Error: list\[0\]\.kind: Invalid value: 1: must be a string$/],
    [{ map: { k: { apiVersion: [] } } }, /^Error: map\[k\]\.apiVersion: Invalid value: \[\]: must be a string$/],
  ];
  for (const [object, why] of refused) assert.throws(() => coerceEmbedded(object, schema, read), why);
});

test('kind and version are there and well-formed, names and labels too', () => {
  const faultsOf = (one: PlainObject) => {
    const errors = new FieldErrors();
    checkEmbedded({ one }, schema, errors);
    return errors.list.map(({ field, message }) => `${field}: ${message.slice(0, 40)}`);
  };
  assert.deepEqual(faultsOf(resource({ name: 'a' })), []);
  assert.deepEqual(faultsOf({}), ['one.apiVersion: Required value', 'one.kind: Required value']);
  assert.deepEqual(faultsOf({ apiVersion: 'a/b/c', kind: '' }), [
    'one.apiVersion: Invalid value: "a/b/c": unexpected Group',
    'one.kind: Invalid value: "": must not be empty',
  ]);
  assert.deepEqual(
    faultsOf(resource({ name: 'a/b', labels: { '-': 'x' } })).map((text) => text.split(':')[0]),
    ['one.metadata.name', 'one.metadata.labels'],
  );
});

test('metadata of embedded resources has defaults, which may hold more than ObjectMeta has', () => {
  assert.deepEqual(withSchemaDefaults({ one: { metadata: {} } }, schema), { one: { metadata: { name: 'given' } } });
  const errorsOf = (metadata: JsonSchema) => {
    const errors = new FieldErrors();
    const one: JsonSchema = { ...pod, properties: { metadata } };
    checkStructuralSchema({ type: 'object', properties: { one } }, 'schema', errors);
    return errors.list.map(({ message }) => message);
  };
  const withDefault: JsonSchema = { type: 'object', default: { name: 'a', more: 1 } as never };
  assert.deepEqual(errorsOf(withDefault), []);
});

test('nulls go where the schema allows none and has no default', () => {
  const nulls: JsonSchema = {
    type: 'object',
    properties: {
      plain: { type: 'string' },
      nullable: { type: 'string', nullable: true },
      filled: { type: 'string', default: 'x' },
      list: { type: 'array', items: { type: 'string' } },
      map: { type: 'object', additionalProperties: { type: 'string' } },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const given = { plain: null, nullable: null, filled: null, list: [null], map: { a: null }, open: { b: null } };
  const { object, unknown } = pruneObject(given, nulls);
  assert.deepEqual(object, { nullable: null, filled: null, list: [null], map: {}, open: { b: null } });
  assert.deepEqual(unknown, []);
});
