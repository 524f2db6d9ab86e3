/** Objects and lists as bytes in the negotiated form. The common case, JSON of whole objects, only joins what is cached. */
import { parseExactJson, stringifyExactJson } from '@kapella/base';
import { type UnknownObject, wrapEnvelope } from '@kapella/api';
import type { ResponseStream } from '@kapella/client';
import type { CachedObject } from '@kapella/store';
import type { Codecs } from '../codec/codecs.ts';
import type { Media } from '../http/media.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import { bodyOfParts, joinParts, withNewline } from './parts.ts';
import { type IncludeObject, metaVersion, partialOf, tableOf, tableRow } from './table.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const TAIL = encoder.encode(']}\n');
const COMMA = encoder.encode(',');

export interface ListMetadata {
  /** Absent where nothing is stored. */
  readonly resourceVersion?: string;
  readonly continue?: string | undefined;
  readonly remainingItemCount?: number | undefined;
}

export interface View {
  readonly codecs: Codecs;
  readonly type: ResourceType;
  readonly media: Media;
  readonly include: IncludeObject;
  readonly nowMs: number;
}

/** An answer of one object. */
export function renderBody(view: View, object: CachedObject): Uint8Array {
  const bytes = renderObject(view, object);
  if (!endsLine(view.media)) return bytes;
  return view.media.form === 'object' && bytes === object.bytes ? object.line : withNewline(bytes);
}

/** Go's encoder ends JSON with a newline, unless it is pretty. */
export function endsLine({ encoding, pretty }: Media): boolean {
  return encoding === 'json' && !pretty;
}

/** Integers of custom resources have all their digits. */
const parseOf = (type: ResourceType): ((text: string) => unknown) => (type.custom ? parseExactJson : JSON.parse);

/** What frames of watches and answers are made of. */
export function renderObject(view: View, object: CachedObject): Uint8Array {
  const { codecs, type, media } = view;
  if (media.form === 'object') {
    if (media.encoding === 'protobuf') return wrapEnvelope(type.apiVersion, type.kind, messageOf(view, object));
    const bytes = type.bytesOf(object);
    if (media.encoding === 'json' && !media.pretty) return bytes;
    return codecs.encode(parseOf(type)(decoder.decode(bytes)) as object, media.encoding, media.pretty);
  }
  const decoded = type.objectOf(object);
  if (media.form === 'Table') {
    const rows = [tableRow(type, decoded, view.include, view.nowMs, media.isBeta)];
    const metadata = { resourceVersion: decoded.metadata.resourceVersion };
    return codecs.encode(tableOf(type, rows, metadata, media), media.encoding, media.pretty);
  }
  if (media.encoding === 'protobuf') {
    return wrapEnvelope(metaVersion(media.isBeta === true), 'PartialObjectMetadata', partialMessage(view, decoded));
  }
  return codecs.encode(partialOf(decoded, media.isBeta), media.encoding, media.pretty);
}

/** An answer of a list. */
export function renderList(
  view: View,
  items: readonly CachedObject[],
  metadata: ListMetadata,
): Uint8Array | ResponseStream {
  const { codecs, type, media } = view;
  if (media.form === 'object') {
    if (media.encoding === 'protobuf') {
      const messages = items.map((item) => messageOf(view, item));
      const { length, parts } = codecs.protobuf.listParts(type.apiVersion, type.listKind, { ...metadata }, messages);
      return bodyOfParts(length, parts);
    }
    const { length, parts } = listParts(type, items, metadata);
    if (endsLine(media)) return bodyOfParts(length, parts);
    return codecs.encode(
      parseOf(type)(decoder.decode(joinParts(length, parts))) as object,
      media.encoding,
      media.pretty,
    );
  }
  const decoded = items.map((item) => type.objectOf(item));
  if (media.form === 'Table') {
    const rows = decoded.map((object) => tableRow(type, object, view.include, view.nowMs, media.isBeta));
    const { continue: token = '', ...rest } = metadata;
    return encodeBody(codecs, tableOf(type, rows, token === '' ? rest : metadata, media), media);
  }
  if (media.encoding === 'protobuf') {
    const messages = decoded.map((object) => partialMessage(view, object));
    const kind = 'PartialObjectMetadataList';
    const { length, parts } = codecs.protobuf.listParts(
      metaVersion(media.isBeta === true),
      kind,
      { ...metadata },
      messages,
    );
    return bodyOfParts(length, parts);
  }
  const list = {
    kind: 'PartialObjectMetadataList',
    apiVersion: metaVersion(media.isBeta === true),
    metadata,
    items: decoded.map((object) => partialOf(object, media.isBeta)),
  };
  return encodeBody(codecs, list, media);
}

/** A value as the whole of an answer. */
export function encodeBody(codecs: Codecs, value: object, media: Media): Uint8Array {
  return endsLine(media)
    ? encoder.encode(`${stringifyExactJson(value)}\n`)
    : codecs.encode(value, media.encoding, media.pretty);
}

/** The protobuf message of an object, made on first request and kept beside its JSON. */
function messageOf({ codecs, type }: View, object: CachedObject): Uint8Array {
  return object.variant(`protobuf ${type.apiVersion}`, (self) =>
    codecs.protobuf.encodeMessage(type.objectOf(self), type.typeId as string),
  );
}

function partialMessage({ codecs }: View, { metadata }: UnknownObject): Uint8Array {
  return codecs.protobuf.encodeMessage({ metadata }, 'meta/v1.PartialObjectMetadata');
}

/** Items of built-in lists go without kind and apiVersion, as Go's typed lists do. */
function listParts(type: ResourceType, items: readonly CachedObject[], metadata: ListMetadata) {
  const head = encoder.encode(
    `{"kind":${JSON.stringify(type.listKind)},"apiVersion":${JSON.stringify(type.apiVersion)},` +
      `"metadata":${JSON.stringify(metadata)},"items":[`,
  );
  const skip = type.custom ? 0 : type.headLength;
  const opening = encoder.encode(skip === 0 ? '' : '{');
  const separator = encoder.encode(skip === 0 ? ',' : ',{');
  const objects = items.map((item) => type.bytesOf(item));
  let length = head.length + TAIL.length + Math.max(0, objects.length - 1) * COMMA.length;
  for (const object of objects) length += object.length - skip + opening.length;
  function* parts(): Generator<Uint8Array, void> {
    yield head;
    for (const [i, object] of objects.entries()) {
      yield i === 0 ? opening : separator;
      yield skip === 0 ? object : object.subarray(skip);
    }
    yield TAIL;
  }
  return { length, parts: parts() };
}
