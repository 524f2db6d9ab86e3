/** Bodies of requests and answers as they are recorded: plain JSON, whatever form they travelled in. */
import { parseExactJson } from '@kapella/base';
import { readEnvelope, type UnknownObject } from '@kapella/api';
import { parse } from 'yaml';
import { type Codecs, gvkOf } from '../codec/codecs.ts';

/** undefined: not legible, or of a kind that has no JSON form. Never throws. */
export type BodyReader = (bytes: Uint8Array, contentType: string) => unknown;

const decoder = new TextDecoder();

export function bodyReader(codecs: Codecs): BodyReader {
  return (bytes, contentType) => {
    try {
      if (contentType.includes('protobuf')) return fromProtobuf(codecs, bytes);
      if (contentType.includes('yaml')) return parse(decoder.decode(bytes));
      return contentType === '' || contentType.includes('json') ? parseExactJson(decoder.decode(bytes)) : undefined;
    } catch {
      return undefined; // the sender has been told, or the answer is none that an object came of
    }
  };
}

function fromProtobuf(codecs: Codecs, bytes: Uint8Array): unknown {
  const { kind, apiVersion, raw } = readEnvelope(bytes);
  const gvk = gvkOf({ kind, apiVersion });
  const typeId = codecs.facts.typeIdOf(gvk);
  if (typeId === undefined) return undefined;
  return { kind, apiVersion, ...codecs.protobuf.decodeMessage(raw, typeId) };
}

interface Holder {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly items?: readonly unknown[];
  readonly rows?: readonly { readonly object?: unknown }[];
}

/** Of an object, a list or a table. */
export function withoutManagedFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { metadata, items, rows } = value as Holder;
  const { managedFields: _dropped, ...kept } = metadata ?? {};
  return {
    ...value,
    ...(metadata === undefined ? {} : { metadata: kept }),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
    ...(Array.isArray(rows)
      ? {
          rows: rows.map((row: object) => ({ ...row, object: withoutManagedFields((row as UnknownObject)['object']) })),
        }
      : {}),
  };
}
