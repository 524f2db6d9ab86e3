/** Objects to and from bytes, with upstream's errors. Source: apiserver/pkg/endpoints/handlers/{create,update,rest}.go. */
import {
  apiVersionOf,
  type BuiltInTypeFacts,
  createDecoder,
  createProtobufCodec,
  decodeFailureMessage,
  type Decoder,
  decodeText,
  parseText,
  type ProtobufCodec,
  readEnvelope,
  strictErrorMessage,
  type UnknownObject,
} from '@kapella/api';
import { ApiError, errors, stringifyExactJson } from '@kapella/base';
import { stringify } from 'yaml';
import { CBOR_TYPE, type Encoding, JSON_TYPE, PROTOBUF_TYPE, unsupportedMediaType, YAML_TYPE } from '../http/media.ts';
import type { FieldValidation } from '../http/parameters.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import {
  asBadRequest,
  checkKind,
  gvkOf,
  kindFault,
  objectOfBody,
  OTHER_VERSION,
  UnreadableError,
  unreadableJson,
} from './body-kind.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';

export { gvkOf } from './body-kind.ts';

export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind that a body is to be of. `typeId` undefined: a custom resource. */
export interface ExpectedKind extends Gvk {
  readonly typeId: string | undefined;
  /** What an apply made: nulls that the schema does not allow are told of, not dropped. */
  readonly isApplied?: boolean;
  readonly prune?:
    | ((
        object: UnknownObject,
        keepsNulls?: boolean,
      ) => { readonly object: UnknownObject; readonly unknown: readonly string[] })
    | undefined;
}

export interface Codecs {
  readonly facts: BuiltInTypeFacts;
  readonly protobuf: ProtobufCodec;
  /** Whether CBOR is spoken. */
  readonly cbor: boolean;
  encodingOf(contentType: string | undefined, allowProtobuf: boolean): Encoding;
  /** Throws BadRequest. Kind and apiVersion are set in the result. */
  decode(
    bytes: Uint8Array,
    encoding: Encoding,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject;
  /** A value made by the server or a patch, brought to the form that decoding gives. */
  normalize(
    value: unknown,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject;
  /** As `normalize`, of what a patch made, with what was found in its text. Throws PatchResultError. */
  normalizePatched(
    value: unknown,
    expected: ExpectedKind,
    found: readonly string[],
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject;
  /** A new value of a type with nothing but what Go always writes. */
  zero(typeId: string): Record<string, unknown>;
  encodeJson(value: object): Uint8Array;
  encodeJsonPretty(value: object): Uint8Array;
  encodeYaml(value: object): Uint8Array;
  encode(value: object, encoding: Encoding, pretty: boolean): Uint8Array;
}

const encoder = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** What a patch made does not fit its type. */
export class PatchResultError extends Error {
  override readonly name = 'PatchResultError';
}

export function expectedOf(type: ResourceType): ExpectedKind {
  const { group, version, kind, typeId } = type;
  return { group, version, kind, typeId, prune: type.definition.prune };
}

export function createCodecs(facts: BuiltInTypeFacts, cbor = false): Codecs {
  return new FactCodecs(facts, cbor);
}

class FactCodecs implements Codecs {
  readonly facts: BuiltInTypeFacts;
  readonly protobuf: ProtobufCodec;
  readonly cbor: boolean;
  readonly #decoder: Decoder;

  constructor(facts: BuiltInTypeFacts, cbor: boolean) {
    this.facts = facts;
    this.cbor = cbor;
    this.protobuf = createProtobufCodec(facts);
    this.#decoder = createDecoder(facts);
  }

  encodingOf(contentType: string | undefined, allowProtobuf: boolean): Encoding {
    const [name = '', ...parameters] = (contentType ?? '').split(';');
    const isReadable = parameters.every((text) => text.trim() === '' || text.includes('='));
    const type = isReadable ? name.trim().toLowerCase() : 'none';
    if (type === '' || type === JSON_TYPE || type === '*/*') return 'json';
    if (type === YAML_TYPE) return 'yaml';
    if (type === PROTOBUF_TYPE && allowProtobuf) return 'protobuf';
    if (type === CBOR_TYPE && this.cbor) return 'cbor';
    const others = [...(allowProtobuf ? [PROTOBUF_TYPE] : []), ...(this.cbor ? [CBOR_TYPE] : [])];
    throw unsupportedMediaType(type, [JSON_TYPE, YAML_TYPE, ...others]);
  }

  decode(
    bytes: Uint8Array,
    encoding: Encoding,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    try {
      if (encoding === 'protobuf') return this.#decodeProtobuf(bytes, expected);
      if (encoding === 'cbor') return this.#decodeCbor(bytes, expected, validation, warn);
      const text = this.#text(bytes);
      if (expected.typeId === undefined) return this.#decodeCustom(text, encoding, expected, validation, warn);
      const strict = validation !== 'Ignore';
      const accept = (value: unknown): unknown => {
        const object = objectOfBody(value, false);
        checkKind(object, expected, this.facts);
        return object;
      };
      const decoded = decodeText(text, encoding, expected.typeId, this.#decoder, this.facts, strict, accept);
      report(decoded.strictErrors, validation, expected, warn);
      return identified(decoded.object, expected);
    } catch (error) {
      throw asBadRequest(asUnreadable(error, encoding), expected, bytes);
    }
  }

  normalize(
    value: unknown,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    try {
      if (expected.typeId === undefined) return this.#pruned(value, [], expected, validation, warn);
      const { object, unknown } = this.#decoder.decode(value, expected.typeId);
      const found = validation === 'Ignore' ? [] : unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
      report(found, validation, expected, warn);
      return identified(object, expected);
    } catch (error) {
      throw asBadRequest(error, expected, undefined);
    }
  }

  normalizePatched(
    value: unknown,
    expected: ExpectedKind,
    found: readonly string[],
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    const told: string[] = [...found];
    try {
      const why = this.#patchedKindFault(value, expected);
      if (why !== undefined && why !== OTHER_VERSION) throw new PatchResultError(why);
      const object = this.normalize(value, expected, validation === 'Ignore' ? 'Ignore' : 'Warn', (text) =>
        told.push(text),
      );
      if (validation === 'Warn') for (const text of told) warn(text);
      if (validation === 'Strict' && told.length > 0) throw new PatchResultError(strictErrorMessage(told));
      return object;
    } catch (error) {
      const { cause } = error as Error;
      // What decoding said, without the words for a body.
      if (error instanceof ApiError && cause instanceof Error) throw new PatchResultError(cause.message, { cause });
      throw error;
    }
  }

  #patchedKindFault(value: unknown, expected: ExpectedKind): string | undefined {
    if (expected.typeId === undefined || typeof value !== 'object' || value === null) return undefined;
    const { kind = expected.kind, apiVersion = apiVersionOf(expected) } = value as UnknownObject;
    return kindFault(gvkOf({ kind, apiVersion }), expected, this.facts);
  }

  zero(typeId: string): Record<string, unknown> {
    return { ...this.#decoder.decode({}, typeId).object };
  }

  encodeJson(value: object): Uint8Array {
    return encoder.encode(stringifyExactJson(value));
  }

  encodeJsonPretty(value: object): Uint8Array {
    return encoder.encode(stringifyExactJson(value, 2));
  }

  encodeYaml(value: object): Uint8Array {
    return encoder.encode(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
  }

  encode(value: object, encoding: Encoding, pretty: boolean): Uint8Array {
    if (encoding === 'yaml') return this.encodeYaml(value);
    if (encoding === 'protobuf') return this.#encodeProtobuf(value as UnknownObject);
    if (encoding === 'cbor') return encodeCbor(value);
    return pretty ? this.encodeJsonPretty(value) : this.encodeJson(value);
  }

  #encodeProtobuf(value: UnknownObject): Uint8Array {
    const typeId = this.facts.typeIdOf(gvkOf(value));
    if (typeId === undefined) throw errors.internal(`${value.kind} has no protobuf form`);
    return this.protobuf.encodeObject(value, typeId);
  }

  #decodeProtobuf(bytes: Uint8Array, expected: ExpectedKind): UnknownObject {
    if (expected.typeId === undefined) throw unsupportedMediaType(PROTOBUF_TYPE, [JSON_TYPE, YAML_TYPE]);
    let envelope: ReturnType<typeof readEnvelope>;
    try {
      envelope = readEnvelope(bytes);
    } catch (error) {
      throw new UnreadableError((error as Error).message, { cause: error });
    }
    const { kind, apiVersion, raw } = envelope;
    checkKind({ kind, apiVersion } as UnknownObject, expected, this.facts);
    return identified(this.protobuf.decodeMessage(raw, expected.typeId), expected);
  }

  /** Keys that are there twice are no strict error of CBOR, but one that always counts. */
  #decodeCbor(
    bytes: Uint8Array,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    let value: unknown;
    try {
      value = decodeCbor(bytes);
    } catch (error) {
      throw new UnreadableError(`unable to determine group/version/kind: ${(error as Error).message}`, {
        cause: error,
      });
    }
    checkKind(objectOfBody(value, expected.typeId === undefined), expected, this.facts);
    return this.normalize(value, expected, validation, warn);
  }

  #decodeCustom(
    text: string,
    encoding: 'json' | 'yaml',
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    const { value, strictErrors } = parseText(text, encoding, this.facts);
    checkKind(objectOfBody(value, true), expected, this.facts);
    return this.#pruned(value, strictErrors, expected, validation, warn);
  }

  #pruned(
    value: unknown,
    found: readonly string[],
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SyntaxError('json: cannot unmarshal into Go value of type map[string]interface {}');
    }
    const given = value as UnknownObject;
    if (typeof (given.metadata ?? {}) !== 'object' || Array.isArray(given.metadata)) {
      const type = Array.isArray(given.metadata) ? 'array' : typeof given.metadata;
      throw new SyntaxError(`json: cannot unmarshal ${type} into Go value of type v1.ObjectMeta`);
    }
    const metadata = this.#decoder.decode({ ...(given.metadata as object | undefined) }, 'meta/v1.ObjectMeta');
    const object = { ...given, metadata: metadata.object } as unknown as UnknownObject;
    const pruned = expected.prune?.(object, expected.isApplied) ?? { object, unknown: [] };
    const unknown = [...metadata.unknown.map((path) => `metadata.${path}`), ...pruned.unknown];
    const all = [...found, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)];
    if (validation !== 'Ignore') report(all, validation, expected, warn);
    return identified(pruned.object, expected);
  }

  #text(bytes: Uint8Array): string {
    try {
      return strictUtf8.decode(bytes);
    } catch (error) {
      throw new ApiError('BadRequest', 'invalid UTF-8 in the request body', { cause: error });
    }
  }
}

function report(
  found: readonly string[],
  validation: FieldValidation,
  expected: ExpectedKind,
  warn: (text: string) => void,
): void {
  if (found.length === 0 || validation === 'Ignore') return;
  if (validation === 'Warn') {
    for (const text of found) for (const one of warningsOf(text)) warn(one);
    return;
  }
  throw errors.badRequest(decodeFailureMessage(expected, expected.kind, new Error(strictErrorMessage(found))));
}

/** Duplicates of a YAML text are one error in several lines, and a warning each. */
export function warningsOf(strictError: string): readonly string[] {
  const lines = strictError.split('\n');
  return lines.length === 1 ? lines : lines.slice(1).map((line) => line.trim());
}

/** A text that does not parse does not say what it is. */
function asUnreadable(error: unknown, encoding: Encoding): unknown {
  if (!(error instanceof Error) || error.name !== 'TextError') return error;
  return encoding === 'json'
    ? unreadableJson(error.message, error)
    : new UnreadableError(error.message, { cause: error });
}

/** Metadata is there even when the client sent none. */
function identified(object: Readonly<Record<string, unknown>>, expected: ExpectedKind): UnknownObject {
  const { kind: _kind, apiVersion: _version, metadata, ...rest } = object;
  return {
    kind: expected.kind,
    apiVersion: apiVersionOf(expected),
    metadata: metadata ?? {},
    ...rest,
  } as unknown as UnknownObject;
}
