/** Server-side apply and update tracking as clients meet them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@kapella/base';
import fc from 'fast-check';
import { createTypeFacts } from '../facts/index.ts';
import type { ManagedFieldsEntry } from '../meta.ts';
import { createFieldManager, LAST_APPLIED_ANNOTATION } from './index.ts';

const facts = createTypeFacts();
const fields = createFieldManager(facts);
const typeId = 'apps/v1.Deployment';
const T0 = Date.parse('2026-01-01T00:00:00Z');

type Deployment = Record<string, unknown> & {
  metadata: Record<string, unknown> & { managedFields?: readonly ManagedFieldsEntry[] };
};

const deployment = (spec: object, metadata: object = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
});

const template = (...containers: object[]) => ({ template: { spec: { containers } } });

interface Options {
  readonly force?: boolean;
  readonly seconds?: number;
}

function apply(live: Deployment | undefined, applied: object, manager: string, options: Options = {}): Deployment {
  const { force = false, seconds = 0 } = options;
  const request = { live, applied, manager, force, subresource: '', nowMs: T0 + seconds * 1000, typeId };
  const { object, managedFields } = fields.apply(request);
  const metadata = {
    ...(object.metadata as object),
    uid: 'u',
    ...(managedFields === undefined ? {} : { managedFields }),
  };
  return { ...object, metadata };
}

function update(
  live: Deployment | undefined,
  next: Deployment,
  manager: string,
  options: { seconds?: number; subresource?: string; resetFields?: string[][] } = {},
): Deployment {
  const { seconds = 0, subresource = '', resetFields = [] } = options;
  const request = { live, next, manager, subresource, nowMs: T0 + seconds * 1000, typeId, resetFields };
  const managedFields = fields.trackUpdate(request);
  const { managedFields: _, ...metadata } = next.metadata;
  return {
    ...next,
    metadata: { ...metadata, uid: 'u', ...(managedFields === undefined ? {} : { managedFields }) },
  } as Deployment;
}

const ownedBy = (object: Deployment, manager: string): object | undefined =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

function conflictOf(act: () => unknown): ApiError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return error;
  }
  return assert.fail('no conflict');
}

test('creating records what the client set, as kubectl create does', () => {
  const spec = {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    strategy: {},
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'nginx', resources: {} }], restartPolicy: 'Always' },
    },
  };
  const next = { ...deployment(spec, { labels: { app: 'web' } }), status: {} };
  const created = update(undefined, next, 'kubectl-create', { resetFields: [['status']] });
  assert.deepEqual(created.metadata.managedFields, [
    {
      manager: 'kubectl-create',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:replicas': {},
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
            'f:spec': {
              'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} } },
              'f:restartPolicy': {},
            },
          },
        },
      },
    },
  ]);
});

test('an update through a subresource is an entry of its own, without what the endpoint resets', () => {
  const created = update(undefined, { ...deployment({ replicas: 1 }), status: {} }, 'kubectl');
  const next = { ...created, spec: { replicas: 9 }, status: { replicas: 1 } };
  const updated = update(created, next, 'controller', { subresource: 'status', resetFields: [['spec']] });
  assert.deepEqual(
    updated.metadata.managedFields?.map(({ manager, subresource, fieldsV1 }) => ({ manager, subresource, fieldsV1 })),
    [
      { manager: 'controller', subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } },
      { manager: 'kubectl', subresource: undefined, fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ],
  );
});

test('a write that changes nothing keeps entries and times, as the very same array', () => {
  const created = update(undefined, deployment({ replicas: 1 }), 'a');
  const next = structuredClone(created);
  const again = fields.trackUpdate({ live: created, next, manager: 'b', subresource: '', nowMs: T0 + 9000, typeId });
  assert.equal(again, created.metadata.managedFields);
});

test('another value is a conflict, with upstream wording', () => {
  const live = apply(undefined, deployment({ replicas: 1, paused: true }), 'alice');
  const error = conflictOf(() => apply(live, deployment({ replicas: 2 }), 'bob'));
  assert.equal(error.code, 409);
  assert.equal(error.reason, 'Conflict');
  assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas');
  assert.deepEqual(error.details?.causes, [
    { reason: 'FieldManagerConflict', message: 'conflict with "alice"', field: '.spec.replicas' },
  ]);
  const both = conflictOf(() => apply(live, deployment({ replicas: 2, paused: false }), 'bob'));
  assert.equal(
    both.message,
    'Apply failed with 2 conflicts: conflicts with "alice":\n- .spec.paused\n- .spec.replicas',
  );
});

test('conflicts with updaters name their version and subresource', () => {
  const live = update(undefined, deployment({ replicas: 1 }), 'kubectl-scale', { subresource: 'scale' });
  const error = conflictOf(() => apply(live, deployment({ replicas: 2 }), 'bob'));
  assert.match(
    error.message,
    /conflict with "kubectl-scale" with subresource "scale" using apps\/v1: \.spec\.replicas$/,
  );
});

test('the same value is shared; force takes it', () => {
  const live = apply(undefined, deployment({ replicas: 1 }), 'alice');
  const shared = apply(live, deployment({ replicas: 1 }), 'bob');
  assert.deepEqual(ownedBy(shared, 'alice'), ownedBy(shared, 'bob'));
  const forced = apply(shared, deployment({ replicas: 2 }), 'bob', { force: true });
  assert.deepEqual(forced.spec, { ...(forced.spec as object), replicas: 2 });
  assert.equal(ownedBy(forced, 'alice'), undefined);
});

test('what is no longer applied goes, unless another owns it', () => {
  const first = deployment({
    replicas: 1,
    paused: true,
    ...template({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
  });
  const live = apply(apply(undefined, first, 'alice'), deployment({ replicas: 1 }), 'bob');
  const next = apply(live, deployment(template({ name: 'b', image: '1' })), 'alice');
  const spec = next.spec as { replicas: number; paused?: boolean; template: { spec: { containers: object[] } } };
  assert.equal(spec.replicas, 1);
  assert.equal(spec.paused ?? null, null);
  assert.deepEqual(spec.template.spec.containers, [{ name: 'b', image: '1' }]);
});

test('order of a list with keys is the applied one, others keep their places', () => {
  const live = update(undefined, deployment(template({ name: 'a' }, { name: 'b' }, { name: 'c' })), 'x');
  const next = apply(live, deployment(template({ name: 'c', image: '1' }, { name: 'a', image: '1' })), 'alice');
  const { containers } = (next.spec as ReturnType<typeof template>).template.spec;
  assert.deepEqual(
    containers.map((container) => (container as { name: string }).name),
    ['b', 'c', 'a'],
  );
});

test('the first apply on an object that nobody tracked conflicts with before-first-apply', () => {
  const live = deployment({ replicas: 1 }, { uid: 'u' });
  const error = conflictOf(() => apply(live, deployment({ replicas: 2 }), 'alice'));
  assert.match(error.message, /conflict with "before-first-apply" using apps\/v1: \.spec\.replicas$/);
  const same = apply(live, deployment({ replicas: 1 }), 'alice');
  assert.deepEqual(
    same.metadata.managedFields?.map((entry) => entry.manager),
    ['alice', 'before-first-apply'],
  );
});

test('kubectl takes over what it applied from the client', () => {
  const configuration = deployment({ replicas: 1 });
  const annotations = { [LAST_APPLIED_ANNOTATION]: JSON.stringify(configuration) };
  const live = update(
    undefined,
    deployment({ replicas: 1, paused: true }, { annotations }),
    'kubectl-client-side-apply',
  );
  assert.throws(() => apply(live, deployment({ replicas: 2 }), 'other'), /Apply failed with 1 conflict/);
  const next = apply(live, deployment({ replicas: 2 }), 'kubectl');
  assert.equal((next.spec as { replicas: number }).replicas, 2);
  const written = (next.metadata as { annotations?: Record<string, string> }).annotations?.[LAST_APPLIED_ANNOTATION];
  assert.equal(
    written,
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},' +
      '"spec":{"replicas":2}}\n',
  );
  const error = conflictOf(() => apply(live, deployment({ replicas: 2, paused: false }), 'kubectl'));
  assert.match(error.message, /^Apply failed with 1 conflict: .*: \.spec\.paused$/);
});

test('an empty list or entry resets tracking until the next apply', () => {
  const live = update(undefined, deployment({ replicas: 1 }), 'a');
  for (const managedFields of [[], [{}]]) {
    const reset = update(live, { ...live, metadata: { ...live.metadata, managedFields } }, 'a');
    assert.equal(reset.metadata.managedFields, undefined);
    assert.equal(update(reset, { ...reset, spec: { replicas: 2 } }, 'a').metadata.managedFields, undefined);
    assert.ok(ownedBy(apply(reset, deployment({ replicas: 1 }), 'b'), 'b'));
  }
});

test('malformed managedFields of a client count for nothing', () => {
  const live = update(undefined, deployment({ replicas: 1 }), 'a');
  const managedFields = [{ manager: 'evil', operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'V9' }];
  const next = update(live, { ...live, metadata: { ...live.metadata, managedFields } } as never, 'a');
  assert.deepEqual(next.metadata.managedFields, live.metadata.managedFields);
});

test('more than ten updaters: the oldest become ancient-changes', () => {
  let live = update(undefined, deployment({}, { labels: { l0: '' } }), 'm0');
  for (let i = 1; i <= 12; i++) {
    const labels = { ...(live.metadata as { labels: object }).labels, [`l${i}`]: '' };
    live = update(live, { ...live, metadata: { ...live.metadata, labels } } as Deployment, `m${i}`, { seconds: i });
  }
  const managers = live.metadata.managedFields?.map((entry) => entry.manager);
  assert.deepEqual(managers, ['ancient-changes', ...Array.from({ length: 9 }, (_, i) => `m${i + 4}`)]);
  assert.deepEqual(ownedBy(live, 'ancient-changes'), {
    'f:metadata': { 'f:labels': { '.': {}, 'f:l0': {}, 'f:l1': {}, 'f:l2': {}, 'f:l3': {} } },
  });
});

test('what does not fit the type is refused with the path', () => {
  const bad = (spec: object) => conflictOf(() => apply(undefined, deployment(spec), 'a')).message;
  const head = 'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ';
  assert.equal(bad({ nope: 1 }), `${head}.spec.nope: field not declared in schema`);
  assert.equal(bad({ replicas: '1' }), `${head}.spec.replicas: expected numeric (int or float), got string`);
  assert.equal(
    bad(template({ name: 'a' }, { name: 'a' })),
    `${head}.spec.template.spec.containers: duplicate entries for key [name="a"]`,
  );
  assert.equal(
    bad({ nope: 1, replicas: true }),
    `${head}errors:\n  .spec.nope: field not declared in schema\n` +
      '  .spec.replicas: expected numeric (int or float), got bool',
  );
});

test('a request for another kind, or with managedFields, is bad', () => {
  const live = apply(undefined, deployment({ replicas: 1 }), 'a');
  const other = conflictOf(() => apply(live, { ...deployment({}), apiVersion: 'apps/v2' }, 'a'));
  assert.equal(other.code, 400);
  assert.equal(other.message, 'invalid object type: apps/v2, Kind=Deployment');
  const managed = conflictOf(() => apply(live, deployment({}, { managedFields: [] }), 'a'));
  assert.equal(managed.message, 'metadata.managedFields must be nil');
});

// Maps and lists are not empty: what an empty one owns goes again when it is pruned or stored, upstream too.
const label = fc.constantFrom('a', 'b', 'c', '__proto__');
const labels = fc.dictionary(label, fc.constantFrom('1', '2'), { minKeys: 1, noNullPrototype: true });
const container = fc.record(
  { name: fc.constantFrom('x', 'y', 'z'), image: fc.constantFrom('i', 'j'), command: fc.array(fc.constant('c')) },
  { requiredKeys: ['name'], noNullPrototype: true },
);
const containers = fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1, maxLength: 3 });
const configuration = fc
  .tuple(labels, containers, fc.option(fc.nat(3), { nil: undefined }))
  .map(([l, c, replicas]) =>
    deployment({ ...(replicas === undefined ? {} : { replicas }), ...template(...c) }, { labels: l }),
  );
const managers = fc.constantFrom('alice', 'bob', 'carol');

const withoutTimes = (object: Deployment): Deployment =>
  JSON.parse(JSON.stringify(object, (key, value) => (key === 'time' ? undefined : value)));

test('applying twice is applying once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(managers, configuration), { minLength: 1, maxLength: 5 }), (history) => {
      let live: Deployment | undefined;
      for (const [i, [manager, config]] of history.entries()) {
        live = apply(live, config, manager, { force: true, seconds: i });
        const again = apply(live, config, manager, { seconds: i + 1 });
        assert.deepEqual(again, live);
      }
    }),
  );
});

test('managers of disjoint fields commute', () => {
  const left = configuration.map((config) =>
    deployment({}, { labels: (config.metadata as { labels: object }).labels }),
  );
  const right = configuration.map((config) => deployment(config.spec as object));
  fc.assert(
    fc.property(left, right, (a, b) => {
      const base = update(undefined, deployment({}), 'base');
      const ab = apply(apply(base, a, 'alice'), b, 'bob');
      const ba = apply(apply(base, b, 'bob'), a, 'alice');
      assert.deepEqual(withoutTimes(ab), withoutTimes(ba));
    }),
  );
});

test('an applier owns what it applied, and the object has it', () => {
  fc.assert(
    fc.property(configuration, configuration, (first, second) => {
      const live = apply(apply(undefined, first, 'alice'), second, 'bob', { force: true });
      const { labels: have = {} } = live.metadata as { labels?: Record<string, string> };
      const { labels: want } = second.metadata as unknown as { labels: Record<string, string> };
      for (const key of Object.keys(want)) {
        assert.equal(have[key], want[key]);
        const owned = ownedBy(live, 'bob') as Record<string, Record<string, Record<string, object>>>;
        assert.ok(owned['f:metadata']?.['f:labels']?.[`f:${key}`]);
      }
    }),
  );
});
