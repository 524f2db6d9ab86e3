/** The wire format against protobufjs, all types by round trip, and bytes that upstream wrote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { createDecoder } from '../decode/index.ts';
import { createTypeFacts } from '../facts/index.ts';
import { arbitraryOf } from './arbitrary.test-support.ts';
import {
  createProtobufCodec,
  decodeWatchEvent,
  encodeWatchEvent,
  hasEnvelope,
  ProtobufError,
  readEnvelope,
  wrapEnvelope,
} from './index.ts';
import { Reader } from './reader.ts';
import { ReverseWriter } from './writer.ts';

const facts = createTypeFacts();
const decoder = createDecoder(facts);
const codec = createProtobufCodec(facts);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('varints, texts and doubles are those of protobufjs', () => {
  const value = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'grapheme' }),
    fc.constant('x'.repeat(9000)),
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const oracle = protobuf.Writer.create();
      const writer = new ReverseWriter(4);
      for (const v of values) {
        if (typeof v === 'string') oracle.string(v);
        else if (Number.isSafeInteger(v)) oracle.int64(v);
        else oracle.double(v);
      }
      for (const v of values.toReversed()) {
        if (typeof v !== 'string') {
          if (Number.isSafeInteger(v)) writer.integer(v);
          else writer.double(v);
          continue;
        }
        const before = writer.length;
        writer.string(v);
        writer.unsigned(writer.length - before);
      }
      const bytes = writer.finish();
      assert.equal(hex(bytes), hex(oracle.finish()));
      const reader = new Reader(bytes);
      const read = values.map((v) =>
        typeof v === 'string' ? reader.string() : Number.isSafeInteger(v) ? reader.integer() : reader.double(),
      );
      assert.deepEqual(
        read,
        values.map((v) => (Object.is(v, -0) ? 0 : v)),
      );
    }),
  );
});

test('every type survives the round trip', () => {
  for (const typeId of facts.ids()) {
    if (typeId.startsWith('version.') || /^meta\/v1\.Table/.test(typeId)) continue;
    fc.assert(
      fc.property(arbitraryOf(typeId, facts), (value) => {
        const { object, unknown } = decoder.decode(value, typeId);
        assert.deepEqual(unknown, []);
        const read = codec.decodeMessage(codec.encodeMessage(object, typeId), typeId);
        assert.deepEqual(plain(read), plain(object), typeId);
      }),
      { numRuns: 3 },
    );
  }
});

/** Without the prototypes that fast-check gives. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

test('a Pod, as upstream writes it', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', creationTimestamp: '1970-01-01T00:00:01Z', labels: { b: '2', a: '1' } },
    spec: {
      containers: [{ name: 'c', resources: { limits: { cpu: '1' } }, ports: [{ containerPort: 80 }] }],
      priority: -1,
    },
    status: {},
  };
  const message = codec.encodeMessage(pod, 'core/v1.Pod');
  const metadata =
    '0a01611200' +
    '1a00' +
    '2200' +
    '2a00' +
    '3200' +
    '3800' +
    '420408011000' +
    '5a060a0161120131' +
    '5a060a0162120132';
  assert.ok(hex(message).startsWith(`0a${(metadata.length / 2).toString(16)}${metadata}12`), hex(message));
  const { metadata: m, spec, status } = codec.decodeMessage(message, 'core/v1.Pod');
  assert.deepEqual({ apiVersion: 'v1', kind: 'Pod', metadata: m, spec, status }, pod);
});

test('the envelope is read and written', () => {
  const bytes = wrapEnvelope('v1', 'ConfigMap', Uint8Array.of(1, 2, 3));
  assert.equal(
    hex(bytes),
    '6b387300' + '0a0f' + '0a027631' + '1209436f6e6669674d6170' + '1203010203' + '1a00' + '2200',
  );
  assert.ok(hasEnvelope(bytes));
  const { apiVersion, kind, raw, contentType } = readEnvelope(bytes);
  assert.deepEqual(
    { apiVersion, kind, raw: [...raw], contentType },
    { apiVersion: 'v1', kind: 'ConfigMap', raw: [1, 2, 3], contentType: '' },
  );
  assert.throws(() => readEnvelope(Uint8Array.of(1, 2, 3, 4)), /does not appear to be a protobuf message/);
});

test('a list of encoded items is the list', () => {
  const items = ['a', 'b'].map(
    (name) => decoder.decode({ metadata: { name }, data: { k: name } }, 'core/v1.ConfigMap').object,
  );
  const metadata = { resourceVersion: '7' };
  const whole = codec.encodeObject(
    { apiVersion: 'v1', kind: 'ConfigMapList', metadata, items },
    'core/v1.ConfigMapList',
  );
  const parts = items.map((item) => codec.encodeMessage(item, 'core/v1.ConfigMap'));
  const list = codec.listParts('v1', 'ConfigMapList', metadata, parts);
  const joined = Buffer.concat([...list.parts]);
  assert.equal(list.length, joined.length);
  assert.equal(hex(joined), hex(whole));
  assert.deepEqual(codec.decodeMessage(readEnvelope(whole).raw, 'core/v1.ConfigMapList'), { metadata, items });
});

test('watch events carry objects with their envelopes', () => {
  const object = wrapEnvelope('v1', 'ConfigMap', codec.encodeMessage({ metadata: { name: 'a' } }, 'core/v1.ConfigMap'));
  const event = decodeWatchEvent(encodeWatchEvent('ADDED', object));
  assert.equal(event.type, 'ADDED');
  assert.equal(hex(event.object), hex(object));
  assert.equal(readEnvelope(event.object).kind, 'ConfigMap');
});

test('bytes that are no protobuf are refused, never misread for long', () => {
  const pod = codec.encodeMessage(
    decoder.decode({ spec: { containers: [{ name: 'c' }] } }, 'core/v1.Pod').object,
    'core/v1.Pod',
  );
  for (let length = 1; length < pod.length; length++) {
    try {
      codec.decodeMessage(pod.subarray(0, length), 'core/v1.Pod');
    } catch (error) {
      assert.ok(error instanceof ProtobufError, String(error));
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        codec.decodeMessage(bytes, 'apiextensions/v1.CustomResourceDefinition');
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('nesting has a bound', () => {
  const not = facts.field('apiextensions/v1.JSONSchemaProps', 'not');
  let message = new Uint8Array(0);
  for (let i = 0; i < 3000; i++) {
    const writer = protobuf.Writer.create();
    message = Uint8Array.from(
      writer
        .uint32((not?.proto ?? 0) * 8 + 2)
        .bytes(message)
        .finish(),
    );
    if (message.length > 100_000) break;
  }
  assert.throws(() => codec.decodeMessage(message, 'apiextensions/v1.JSONSchemaProps'), ProtobufError);
});
