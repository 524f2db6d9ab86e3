/** Protobuf messages to objects of built-in types, normalised as decoding JSON leaves them. */
import { formatDuration } from '../decode/time.ts';
import { base64OfBytes } from './base64.ts';
import type { PlanOf } from './encode.ts';
import type { MessageField, MessagePlan, TypeMessage } from './plan.ts';
import { ProtobufError, type Reader } from './reader.ts';

type Fields = Record<string, unknown>;

const SCHEMA = 'apiextensions/v1.JSONSchemaProps';
const DEPTH_MAX = 200; // schemas nest, and no schema of a person is that deep
const utf8 = new TextDecoder();

/** Nested deeper than any object of the API is refused rather than let the stack overflow. */
export function readMessage(reader: Reader, plan: TypeMessage, planOf: PlanOf, depth = 0): Fields {
  if (depth > DEPTH_MAX) throw new ProtobufError('proto: message is nested too deeply');
  const out: Fields = {};
  readFields(reader, plan, out, planOf, depth);
  for (const field of plan.filled) {
    if (out[field.name] === undefined) out[field.name] = zeroOf(field, planOf);
  }
  return out;
}

function readFields(reader: Reader, plan: MessagePlan, out: Fields, planOf: PlanOf, depth: number): void {
  while (!reader.done) {
    const tag = reader.unsigned();
    const entry = plan.byNumber.get(Math.floor(tag / 8));
    const wireType = tag % 8;
    if (entry === undefined) reader.skip(wireType);
    else if ('message' in entry) readFields(reader.message(), entry.message, out, planOf, depth + 1);
    else if (wireType !== wireTypeOf(entry))
      throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${entry.name}`);
    else readField(reader, entry, out, planOf, depth);
  }
}

function wireTypeOf({ shape, op }: MessageField): number {
  if (shape === 'map') return 2;
  if (op === 'int32' || op === 'int64' || op === 'boolean') return 0;
  return op === 'double' ? 1 : 2;
}

function readField(reader: Reader, field: MessageField, out: Fields, planOf: PlanOf, depth: number): void {
  const { name } = field;
  if (field.shape === 'map') {
    const [key, value] = readEntry(reader.message(), field, planOf, depth);
    out[name] ??= {};
    const map = out[name] as Fields;
    if (key === '__proto__')
      Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    else map[key] = value;
    return;
  }
  const value = readValue(reader, field, planOf, depth);
  if (field.shape === 'list') {
    out[name] ??= [];
    (out[name] as unknown[]).push(value ?? zeroOf({ ...field, shape: 'single' }, planOf));
    return;
  }
  if (value !== undefined && !(field.dropZero && isZero(value))) out[name] = value;
}

function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function readEntry(reader: Reader, field: MessageField, planOf: PlanOf, depth: number): [string, unknown] {
  let key = '';
  let value: unknown;
  const wireType = wireTypeOf({ ...field, shape: 'single' });
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) key = reader.string();
    else if (tag === 16 + wireType) value = readValue(reader, field, planOf, depth);
    else reader.skip(tag % 8);
  }
  return [key, value ?? zeroOf({ ...field, shape: 'single' }, planOf)];
}

function readValue(reader: Reader, field: MessageField, planOf: PlanOf, depth: number): unknown {
  switch (field.op) {
    case 'string':
      return reader.string();
    case 'boolean':
      return reader.unsigned() !== 0;
    case 'int32':
    case 'int64':
      return reader.integer();
    case 'double':
      return reader.double();
    case 'bytes':
      return base64OfBytes(reader.bytes());
    case 'struct':
      return readMessage(reader.message(), planOf(field.typeId), planOf, depth + 1);
    default:
      return readSpecial(reader.message(), field, planOf, depth);
  }
}

function readSpecial(reader: Reader, field: MessageField, planOf: PlanOf, depth: number): unknown {
  switch (field.op) {
    case 'time':
    case 'microTime':
      return readTime(reader, field.op === 'microTime');
    case 'duration':
      return formatDuration(BigInt(readNumbers(reader)[1] ?? 0));
    case 'quantity':
      return readTexts(reader, 1).at(-1) ?? '0';
    case 'intOrString':
      return readIntOrString(reader);
    case 'raw':
      return readRaw(reader);
    case 'strings':
      return readTexts(reader, 1);
    default:
      return readSchema(reader, field, planOf, depth);
  }
}

/** Varint fields by number; others are skipped. */
function readNumbers(reader: Reader): number[] {
  const numbers: number[] = [];
  while (!reader.done) {
    const tag = reader.unsigned();
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0 && number < 16) numbers[number] = reader.integer();
    else reader.skip(tag % 8);
  }
  return numbers;
}

function readTexts(reader: Reader, number: number): string[] {
  const texts: string[] = [];
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === number * 8 + 2) texts.push(reader.string());
    else reader.skip(tag % 8);
  }
  return texts;
}

/** Undefined for an empty message: Go's zero time. */
function readTime(reader: Reader, hasMicros: boolean): string | undefined {
  if (reader.done) return undefined;
  const [, seconds = 0, nanos = 0] = readNumbers(reader);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new ProtobufError('proto: time is out of range');
  const text = date.toISOString();
  if (text.length !== 24) throw new ProtobufError('proto: time is out of range');
  return hasMicros
    ? `${text.slice(0, 19)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
    : `${text.slice(0, 19)}Z`;
}

function readIntOrString(reader: Reader): number | string {
  let type = 0;
  let number = 0;
  let text = '';
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 8) type = reader.integer();
    else if (tag === 16) number = reader.integer();
    else if (tag === 26) text = reader.string();
    else reader.skip(tag % 8);
  }
  return type === 1 ? text : number;
}

/** JSON in bytes. Raw data in another encoding stays what it is only inside envelopes; see codec.ts. */
function readRaw(reader: Reader): unknown {
  let bytes: Uint8Array | undefined;
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) bytes = reader.bytes();
    else reader.skip(tag % 8);
  }
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (cause) {
    throw new ProtobufError('proto: raw data is not JSON', { cause });
  }
}

function readSchema(reader: Reader, field: MessageField, planOf: PlanOf, depth: number): unknown {
  const schemaNumber = field.op === 'schemaOrBool' ? 2 : 1;
  let schema: Fields | undefined;
  let allows = false;
  const list: unknown[] = [];
  while (!reader.done) {
    const tag = reader.unsigned();
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0 && number === 1) allows = reader.unsigned() !== 0;
    else if (tag % 8 !== 2) reader.skip(tag % 8);
    else if (number === schemaNumber) schema = readMessage(reader.message(), planOf(SCHEMA), planOf, depth + 1);
    else if (field.op === 'schemaOrStrings') list.push(reader.string());
    else list.push(readMessage(reader.message(), planOf(SCHEMA), planOf, depth + 1));
  }
  if (field.op === 'schemaOrBool') return schema ?? allows;
  return list.length > 0 ? list : schema;
}

function zeroOf(field: MessageField, planOf: PlanOf): unknown {
  if (field.shape === 'list') return [];
  if (field.shape === 'map') return {};
  switch (field.op) {
    case 'struct': {
      const plan = planOf(field.typeId);
      return Object.fromEntries(plan.filled.map((inner) => [inner.name, zeroOf(inner, planOf)]));
    }
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'strings':
      return [];
    case 'raw':
    case 'time':
    case 'microTime':
      return null; // Go's zero time
    default:
      return '';
  }
}
