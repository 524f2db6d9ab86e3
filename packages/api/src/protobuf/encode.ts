/** Objects of built-in types to protobuf messages, byte for byte as Go's generated marshallers write them. */
import { goJson } from '@kapella/base';
import { parseDuration } from '../decode/time.ts';
import { bytesOfBase64 } from './base64.ts';
import type { MessageField, MessagePlan, TypeMessage } from './plan.ts';
import { BYTES, FIXED64, type ReverseWriter, VARINT } from './writer.ts';

type Fields = Readonly<Record<string, unknown>>;
export type PlanOf = (typeId: string) => TypeMessage;

const SCHEMA = 'apiextensions/v1.JSONSchemaProps';
const EMPTY: Fields = {};

/** The value's fields in reverse, without a header. */
export function writeMessage(writer: ReverseWriter, value: Fields, plan: MessagePlan, planOf: PlanOf): void {
  for (const entry of plan.descending) {
    if ('message' in entry) {
      const before = writer.length;
      writeMessage(writer, value, entry.message, planOf);
      writeHeader(writer, entry.number, before);
    } else {
      writeField(writer, value[entry.name], entry, planOf);
    }
  }
}

function writeHeader(writer: ReverseWriter, number: number, lengthBefore: number): void {
  writer.unsigned(writer.length - lengthBefore);
  writer.tag(number, BYTES);
}

function writeField(writer: ReverseWriter, value: unknown, field: MessageField, planOf: PlanOf): void {
  if (field.shape === 'list') {
    const list = (value ?? []) as readonly unknown[];
    for (let i = list.length - 1; i >= 0; i--) writeValue(writer, list[i], field.number, field, planOf);
  } else if (field.shape === 'map') {
    if (value !== undefined && value !== null) writeMap(writer, value as Fields, field, planOf);
  } else if (value !== undefined && value !== null) {
    writeValue(writer, value, field.number, field, planOf);
  } else if (field.always) {
    writeZero(writer, field, planOf);
  }
}

function writeMap(writer: ReverseWriter, map: Fields, field: MessageField, planOf: PlanOf): void {
  const keys = Object.keys(map).sort();
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const before = writer.length;
    writeValue(writer, map[key], 2, field, planOf);
    writeText(writer, 1, key);
    writeHeader(writer, field.number, before);
  }
}

function writeZero(writer: ReverseWriter, field: MessageField, planOf: PlanOf): void {
  switch (field.op) {
    case 'string':
      writeText(writer, field.number, '');
      return;
    case 'boolean':
    case 'int32':
    case 'int64':
      writeInteger(writer, field.number, 0);
      return;
    case 'double':
      writer.double(0);
      writer.tag(field.number, FIXED64);
      return;
    case 'bytes':
      return; // nil
    case 'quantity':
      writeValue(writer, '0', field.number, field, planOf);
      return;
    case 'intOrString':
      writeValue(writer, 0, field.number, field, planOf);
      return;
    case 'struct':
      writeValue(writer, EMPTY, field.number, field, planOf);
      return;
    default: // an empty message: the zero time, no raw data
      writer.unsigned(0);
      writer.tag(field.number, BYTES);
  }
}

function writeText(writer: ReverseWriter, number: number, text: string): void {
  const before = writer.length;
  writer.string(text);
  writeHeader(writer, number, before);
}

function writeInteger(writer: ReverseWriter, number: number, value: number): void {
  writer.integer(value);
  writer.tag(number, VARINT);
}

function writeValue(writer: ReverseWriter, value: unknown, number: number, field: MessageField, planOf: PlanOf): void {
  switch (field.op) {
    case 'string':
      writeText(writer, number, value as string);
      return;
    case 'boolean':
      writeInteger(writer, number, value === true ? 1 : 0);
      return;
    case 'int32':
    case 'int64':
      writeInteger(writer, number, value as number);
      return;
    case 'double':
      writer.double(value as number);
      writer.tag(number, FIXED64);
      return;
    case 'bytes': {
      const bytes = bytesOfBase64(value as string);
      writer.bytes(bytes);
      writer.unsigned(bytes.length);
      writer.tag(number, BYTES);
      return;
    }
    default: {
      const before = writer.length;
      writeContent(writer, value, field, planOf);
      writeHeader(writer, number, before);
      return;
    }
  }
}

/** Values that are messages. */
function writeContent(writer: ReverseWriter, value: unknown, field: MessageField, planOf: PlanOf): void {
  switch (field.op) {
    case 'struct':
      writeMessage(writer, value as Fields, planOf(field.typeId), planOf);
      return;
    case 'time':
      writeTime(writer, value as string | null, 0);
      return;
    case 'microTime':
      writeTime(writer, value as string | null, Number(String(value).slice(20, 26)) * 1000);
      return;
    case 'duration':
      writeInteger(writer, 1, Number(parseDuration(value as string)));
      return;
    case 'quantity':
      writeText(writer, 1, String(value));
      return;
    case 'intOrString': {
      const isText = typeof value === 'string';
      writeText(writer, 3, isText ? value : '');
      writeInteger(writer, 2, isText ? 0 : (value as number));
      writeInteger(writer, 1, isText ? 1 : 0);
      return;
    }
    case 'raw':
      // Go programs compare these bytes with those that they would write: ControllerRevisions are found that way.
      if (value !== null) writeText(writer, 1, goJson(value));
      return;
    case 'strings':
      writeTexts(writer, value as readonly string[], 1);
      return;
    default:
      writeSchema(writer, value, field, planOf);
  }
}

/** Null is Go's zero time: an empty message. */
function writeTime(writer: ReverseWriter, text: string | null, nanos: number): void {
  if (text === null || text === '') return;
  writeInteger(writer, 2, nanos);
  writeInteger(writer, 1, Math.floor(Date.parse(`${text.slice(0, 19)}Z`) / 1000));
}

function writeTexts(writer: ReverseWriter, texts: readonly string[], number: number): void {
  for (let i = texts.length - 1; i >= 0; i--) writeText(writer, number, texts[i] as string);
}

/** JSONSchemaPropsOr...: the schema and what may stand for it are fields of one message. */
function writeSchema(writer: ReverseWriter, value: unknown, field: MessageField, planOf: PlanOf): void {
  if (field.op === 'schemaOrBool') {
    if (typeof value === 'object') writeSchemaProps(writer, value as Fields, 2, planOf);
    writeInteger(writer, 1, value === false ? 0 : 1);
    return;
  }
  if (!Array.isArray(value)) {
    writeSchemaProps(writer, value as Fields, 1, planOf);
    return;
  }
  if (field.op === 'schemaOrStrings') {
    writeTexts(writer, value as readonly string[], 2);
    return;
  }
  for (let i = value.length - 1; i >= 0; i--) writeSchemaProps(writer, value[i] as Fields, 2, planOf);
}

function writeSchemaProps(writer: ReverseWriter, value: Fields, number: number, planOf: PlanOf): void {
  const before = writer.length;
  writeMessage(writer, value, planOf(SCHEMA), planOf);
  writeHeader(writer, number, before);
}
