/** PATCH in its four types. Source: apiserver/pkg/endpoints/handlers/patch.go. */
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  cloneJson,
  parseText,
  type UnknownObject,
} from '@kapella/api';
import { ApiError, errors, FieldErrors, stringifyExactJson } from '@kapella/base';
import { decodeCbor } from '../codec/cbor.ts';
import { type Codecs, type ExpectedKind, PatchResultError } from '../codec/codecs.ts';
import { unsupportedMediaType } from '../http/media.ts';
import { checkWriteOptions, type FieldValidation } from '../http/parameters.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const CONTENT_TYPES: ReadonlyMap<string, PatchType> = new Map([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/apply-patch+yaml', 'apply'],
]);
const decoder = new TextDecoder('utf-8', { fatal: true });

/** As apply, with a body in CBOR. */
const APPLY_CBOR_TYPE = 'application/apply-patch+cbor';

/** Throws UnsupportedMediaType; custom resources have no strategic merge. */
export function patchTypeOf(contentType: string | undefined, custom: boolean, cbor: boolean): PatchType {
  const name = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const type = cbor && name === APPLY_CBOR_TYPE ? 'apply' : CONTENT_TYPES.get(name);
  if (type !== undefined && !(custom && type === 'strategic')) return type;
  // As upstream's router, which custom resources do not go through.
  if (!custom) throw new ApiError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  const allowed = [...CONTENT_TYPES].filter(([, kind]) => !(custom && kind === 'strategic')).map(([text]) => text);
  throw unsupportedMediaType(name, cbor ? [...allowed, APPLY_CBOR_TYPE] : allowed);
}

export function isApplyCbor(contentType: string | undefined): boolean {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() === APPLY_CBOR_TYPE;
}

export interface ParsedPatch {
  readonly value: unknown;
  /** Keys that are there twice, in the words that strict clients are told. */
  readonly strictErrors: readonly string[];
}

export const YAML_HEAD = 'error converting YAML to JSON:';

/** Throws BadRequest. */
export function parsePatch(bytes: Uint8Array, type: PatchType, isCbor: boolean, codecs: Codecs): ParsedPatch {
  try {
    if (isCbor) return { value: decodeCbor(bytes), strictErrors: [] };
    const text = decoder.decode(bytes);
    return parseText(text, type === 'apply' ? 'yaml' : 'json', codecs.facts);
  } catch (error) {
    const head =
      type === 'apply' ? `error decoding YAML: ${YAML_HEAD} ` : type === 'strategic' ? '' : 'error decoding patch: ';
    throw new ApiError('BadRequest', `${head}${(error as Error).message}`, { cause: error });
  }
}

/**
 * The patched object, decoded again so that it has only what its type has. `old` stays as it is.
 * Throws BadRequest for a patch that is none, Invalid for a result that does not fit the type.
 */
export function patchObject(
  codecs: Codecs,
  expected: ExpectedKind,
  type: Exclude<PatchType, 'apply'>,
  old: UnknownObject,
  { value: patch, strictErrors }: ParsedPatch,
  validation: FieldValidation,
  warn: (text: string) => void,
): UnknownObject {
  let patched: unknown;
  if (type === 'json') patched = applyJsonPatch(old, patch);
  else if (type === 'merge') patched = applyMergePatch(old, patch);
  else patched = applyStrategicMergePatch(old, patch, expected.typeId as string, codecs.facts);
  const found = type === 'json' ? strictErrors.map((text) => `json patch ${text}`) : strictErrors;
  // The decoder keeps parts of what it is given, and shared objects must not change.
  const copy = cloneJson(patched);
  try {
    return codecs.normalizePatched(copy, expected, found, validation, warn);
  } catch (error) {
    if (!(error instanceof PatchResultError)) throw error;
    throw unfit(type === 'strategic' ? goMap(patch) : stringifyExactJson(sorted(patched)), error.message);
  }
}

/** Source: apiserver/pkg/endpoints/handlers/patch.go: the kind of what was patched is not told. */
function unfit(value: string, why: string): ApiError {
  const found = new FieldErrors();
  found.invalid('patch', value, why);
  return found.toApiError({ group: '', kind: '', name: '' });
}

/** Keys in the order in which Go writes those of a map: all of them, for what a JSON patch has gone through is one. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As Go prints a map: `map[a:1 b:[x y]]`. */
function goMap(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goMap).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const parts = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${key}:${goMap(inner)}`);
  return `map[${parts.join(' ')}]`;
}

/** Throws Invalid for options that do not go with the type, or with anything. */
export function checkPatchOptions(type: PatchType, query: URLSearchParams): void {
  const found = new FieldErrors();
  if (type === 'apply') {
    if ((query.get('fieldManager') ?? '') === '') found.required('fieldManager', 'is required for apply patch');
  } else if (query.get('force') !== null) found.forbidden('force', 'may not be specified for non-apply patch');
  checkWriteOptions(query, 'PatchOptions', found);
}

/** Throws BadRequest when the body names another object than the path. Absent names are filled in by the caller. */
export function checkNames(object: UnknownObject, name: string, namespace: string): void {
  const { name: given = '', namespace: givenNamespace = '' } = object.metadata;
  if (given === '') {
    throw errors.badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (given !== name) {
    throw errors.badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  }
  if (namespace !== '' && givenNamespace !== '' && givenNamespace !== namespace) {
    throw errors.badRequest(
      `the namespace of the object (${givenNamespace}) does not match the namespace on the request (${namespace})`,
    );
  }
}
