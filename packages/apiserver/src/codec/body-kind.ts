/**
 * What a request body says it is, and how upstream words a body that is something else.
 * Source: apimachinery/pkg/runtime/serializer/json/{json,meta}.go, apiserver/pkg/endpoints/handlers/{create,rest}.go.
 */
import { apiVersionOf, type BuiltInTypeFacts, decodeFailureMessage, type UnknownObject } from '@kapella/api';
import { ApiError, errors, FieldErrors, stringifyExactJson } from '@kapella/base';
import type { ExpectedKind, Gvk } from './codecs.ts';

const SUMMARY_BYTES_MAX = 30;
const GO_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
/** Where upstream's table of types is made; the words name it. */
export const SCHEME = 'pkg/runtime/scheme.go:111';

/** The body does not even say what it is. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

export function gvkOf(object: { readonly kind?: string; readonly apiVersion?: string }): Gvk {
  const { kind = '', apiVersion = '' } = object;
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The parsed body as an object; null counts as an empty one. Throws UnreadableError. */
export function objectOfBody(value: unknown, isCustom: boolean): UnknownObject {
  if (value === null && !isCustom) return {} as UnknownObject;
  if (value === null) throw new UnreadableError("Object 'Kind' is missing in 'null'");
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw unreadableJson(`json: cannot unmarshal ${goType(value)} into Go value of type ${GO_META}`);
  }
  const object = value as UnknownObject;
  for (const field of ['apiVersion', 'kind'] as const) {
    const given: unknown = object[field];
    if (given === undefined || given === null || typeof given === 'string') continue;
    throw unreadableJson(`json: cannot unmarshal ${goType(given)} into Go struct field .${field} of type string`);
  }
  return object;
}

export const unreadableJson = (why: string, cause?: unknown): UnreadableError =>
  new UnreadableError(`couldn't get version/kind; json parse error: ${why}`, { cause });

/** Absent names mean the expected ones. Throws BadRequest; of custom resources Invalid; UnreadableError. */
export function checkKind(object: UnknownObject, expected: ExpectedKind, facts: BuiltInTypeFacts): void {
  const given = gvkOf({ kind: object.kind ?? '', apiVersion: object.apiVersion ?? '' });
  if ((object.apiVersion ?? '').split('/').length > 2) {
    throw new UnreadableError(`unexpected GroupVersion string: ${object.apiVersion}`);
  }
  if (expected.typeId === undefined) {
    checkCustomKind(object, given, expected);
    return;
  }
  const full = {
    ...(given.version === '' ? { group: expected.group, version: expected.version } : given),
    kind: given.kind === '' ? expected.kind : given.kind,
  };
  const why = kindFault(full, expected, facts);
  if (why === undefined) return;
  if (why === OTHER_VERSION) throw versionMismatch(full, expected);
  throw errors.badRequest(decodeFailureMessage(full, expected.kind, new Error(why)));
}

/** Another version of the expected kind: it could be read, but is not what was asked for. */
export const OTHER_VERSION = 'other version';

/** Why what is named so cannot be the expected built-in kind; undefined: it is. */
export function kindFault(given: Gvk, expected: ExpectedKind, facts: BuiltInTypeFacts): string | undefined {
  if (isVersionOf(given, expected) && given.kind === expected.kind) return undefined;
  if (facts.typeIdOf(given) === undefined) {
    return `no kind "${given.kind}" is registered for version "${apiVersionOf(given)}" in scheme "${SCHEME}"`;
  }
  if (given.group === expected.group && given.kind === expected.kind) return OTHER_VERSION;
  const internal = expected.group === '' ? 'core' : expected.group.split('.')[0];
  return `converting (${given.version}.${given.kind}) to (${internal}.${expected.kind}): unknown conversion`;
}

const isVersionOf = (given: Gvk, expected: Gvk) => given.group === expected.group && given.version === expected.version;

function checkCustomKind(object: UnknownObject, given: Gvk, expected: ExpectedKind): void {
  if (given.kind === '') throw new UnreadableError(`Object 'Kind' is missing in '${stringifyExactJson(object)}'`);
  if (given.version !== '' && !isVersionOf(given, expected)) throw versionMismatch(given, expected);
  if (given.kind === expected.kind) return;
  const found = new FieldErrors();
  found.invalid('kind', given.kind, `must be ${expected.kind}`);
  const name = typeof object.metadata?.name === 'string' ? object.metadata.name : '';
  throw found.toApiError({ group: expected.group, kind: given.kind, name });
}

function versionMismatch(given: Gvk, expected: Gvk): ApiError {
  return errors.badRequest(
    `the API version in the data (${apiVersionOf(given)}) does not match the expected API version (${apiVersionOf(expected)})`,
  );
}

/** The BadRequest that a fault of decoding is; other errors as they are. */
export function asBadRequest(error: unknown, expected: ExpectedKind, body: Uint8Array | undefined): unknown {
  if (!(error instanceof Error) || error.name === 'ApiError' || error.name === 'InvariantError') return error;
  const message =
    error instanceof UnreadableError
      ? `the object provided is unrecognized (must be of type ${expected.kind}): ${error.message} (${summary(body)})`
      : decodeFailureMessage(expected, expected.kind, error);
  return new ApiError('BadRequest', message, { cause: error });
}

/** JSON as it is, other bodies in hexadecimal digits. */
function summary(body: Uint8Array | undefined): string {
  if (body === undefined || body.length === 0) return '<empty>';
  const start = body.subarray(0, SUMMARY_BYTES_MAX);
  const isObject = body[0] === 123;
  const shown = isObject
    ? new TextDecoder().decode(start)
    : [...start].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return body.length > SUMMARY_BYTES_MAX ? `${shown} ...` : shown;
}
