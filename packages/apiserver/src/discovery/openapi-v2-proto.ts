/** The OpenAPI v2 document as client-go reads it: protobuf. Source: gnostic-models openapiv2, kube-openapi pkg/handler. */
import { type FieldRow, OPENAPI_V2_MESSAGES } from './openapi-v2-messages.ts';

/** What answers are; older clients ask for it with `@v1.0`, which is no valid media type. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function acceptsOpenApiV2Protobuf(accept: string): boolean {
  return accept.replace('@v1.0', '.v1.0').includes(OPENAPI_V2_PROTOBUF);
}

const encoder = new TextEncoder();
const BYTES = 2;
const DOUBLE = 1;
type Json = Readonly<Record<string, unknown>>;
type Bytes = readonly Uint8Array[];

/** `document` is the JSON form. Members that the format does not know are left out. */
export function encodeOpenApiV2(document: object): Uint8Array {
  return join(message('Document', document as Json));
}

/** Pieces of one message, without its length. */
function message(name: string, value: Json): Bytes {
  const row = OPENAPI_V2_MESSAGES[name];
  if (row === undefined) return [];
  const out: Uint8Array[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined || member === null) continue;
    const field = Object.hasOwn(row.fields, key) ? row.fields[key] : undefined;
    if (field !== undefined) out.push(...fieldOf(name, key, field, member));
    else if (key.startsWith('x-') && row.vendor > 0) out.push(...nested(row.vendor, named(key, anyOf(member))));
  }
  return out;
}

function fieldOf(owner: string, key: string, [number, kind]: FieldRow, value: unknown): Bytes {
  const of = kind.slice(2);
  switch (kind[0]) {
    case 's':
      return text(number, String(value));
    case 'b':
      return value === true ? [tag(number, 0), Uint8Array.of(1)] : [];
    case 'i':
      return [tag(number, 0), varint(Number(value))];
    case 'n':
      return double(number, Number(value));
    case 'S':
      return (value as readonly string[]).flatMap((item) => text(number, item));
    case 'y':
      return nested(number, anyOf(value));
    case 'Y':
      return (value as readonly unknown[]).flatMap((item) => nested(number, anyOf(item)));
    case 'm':
      return nested(number, message(of, value as Json));
    case 'r':
      return (value as readonly Json[]).flatMap((item) => nested(number, message(of, item)));
    case 'k':
      return nested(
        number,
        mapOf(value as Json, (item) => message(of, item as Json)),
      );
    default:
      return special(owner, key, number, value);
  }
}

/** Members whose shape depends on their value. */
function special(owner: string, key: string, number: number, value: unknown): Bytes {
  switch (key) {
    case 'paths':
      return nested(number, pathsOf(value as Json));
    case 'parameters': {
      if (owner === 'Document')
        return nested(
          number,
          mapOf(value as Json, (item) => parameter(item as Json)),
        );
      return (value as readonly Json[]).flatMap((item) => nested(number, parameterOrReference(item)));
    }
    case 'responses':
      return nested(
        number,
        mapOf(value as Json, (item) => responseOrReference(item as Json)),
      );
    case 'schema':
      return nested(number, nested(1, message('Schema', value as Json)));
    case 'additionalProperties': {
      return nested(
        number,
        typeof value === 'boolean'
          ? [tag(2, 0), Uint8Array.of(value ? 1 : 0)]
          : nested(1, message('Schema', value as Json)),
      );
    }
    case 'type':
      return nested(
        number,
        (Array.isArray(value) ? value : [value]).flatMap((item) => text(1, String(item))),
      );
    case 'items': {
      const items = (Array.isArray(value) ? value : [value]) as readonly Json[];
      return nested(
        number,
        items.flatMap((item) => nested(1, message('Schema', item))),
      );
    }
    case 'security': {
      return (value as readonly Json[]).flatMap((item) =>
        nested(
          number,
          mapOf(item, (scopes) => (scopes as readonly string[]).flatMap((scope) => text(1, scope))),
        ),
      );
    }
    case 'securityDefinitions':
      return nested(
        number,
        mapOf(value as Json, (item) => nested(2, message('ApiKeySecurity', item as Json))),
      );
    default:
      return [];
  }
}

function pathsOf(paths: Json): Bytes {
  return Object.entries(paths).flatMap(([path, item]) =>
    path.startsWith('x-')
      ? nested(1, named(path, anyOf(item)))
      : nested(2, named(path, message('PathItem', item as Json))),
  );
}

function parameterOrReference(value: Json): Bytes {
  return value['$ref'] === undefined ? nested(1, parameter(value)) : nested(2, message('JsonReference', value));
}

function parameter(value: Json): Bytes {
  switch (value['in']) {
    case 'body':
      return nested(1, message('BodyParameter', value));
    case 'header':
      return nested(2, nested(1, message('HeaderParameter', value)));
    case 'path':
      return nested(2, nested(4, message('PathParameter', value)));
    default:
      return nested(2, nested(3, message('QueryParameter', value)));
  }
}

function responseOrReference(value: Json): Bytes {
  return value['$ref'] === undefined
    ? nested(1, message('Response', value))
    : nested(2, message('JsonReference', value));
}

function mapOf(value: Json, each: (item: unknown) => Bytes): Bytes {
  return Object.entries(value).flatMap(([key, item]) => nested(1, named(key, each(item))));
}

function named(name: string, value: Bytes): Bytes {
  return [...text(1, name), ...nested(2, value)];
}

/** JSON is YAML. */
function anyOf(value: unknown): Bytes {
  return text(2, `${JSON.stringify(value)}\n`);
}

function nested(number: number, pieces: Bytes): Bytes {
  const bytes = join(pieces);
  return [tag(number, BYTES), varint(bytes.length), bytes];
}

function text(number: number, value: string): Bytes {
  const bytes = encoder.encode(value);
  return [tag(number, BYTES), varint(bytes.length), bytes];
}

function double(number: number, value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [tag(number, DOUBLE), bytes];
}

function tag(number: number, wire: number): Uint8Array {
  return varint(number * 8 + wire);
}

/** Of a whole number that is not negative. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

function join(pieces: Bytes): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
