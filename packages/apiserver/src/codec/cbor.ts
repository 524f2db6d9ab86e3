/**
 * CBOR as Kubernetes writes and reads it: the values of JSON, strings as byte strings, keys in one order.
 * Source: apimachinery/pkg/runtime/serializer/cbor, its internal/modes.
 */
import {
  type DecodeOptions,
  decode,
  type EncodeOptions,
  encode,
  rfc8949EncodeOptions,
  Token,
  Tokenizer,
  Type,
} from 'cborg';
import { exactNumber } from '@kapella/base';

/** Tag 55799, which says of itself that it is CBOR. */
const SELF_DESCRIBED = Uint8Array.of(0xd9, 0xd9, 0xf7);
const TIME_TEXT = 0;
const TIME_EPOCH = 1;
const BIGNUMS: ReadonlySet<number> = new Set([2, 3]);
const BASE64URL = 21;
const BASE64 = 22;
const BASE16 = 23;
const INT64_MAX = 2n ** 63n - 1n;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true });

const bytesToken = (text: string) => new Token(Type.bytes, encoder.encode(text));
const ENCODING: EncodeOptions = {
  ...rfc8949EncodeOptions,
  ignoreUndefinedProperties: true,
  typeEncoders: {
    string: bytesToken,
    // As JSON: what is no number of its own is null there, and a fault of the server here.
    number: (value: number) => {
      if (!Number.isFinite(value)) throw new Error(`cbor: ${value} cannot be encoded`);
      return null;
    },
  },
};

/** One data item. Values are those of JSON; undefined properties are left out. */
export function encodeCbor(value: unknown): Uint8Array {
  return joined([SELF_DESCRIBED, encode(value, ENCODING)]);
}

/** An event of a watch, around an object that is encoded already. Items of a sequence delimit themselves. */
export function cborWatchEvent(type: string, object: Uint8Array): Uint8Array {
  const item = (text: string) => encode(text, ENCODING);
  return joined([SELF_DESCRIBED, Uint8Array.of(0xa2), item('type'), item(type), item('object'), object]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The values of JSON. Throws Error, with `cbor: ` before what is wrong. */
export function decodeCbor(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new Error('cbor: EOF');
  try {
    const options: DecodeOptions = { ...DECODING, tokenizer: new StrictTokenizer(bytes, DECODING) };
    return plain(decode(bytes, options));
  } catch (error) {
    if (error instanceof RangeError) throw new Error('cbor: exceeded max nested level', { cause: error });
    throw new Error(`cbor: ${(error as Error).message.replace(/^CBOR decode error: /, '')}`, { cause: error });
  }
}

/** A byte string whose text is made of its bytes in another way than by UTF-8. */
class Rendered {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type TagDecoder = NonNullable<DecodeOptions['tags']>[number];

/** What upstream's decoder makes of each tag; others are passed over. */
function tagDecoder(tag: number): TagDecoder {
  if (BIGNUMS.has(tag)) {
    return () => {
      throw new Error(`big numbers (tag ${tag}) are not allowed`);
    };
  }
  if (tag === BASE64) return (content) => rendered(content(), base64);
  if (tag === BASE64URL) return (content) => rendered(content(), base64Url);
  if (tag === BASE16) return (content) => rendered(content(), base16);
  if (tag === TIME_EPOCH) return (content) => new Rendered(new Date(Number(content()) * 1000).toISOString());
  if (tag === TIME_TEXT) return (content) => timeText(content());
  return (content) => content();
}

function timeText(value: unknown): unknown {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw new Error('tag 0 needs a string');
  return value;
}

/** Bytes within containers of a tag are rendered as well. */
function rendered(value: unknown, render: (bytes: Uint8Array) => string): unknown {
  if (value instanceof Uint8Array) return new Rendered(render(value));
  if (Array.isArray(value)) return value.map((item) => rendered(item, render));
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key, rendered(inner, render)]));
  return value;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const base64Url = (bytes: Uint8Array) => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const base16 = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const DECODING: DecodeOptions = {
  allowIndefinite: true,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  useMaps: true,
  retainStringBytes: true,
  rejectDuplicateMapKeys: true,
  tags: new Proxy({}, { get: (_, tag) => tagDecoder(Number(tag)) }),
};

/** Text that is no UTF-8 is refused. */
class StrictTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next();
    if (token.type === Type.string) textOf((token.byteValue ?? new Uint8Array()) as Uint8Array);
    return token;
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new Error('invalid UTF-8 string', { cause });
  }
}

/** Byte strings are strings, integers are numbers, maps are objects without a key twice. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return textOf(value);
  if (value instanceof Rendered) return value.text;
  if (typeof value === 'bigint') return numberOf(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const entries = [...value].map(([key, inner]): [string, unknown] => [keyOf(key), plain(inner)]);
  const object = Object.fromEntries(entries);
  if (Object.keys(object).length < entries.length) throw new Error('found duplicate map key');
  return object;
}

function keyOf(key: unknown): string {
  const name = plain(key);
  if (typeof name !== 'string') throw new Error(`cannot use ${typeof name} as a map key`);
  return name;
}

function numberOf(value: bigint): number | bigint {
  if (value > INT64_MAX || value < -INT64_MAX - 1n) throw new Error(`${value} overflows int64`);
  return exactNumber(value);
}
