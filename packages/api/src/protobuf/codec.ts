/**
 * Kubernetes' protobuf encoding: `k8s\0`, then runtime.Unknown with the object's message in it.
 * Source: apimachinery/pkg/runtime/serializer/protobuf, pkg/runtime/generated.proto.
 */
import type { TypeFacts } from '../schema.ts';
import { readMessage } from './decode.ts';
import { writeMessage } from './encode.ts';
import type { TypeMessage } from './plan.ts';
import { planMessage } from './plan.ts';
import { ProtobufError, Reader } from './reader.ts';
import { BYTES, ReverseWriter } from './writer.ts';

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's message; a view into the bytes that were read. */
  readonly raw: Uint8Array;
  /** '' means protobuf. */
  readonly contentType: string;
}

type Fields = Readonly<Record<string, unknown>>;

const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0);

export interface ProtobufCodec {
  /** An object's message without envelope; `kind` and `apiVersion` are not part of it. */
  encodeMessage(object: Fields, typeId: string): Uint8Array<ArrayBuffer>;
  /** Throws ProtobufError. The result has neither kind nor apiVersion. */
  decodeMessage(bytes: Uint8Array, typeId: string): Fields;
  /** With envelope. `typeId` is the type of the object's kind. */
  encodeObject(
    object: Fields & { readonly apiVersion: string; readonly kind: string },
    typeId: string,
  ): Uint8Array<ArrayBuffer>;
  /**
   * A list of messages that are already encoded, with envelope. `metadata` is a ListMeta. Not joined: `length` bytes in
   * parts that are made as they are taken, once.
   */
  listParts(
    apiVersion: string,
    kind: string,
    metadata: Fields,
    items: readonly Uint8Array[],
  ): { readonly length: number; readonly parts: Iterable<Uint8Array> };
}

/** Keeps the plans of the types it has met. */
export function createProtobufCodec(facts: TypeFacts): ProtobufCodec {
  const plans = new Map<string, TypeMessage>();
  const planOf = (id: string) => {
    let plan = plans.get(id);
    if (plan === undefined) {
      plan = planMessage(id, facts);
      plans.set(id, plan);
    }
    return plan;
  };
  const writer = new ReverseWriter();
  const encodeMessage = (object: Fields, typeId: string) => {
    writer.reset();
    writeMessage(writer, object, planOf(typeId), planOf);
    return writer.finish();
  };
  return {
    encodeMessage,
    decodeMessage: (bytes, typeId) => readMessage(new Reader(bytes), planOf(typeId), planOf),
    encodeObject: (object, typeId) => wrapEnvelope(object.apiVersion, object.kind, encodeMessage(object, typeId)),
    listParts: (apiVersion, kind, metadata, items) =>
      partsOfList(apiVersion, kind, encodeMessage(metadata, 'meta/v1.ListMeta'), items),
  };
}

function partsOfList(apiVersion: string, kind: string, metadata: Uint8Array, items: readonly Uint8Array[]) {
  const heads = items.map((item) => fieldHead(2, item.length));
  const first = fieldHead(1, metadata.length);
  let rawLength = first.length + metadata.length;
  for (const [i, item] of items.entries()) rawLength += (heads[i] as Uint8Array).length + item.length;
  const { head, tail } = envelopeAround(apiVersion, kind, rawLength);
  function* parts(): Generator<Uint8Array, void> {
    yield head;
    yield first;
    yield metadata;
    for (const [i, item] of items.entries()) {
      yield heads[i] as Uint8Array;
      yield item;
    }
    yield tail;
  }
  return { length: head.length + rawLength + tail.length, parts: parts() };
}

/** Tag and length of a field of bytes. */
function fieldHead(number: number, length: number): Uint8Array {
  const writer = new ReverseWriter(12);
  writer.unsigned(length);
  writer.tag(number, BYTES);
  return writer.finish();
}

/** What of the envelope stands before a message of `rawLength` bytes, and what after it. */
function envelopeAround(apiVersion: string, kind: string, rawLength: number) {
  const writer = new ReverseWriter(64);
  writeString(writer, 4, '');
  writeString(writer, 3, '');
  const tail = writer.finish();
  writer.reset();
  writer.unsigned(rawLength);
  writer.tag(2, BYTES);
  const before = writer.length;
  writeString(writer, 2, kind);
  writeString(writer, 1, apiVersion);
  writer.unsigned(writer.length - before);
  writer.tag(1, BYTES);
  writer.bytes(MAGIC);
  return { head: writer.finish(), tail };
}

/** `k8s\0` and runtime.Unknown around a message. */
export function wrapEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const { head, tail } = envelopeAround(apiVersion, kind, raw.length);
  const bytes = new Uint8Array(head.length + raw.length + tail.length);
  bytes.set(head, 0);
  bytes.set(raw, head.length);
  bytes.set(tail, head.length + raw.length);
  return bytes;
}

export function hasEnvelope(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Throws ProtobufError with upstream's words when the bytes do not start as they must. */
export function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length === 0) throw new ProtobufError('empty data');
  if (!hasEnvelope(bytes)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const reader = new Reader(bytes, MAGIC.length);
  let apiVersion = '';
  let kind = '';
  let raw: Uint8Array = new Uint8Array(0);
  let contentType = '';
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) [apiVersion, kind] = readTypeMeta(reader.message());
    else if (tag === 18) raw = reader.bytes();
    else if (tag === 34) contentType = reader.string();
    else reader.skip(tag % 8);
  }
  return { apiVersion, kind, raw, contentType };
}

/**
 * metav1.WatchEvent around an object that has its envelope already. Upstream gives the event none of its own; the four
 * bytes of length before it on the stream are the caller's.
 */
export function encodeWatchEvent(type: string, object: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new ReverseWriter(object.length + 32);
  const before = writer.length;
  writeBytes(writer, 1, object);
  writer.unsigned(writer.length - before);
  writer.tag(2, BYTES);
  writeString(writer, 1, type);
  return writer.finish();
}

/** The event's type, and its object with the envelope. */
export function decodeWatchEvent(bytes: Uint8Array): { readonly type: string; readonly object: Uint8Array } {
  const reader = new Reader(hasEnvelope(bytes) ? readEnvelope(bytes).raw : bytes);
  let type = '';
  let object: Uint8Array = new Uint8Array(0);
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) type = reader.string();
    else if (tag === 18) object = readRawExtension(reader.message());
    else reader.skip(tag % 8);
  }
  return { type, object };
}

function readTypeMeta(reader: Reader): [apiVersion: string, kind: string] {
  let apiVersion = '';
  let kind = '';
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) apiVersion = reader.string();
    else if (tag === 18) kind = reader.string();
    else reader.skip(tag % 8);
  }
  return [apiVersion, kind];
}

function readRawExtension(reader: Reader): Uint8Array {
  let raw: Uint8Array = new Uint8Array(0);
  while (!reader.done) {
    const tag = reader.unsigned();
    if (tag === 10) raw = reader.bytes();
    else reader.skip(tag % 8);
  }
  return raw;
}

function writeString(writer: ReverseWriter, number: number, text: string): void {
  const before = writer.length;
  writer.string(text);
  writer.unsigned(writer.length - before);
  writer.tag(number, BYTES);
}

function writeBytes(writer: ReverseWriter, number: number, bytes: Uint8Array): void {
  writer.bytes(bytes);
  writer.unsigned(bytes.length);
  writer.tag(number, BYTES);
}
