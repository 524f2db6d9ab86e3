/** JSON Merge Patch, RFC 7386. Source: gopkg.in/evanphx/json-patch.v4, merge.go. */
import { badPatch } from './errors.ts';
import { isPlain, jsonKind, type Plain, setKey } from './plain.ts';

/** The document with the patch merged in; the input stays as it is. Throws ApiError BadRequest. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (patch === null) throw badPatch('Invalid JSON Patch');
  if (!isPlain(patch)) {
    const type = 'map[string]interface {}';
    throw badPatch(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type ${type}`);
  }
  return isPlain(document) ? mergeObjects(document, patch) : withoutNulls(patch);
}

function mergeObjects(current: Readonly<Plain>, patch: Readonly<Plain>): Plain {
  const result: Plain = { ...current };
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === null) {
      delete result[key];
      continue;
    }
    const old = Object.hasOwn(result, key) ? result[key] : undefined;
    setKey(result, key, isPlain(old) ? mergeInto(old, change) : withoutNulls(change));
  }
  return result;
}

function mergeInto(current: Readonly<Plain>, change: unknown): unknown {
  return isPlain(change) ? mergeObjects(current, change) : change;
}

/** Where there was nothing to remove, null says nothing. Nulls that are items of arrays stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isPlain(value)) return value;
  const result: Plain = {};
  for (const key of Object.keys(value)) if (value[key] !== null) setKey(result, key, withoutNulls(value[key]));
  return result;
}
