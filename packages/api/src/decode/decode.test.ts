/** Decoding: what Go's struct would keep, and the words it would refuse with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTypeFacts } from '../facts/index.ts';
import {
  createDecoder,
  decodeFailureMessage,
  DecodeError,
  decodeText,
  formatDuration,
  normalizeMicroTime,
  normalizeTime,
  parseDuration,
  parseText,
  parseYaml,
  strictErrorMessage,
  TextError,
} from './index.ts';

const facts = createTypeFacts();
const decoder = createDecoder(facts);
const decode = (value: unknown, typeId = 'core/v1.Pod') => decoder.decode(structuredClone(value), typeId);
const container = { name: 'c', image: 'nginx' };
const json = (text: string, typeId: string) => decodeText(text, 'json', typeId, decoder, facts, true);

test('drops what Go would not write and fills in what it would', () => {
  const { object } = decode({
    metadata: { name: 'web', creationTimestamp: null, labels: {} },
    spec: { nodeName: '', hostNetwork: false, terminationGracePeriodSeconds: 0, volumes: [], containers: [container] },
  });
  assert.deepEqual(object, {
    metadata: { name: 'web' },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ ...container, resources: {} }] },
    status: {},
  });
});

test('required values that Go always writes are present', () => {
  assert.deepEqual(decode({}, 'apps/v1.StatefulSet').object, {
    metadata: {},
    spec: { template: { metadata: {}, spec: { containers: [] } }, updateStrategy: {} },
    status: { replicas: 0, availableReplicas: 0 },
  });
});

test('pointers to empty objects stay', () => {
  const spec = { podSelector: {}, policyTypes: ['Ingress'] };
  assert.deepEqual(decode({ metadata: {}, spec }, 'networking/v1.NetworkPolicy').object['spec'], spec);
  const volumes = [{ name: 'v', emptyDir: {} }];
  assert.deepEqual(
    (decode({ spec: { containers: [], volumes } }).object['spec'] as { volumes: unknown }).volumes,
    volumes,
  );
});

test('unknown fields are dropped and reported by path', () => {
  const { object, unknown } = decode({
    metadata: { name: 'a', foo: 1 },
    spec: { containers: [{ ...container, bar: {} }] },
    x: 1,
  });
  assert.deepEqual(unknown, ['metadata.foo', 'spec.containers[0].bar', 'x']);
  assert.deepEqual(object['metadata'], { name: 'a' });
});

const MISMATCHES: readonly (readonly [unknown, string])[] = [
  [
    { spec: { containers: [{ ports: [{ containerPort: 'x' }] }] } },
    'json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
  ],
  [
    { spec: { containers: {} } },
    'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    { spec: { containers: ['x'] } },
    'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container',
  ],
  [
    { spec: { volumes: [{ emptyDir: 3 }] } },
    'json: cannot unmarshal number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
  ],
  [
    { metadata: { labels: { a: 1 } } },
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    { metadata: { labels: 'a' } },
    'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
  ],
  [
    { spec: { priority: 1.5 } },
    'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32',
  ],
  [
    { spec: { priority: 2147483648 } },
    'json: cannot unmarshal number 2147483648 into Go struct field PodSpec.spec.priority of type int32',
  ],
  [
    { spec: { hostNetwork: 'yes' } },
    'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
  ],
  [
    { spec: { containers: [{ resources: { limits: [] } }] } },
    'json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList',
  ],
  [
    { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } },
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  [
    { metadata: { creationTimestamp: 'never' } },
    'parsing time "never" as "2006-01-02T15:04:05Z07:00": cannot parse "never" as "2006"',
  ],
  ['x', 'json: cannot unmarshal string into Go value of type v1.Pod'],
];

for (const [value, message] of MISMATCHES) {
  test(`refuses ${JSON.stringify(value)}`, () => {
    assert.throws(
      () => decode(value),
      (error) => (error instanceof DecodeError && error.message === message) || assert.fail(String(error)),
    );
  });
}

test('the message of a mismatch is the one kubectl shows', () => {
  const error = new DecodeError(
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  );
  assert.throws(() => decode({ spec: { replicas: '3' } }, 'apps/v1.Deployment'), { message: error.message });
  assert.equal(
    decodeFailureMessage({ version: 'v1', kind: 'Deployment' }, 'Deployment', error),
    `Deployment in version "v1" cannot be handled as a Deployment: ${error.message}`,
  );
});

test('quantities are canonical strings, IntOrString keeps its kind', () => {
  const limits = { cpu: 0.5, memory: '1024Mi', pods: 3 };
  const { object } = decode({ spec: { containers: [{ ...container, resources: { limits } }] } });
  const [first] = (object['spec'] as { containers: { resources: unknown }[] }).containers;
  assert.deepEqual(first?.resources, { limits: { cpu: '500m', memory: '1Gi', pods: '3' } });
  const ports = [
    { port: 80, targetPort: 'web' },
    { port: 81, targetPort: 8080 },
  ];
  assert.deepEqual((decode({ spec: { ports } }, 'core/v1.Service').object['spec'] as { ports: unknown }).ports, ports);
});

test('schemas keep their short forms, and are not strict inside', () => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      a: { items: { type: 'string', foo: 1 }, default: { x: [1] } },
      b: { additionalProperties: { type: 'integer' }, bar: 1 },
    },
  };
  const { object, unknown } = decode(schema, 'apiextensions/v1.JSONSchemaProps');
  assert.deepEqual(unknown, ['properties.b.bar']);
  assert.deepEqual(object, {
    type: 'object',
    additionalProperties: false,
    properties: {
      a: { items: { type: 'string' }, default: { x: [1] } },
      b: { additionalProperties: { type: 'integer' } },
    },
  });
});

test('keys of maps never reach a prototype', () => {
  const value = JSON.parse('{"metadata":{"labels":{"__proto__":"x","a":null}},"__proto__":{"polluted":1}}') as unknown;
  const { object, unknown } = decoder.decode(value, 'core/v1.Pod');
  assert.deepEqual(unknown, ['__proto__']);
  const labels = (object['metadata'] as { labels: object }).labels;
  assert.deepEqual(Object.entries(labels), [
    ['__proto__', 'x'],
    ['a', ''],
  ]);
  assert.equal((object as { polluted?: unknown }).polluted, undefined);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test('strict errors of a JSON text are in document order', () => {
  const text =
    '{"spec":{"unknownField":"foo","replicas":1,"replicas":2},"metadata":{"name":"x","labels":{"a":"1","a":"2"}}}';
  const { strictErrors } = json(text, 'apps/v1.Deployment');
  assert.equal(
    strictErrorMessage(strictErrors),
    'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas", duplicate field "metadata.labels.a"',
  );
});

test('duplicates of an untyped JSON text are found in lists too', () => {
  const { strictErrors } = parseText('{"a":[{"b":1,"b":2}],"c":"\\"d\\":1,\\"d\\":2"}', 'json', facts);
  assert.deepEqual(strictErrors, ['duplicate field "a[0].b"']);
});

test('duplicates of a YAML text are named by line', () => {
  const text = 'apiVersion: apps/v1\nkind: Deployment\nspec:\n  paused: true\n  paused: false\n  foo: 1\n';
  const { strictErrors } = decodeText(text, 'yaml', 'apps/v1.Deployment', decoder, facts, true);
  assert.deepEqual(strictErrors, [
    'yaml: unmarshal errors:\n  line 5: key "paused" already set in map',
    'unknown field "spec.foo"',
  ]);
});

test('texts without duplicates are never taken for such', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
      assert.deepEqual(parseText(JSON.stringify(value, undefined, indent), 'json', facts).strictErrors, []);
    }),
  );
});

test('texts that do not parse are refused', () => {
  assert.throws(() => json('', 'core/v1.Pod'), TextError);
  assert.throws(() => json('{"a":', 'core/v1.Pod'), { message: 'unexpected end of JSON input' });
  assert.throws(() => parseYaml('a: ['), /^TextError: yaml: line 1/);
  assert.throws(
    () =>
      parseYaml(
        `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
          .split('')
          .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join()}]`)
          .join('\n')}`,
      ),
    TextError,
  );
});

test('YAML scalars are those of go-yaml', () => {
  const { value } = parseYaml('a: yes\nb: 2001-12-14\nc: 010\nd: 1:30\ne: 1_000\nf: ~\ng: "yes"\nh: 1.5\n8080: x');
  assert.deepEqual(value, { a: true, b: '2001-12-14', c: 8, d: '1:30', e: 1000, f: null, g: 'yes', h: 1.5, 8080: 'x' });
});

test('times are UTC', () => {
  assert.equal(normalizeTime('2024-02-29T23:30:00.9-01:00'), '2024-03-01T00:30:00Z');
  assert.equal(normalizeMicroTime('2024-01-01T01:00:00.123456+01:00'), '2024-01-01T00:00:00.123456Z');
  for (const bad of [
    '2023-02-29T00:00:00Z',
    '2024-01-01',
    '2024-13-01T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:00:00',
    '',
  ]) {
    assert.throws(() => normalizeTime(bad), /^TimeError: parsing time/, bad);
  }
  assert.throws(() => normalizeMicroTime('2024-01-01T00:00:00Z'), /cannot parse "Z" as ".000000"/);
});

test('durations are written as Go writes them, and read back', () => {
  for (const [text, written] of [
    ['90m', '1h30m0s'],
    ['1.5s', '1.5s'],
    ['0', '0s'],
    ['-100ms', '-100ms'],
    ['1500us', '1.5ms'],
    ['2ns', '2ns'],
  ]) {
    assert.equal(formatDuration(parseDuration(text as string)), written);
  }
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (n) => parseDuration(formatDuration(n)) === n),
  );
  assert.throws(() => parseDuration('1'), /time: missing unit in duration "1"/);
  assert.throws(() => parseDuration('1x'), /time: unknown unit "x" in duration "1x"/);
  assert.throws(() => parseDuration('abc'), /time: invalid duration "abc"/);
});

test('decoding what was decoded changes nothing', () => {
  for (const id of facts.ids()) {
    const once = decoder.decode({}, id).object;
    assert.deepEqual(decode(once, id).object, once, id);
  }
});

test('brackets within brackets are read to a depth, whatever stands in texts', () => {
  const nested = (depth: number) => `a: ${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.throws(() => parseText(nested(10_001), 'yaml', facts), /exceeded max depth of 10000/);
  assert.throws(() => parseText(`a: ${'['.repeat(500_000)}`, 'yaml', facts), /exceeded max depth of 10000/);
  const text = `a: |\n  ${'['.repeat(20_000)}\nb: "${'{'.repeat(20_000)}"\n`;
  assert.deepEqual(Object.keys(parseText(text, 'yaml', facts).value as object), ['a', 'b']);
});

test('integers beyond 2^53, as patches give them, are numbers of built-in types and keep to their bounds', () => {
  const schema = { maximum: 9_223_372_036_854_775_807n };
  assert.deepEqual(decode(schema, 'apiextensions/v1.JSONSchemaProps').object, { maximum: 2 ** 63 });
  const spec = { containers: [container], terminationGracePeriodSeconds: 9_007_199_254_740_993n };
  const decoded = decode({ spec }).object['spec'] as typeof spec;
  assert.equal(decoded.terminationGracePeriodSeconds, 2 ** 53);
  assert.throws(() => decode({ spec: { replicas: 9_007_199_254_740_993n } }, 'apps/v1.Deployment'), /of type int32/);
});
