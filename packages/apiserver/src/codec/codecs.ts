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
import { ApiError, errors } from '@kapella/base';
import { stringify } from 'yaml';
import { type Encoding, JSON_TYPE, PROTOBUF_TYPE, unsupportedMediaType, YAML_TYPE } from '../http/media.ts';
import type { FieldValidation } from '../http/parameters.ts';
import type { ResourceType } from '../registry/resource-type.ts';

export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind that a body is to be of. `typeId` undefined: a custom resource. */
export interface ExpectedKind extends Gvk {
  readonly typeId: string | undefined;
  readonly prune?:
    | ((object: UnknownObject) => { readonly object: UnknownObject; readonly unknown: readonly string[] })
    | undefined;
}

export interface Codecs {
  readonly facts: BuiltInTypeFacts;
  readonly protobuf: ProtobufCodec;
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
  /** A new value of a type with nothing but what Go always writes. */
  zero(typeId: string): Record<string, unknown>;
  encodeJson(value: object): Uint8Array;
  encodeJsonPretty(value: object): Uint8Array;
  encodeYaml(value: object): Uint8Array;
  encode(value: object, encoding: Encoding, pretty: boolean): Uint8Array;
}

const encoder = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

export function expectedOf(type: ResourceType): ExpectedKind {
  const { group, version, kind, typeId } = type;
  return { group, version, kind, typeId, prune: type.definition.prune };
}

export function createCodecs(facts: BuiltInTypeFacts): Codecs {
  return new FactCodecs(facts);
}

class FactCodecs implements Codecs {
  readonly facts: BuiltInTypeFacts;
  readonly protobuf: ProtobufCodec;
  readonly #decoder: Decoder;

  constructor(facts: BuiltInTypeFacts) {
    this.facts = facts;
    this.protobuf = createProtobufCodec(facts);
    this.#decoder = createDecoder(facts);
  }

  encodingOf(contentType: string | undefined, allowProtobuf: boolean): Encoding {
    const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    if (type === '' || type === JSON_TYPE || type === '*/*') return 'json';
    if (type === YAML_TYPE) return 'yaml';
    if (type === PROTOBUF_TYPE && allowProtobuf) return 'protobuf';
    throw unsupportedMediaType(type, [JSON_TYPE, YAML_TYPE, ...(allowProtobuf ? [PROTOBUF_TYPE] : [])]);
  }

  decode(
    bytes: Uint8Array,
    encoding: Encoding,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    const named = { version: expected.version, kind: expected.kind };
    try {
      if (encoding === 'protobuf') return this.#decodeProtobuf(bytes, expected);
      const text = this.#text(bytes);
      if (expected.typeId === undefined) return this.#decodeCustom(text, encoding, expected, validation, warn);
      const { typeId } = expected;
      const strict = validation !== 'Ignore';
      const { object, strictErrors } = decodeText(text, encoding, typeId, this.#decoder, this.facts, strict);
      checkKind(object as unknown as UnknownObject, expected);
      report(strictErrors, validation, named, expected, warn);
      return identified(object, expected);
    } catch (error) {
      throw asBadRequest(error, named, expected);
    }
  }

  normalize(
    value: unknown,
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    const named = { version: expected.version, kind: expected.kind };
    try {
      if (expected.typeId === undefined) return this.#pruned(value, [], expected, validation, warn);
      const { object, unknown } = this.#decoder.decode(value, expected.typeId);
      const found = validation === 'Ignore' ? [] : unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
      report(found, validation, named, expected, warn);
      return identified(object, expected);
    } catch (error) {
      throw asBadRequest(error, named, expected);
    }
  }

  zero(typeId: string): Record<string, unknown> {
    return { ...this.#decoder.decode({}, typeId).object };
  }

  encodeJson(value: object): Uint8Array {
    return encoder.encode(JSON.stringify(value));
  }

  encodeJsonPretty(value: object): Uint8Array {
    return encoder.encode(JSON.stringify(value, undefined, 2));
  }

  encodeYaml(value: object): Uint8Array {
    return encoder.encode(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
  }

  encode(value: object, encoding: Encoding, pretty: boolean): Uint8Array {
    if (encoding === 'yaml') return this.encodeYaml(value);
    if (encoding === 'protobuf') return this.#encodeProtobuf(value as UnknownObject);
    return pretty ? this.encodeJsonPretty(value) : this.encodeJson(value);
  }

  #encodeProtobuf(value: UnknownObject): Uint8Array {
    const typeId = this.facts.typeIdOf(gvkOf(value));
    if (typeId === undefined) throw errors.internal(`${value.kind} has no protobuf form`);
    return this.protobuf.encodeObject(value, typeId);
  }

  #decodeProtobuf(bytes: Uint8Array, expected: ExpectedKind): UnknownObject {
    if (expected.typeId === undefined) throw unsupportedMediaType(PROTOBUF_TYPE, [JSON_TYPE, YAML_TYPE]);
    const { kind, apiVersion, raw } = readEnvelope(bytes);
    checkKind({ kind, apiVersion } as UnknownObject, expected);
    return identified(this.protobuf.decodeMessage(raw, expected.typeId), expected);
  }

  #decodeCustom(
    text: string,
    encoding: 'json' | 'yaml',
    expected: ExpectedKind,
    validation: FieldValidation,
    warn: (text: string) => void,
  ): UnknownObject {
    const { value, strictErrors } = parseText(text, encoding, this.facts);
    checkKind(value as UnknownObject, expected);
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
    const metadata = this.#decoder.decode({ ...(given.metadata as object | undefined) }, 'meta/v1.ObjectMeta');
    const object = { ...given, metadata: metadata.object } as unknown as UnknownObject;
    const pruned = expected.prune?.(object) ?? { object, unknown: [] };
    const unknown = [...metadata.unknown.map((path) => `metadata.${path}`), ...pruned.unknown];
    const all = [...found, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)];
    if (validation !== 'Ignore') report(all, validation, expected, expected, warn);
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

export function gvkOf(object: { readonly kind?: string; readonly apiVersion?: string }): Gvk {
  const { kind = '', apiVersion = '' } = object;
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

/** Absent names mean the expected ones; others are refused before anything else is said of the body. */
function checkKind(object: UnknownObject, expected: ExpectedKind): void {
  const given = gvkOf(typeof object === 'object' && object !== null ? object : {});
  const sameVersion = given.version === '' || (given.group === expected.group && given.version === expected.version);
  if (!sameVersion) {
    const shown = apiVersionOf(given);
    throw errors.badRequest(
      `the API version in the data (${shown}) does not match the expected API version (${apiVersionOf(expected)})`,
    );
  }
  if (given.kind !== '' && given.kind !== expected.kind) {
    const why = `converting (v1.${given.kind}) to (core.${expected.kind}): unknown conversion`;
    throw errors.badRequest(
      `${given.kind} in version ${JSON.stringify(expected.version)} cannot be handled as a ${expected.kind}: ${why}`,
    );
  }
}

function report(
  found: readonly string[],
  validation: FieldValidation,
  named: { version: string; kind: string },
  expected: ExpectedKind,
  warn: (text: string) => void,
): void {
  if (found.length === 0 || validation === 'Ignore') return;
  if (validation === 'Warn') {
    for (const text of found) warn(text);
    return;
  }
  throw errors.badRequest(decodeFailureMessage(named, expected.kind, new Error(strictErrorMessage(found))));
}

function asBadRequest(error: unknown, named: { version: string; kind: string }, expected: ExpectedKind): unknown {
  if (!(error instanceof Error) || error.name === 'ApiError' || error.name === 'InvariantError') return error;
  return new ApiError('BadRequest', decodeFailureMessage(named, expected.kind, error), { cause: error });
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
