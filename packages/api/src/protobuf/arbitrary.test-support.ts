/** fast-check arbitraries of objects of any built-in type, from the facts. For tests only. */
import fc from 'fast-check';
import type { FieldFact, TypeFacts } from '../schema.ts';
import { base64OfBytes } from './base64.ts';

const seconds = fc.integer({ min: -62_135_596_799, max: 253_402_300_799 });
const time = seconds.map((s) => `${new Date(s * 1000).toISOString().slice(0, 19)}Z`);
const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const json = fc.jsonValue({ maxDepth: 2 }).filter((v) => v !== null);

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: text,
  boolean: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((d) => !Object.is(d, -0)),
  bytes: fc.uint8Array({ maxLength: 9 }).map(base64OfBytes),
  Time: time,
  MicroTime: fc
    .tuple(time, fc.nat(999_999))
    .map(([t, micros]) => `${t.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`),
  Duration: fc.constantFrom('1h0m0s', '1.5s', '0s', '-2ms'),
  Quantity: fc.constantFrom('1', '500m', '1Gi', '0', '-3k', '100Mi'),
  IntOrString: fc.oneof(fc.integer(), text),
  RawExtension: json,
  FieldsV1: fc.constant({ 'f:spec': { 'f:replicas': {} } }),
  JSON: json,
  StringList: fc.array(text, { maxLength: 3 }),
};

/** An object of the type with few of its fields set; deeper objects have fewer, so that every one ends. */
export function arbitraryOf(typeId: string, facts: TypeFacts, depth = 3): fc.Arbitrary<Record<string, unknown>> {
  const fields = (facts.type(typeId)?.fields ?? []).filter((f) => f.proto > 0);
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of fields) {
    const arbitrary = fieldOf(field, facts, depth);
    if (arbitrary !== undefined) model[field.name] = arbitrary;
  }
  return fc.record(model, { requiredKeys: [] });
}

function fieldOf(field: FieldFact, facts: TypeFacts, depth: number): fc.Arbitrary<unknown> | undefined {
  const element = elementOf(field, facts, depth);
  if (element === undefined) return undefined;
  if (field.shape === 'list') return fc.array(element, { maxLength: 2 });
  return field.shape === 'map' ? fc.dictionary(text, element, { maxKeys: 3 }) : element;
}

function elementOf({ type }: FieldFact, facts: TypeFacts, depth: number): fc.Arbitrary<unknown> | undefined {
  if (Object.hasOwn(SCALARS, type)) return SCALARS[type];
  if (depth === 0) return undefined;
  if (type.includes('.')) return fc.constant(undefined).chain(() => arbitraryOf(type, facts, depth - 1));
  const schema = fc
    .constant(undefined)
    .chain(() => arbitraryOf('apiextensions/v1.JSONSchemaProps', facts, Math.min(depth - 1, 1)));
  if (type === 'JSONSchemaPropsOrBool') return fc.oneof(fc.boolean(), schema);
  const rest: fc.Arbitrary<unknown> = type === 'JSONSchemaPropsOrArray' ? schema : text;
  return fc.oneof(fc.array(rest, { minLength: 1, maxLength: 2 }), schema);
}
