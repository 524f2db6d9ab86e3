/** Strategic merge patch, driven by type facts. Source: apimachinery/pkg/util/strategicpatch/patch.go. */
import type { TypeFacts } from '../schema.ts';
import { badPatch, unexpectedPatch, unprocessable } from './errors.ts';
import {
  itemKind,
  keyOfItem,
  noMergeKey,
  orderItems,
  positionsByKey,
  requireList,
  requireObject,
} from './list-order.ts';
import { PatchSchema, type PatchType } from './patch-schema.ts';
import { formatGo, getKey, isPlain, jsonKind, type Plain, setKey } from './plain.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList';
const ORDER = '$setElementOrder';

/**
 * The object with the patch merged in; the input stays as it is. `typeId` is the type of the object.
 * Throws ApiError: BadRequest for a malformed patch, Invalid, or one of code 500 where upstream does.
 */
export function applyStrategicMergePatch(document: unknown, patch: unknown, typeId: string, facts: TypeFacts): unknown {
  if (patch === null) return document;
  if (!isPlain(patch)) {
    throw badPatch(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  }
  const original = isPlain(document) ? document : {};
  try {
    return new Merger(new PatchSchema(facts)).merge(original, patch, { typeId, goKind: 'struct' });
  } catch (error) {
    if ((error as { listOfLists?: boolean }).listOfLists === true)
      throw unprocessable('lists of lists are not supported');
    throw error;
  }
}

interface MergedList {
  readonly items: readonly unknown[];
  /** By which `$setElementOrder` places what it does not name. */
  readonly serverOrder: readonly unknown[];
}

class Merger {
  readonly #schema: PatchSchema;

  constructor(schema: PatchSchema) {
    this.#schema = schema;
  }

  merge(original: Readonly<Plain>, patch: Readonly<Plain>, type: PatchType): Plain {
    if (Object.hasOwn(patch, DIRECTIVE)) return obeyDirective(patch);
    const result: Plain = { ...original };
    const rest: Plain = { ...patch };
    retainKeys(result, rest);
    for (const key of Object.keys(rest)) {
      if (key.startsWith(ORDER)) this.#mergeOrdered(key, result, rest, type);
    }
    for (const key of Object.keys(rest)) {
      if (!key.startsWith(DELETE_FROM)) this.#mergeField(key, result, rest[key], type, false);
    }
    for (const key of Object.keys(rest)) {
      if (key.startsWith(DELETE_FROM)) {
        const field = fieldOf(key, DELETE_FROM, 'invalid patch format of primitive list');
        this.#mergeField(field, result, rest[key], type, true);
      }
    }
    return result;
  }

  #mergeField(key: string, result: Plain, change: unknown, type: PatchType, isDeleteList: boolean): void {
    if (change === null) {
      delete result[key];
      return;
    }
    const old = getKey(result, key);
    if (isPlain(old) && isPlain(change)) {
      const field = this.#schema.object(type, key);
      setKey(result, key, field.strategy === 'replace' ? change : this.merge(old, change, field.type));
    } else if (Array.isArray(old) && Array.isArray(change)) {
      const { type: item, strategy, mergeKey } = this.#schema.list(type, key);
      const merges = strategy === 'merge' || isDeleteList;
      setKey(result, key, merges ? this.#mergeLists(old, change, item, mergeKey, isDeleteList).items : change);
    } else if (!isDeleteList) {
      takeOver(result, key, withoutNulls(change));
    }
  }

  /** `$setElementOrder/x` with the patch of list `x`, if there is one; both leave `patch`. */
  #mergeOrdered(key: string, result: Plain, patch: Plain, type: PatchType): void {
    const order = requireList(patch[key]);
    delete patch[key];
    const field = fieldOf(key, ORDER, 'invalid patch format of setElementOrder list');
    const old = Object.hasOwn(result, field) ? requireList(result[field]) : undefined;
    const change = Object.hasOwn(patch, field) ? requireList(patch[field]) : undefined;
    const { type: item, strategy, mergeKey } = this.#schema.list(type, field);
    checkOrder(change ?? [], order, mergeKey);
    if (old === undefined && change === undefined) return;
    let merged: MergedList;
    if (old === undefined) merged = { items: removeDirectives(change) as unknown[], serverOrder: [] };
    else if (change === undefined) merged = { items: old, serverOrder: old };
    else if (strategy === 'merge') merged = this.#mergeLists(old, change, item, mergeKey, false);
    else merged = { items: change, serverOrder: old };
    itemKind(old ?? [], change ?? []); // refuses what has no one kind
    setKey(result, field, orderItems(merged.items, order, merged.serverOrder, mergeKey));
    delete patch[field];
  }

  #mergeLists(
    original: readonly unknown[],
    patch: readonly unknown[],
    item: PatchType,
    mergeKey: string,
    isDeleteList: boolean,
  ): MergedList {
    if (original.length === 0 && patch.length === 0) return { items: original, serverOrder: original };
    if (itemKind(original, patch) === 'scalar') {
      if (isDeleteList) {
        const gone = new Set(patch);
        return { items: original.filter((value) => !gone.has(value)), serverOrder: original };
      }
      const items = orderItems([...new Set([...original, ...patch])], patch, original, mergeKey);
      return { items, serverOrder: original };
    }
    if (mergeKey === '') throw unexpectedPatch(`cannot merge lists without merge key for ${item.goKind}`);
    const special = obeyItemDirectives(original as Plain[], patch as Plain[], mergeKey);
    const merged = this.#mergeItems(special.original, special.patch, mergeKey, item);
    return {
      items: orderItems(merged, special.patch, special.original, mergeKey),
      // Upstream works in place: items added take the places of items deleted, also in what it thinks the server had.
      serverOrder: merged.slice(0, original.length),
    };
  }

  #mergeItems(original: readonly Plain[], patch: readonly Plain[], mergeKey: string, type: PatchType): unknown[] {
    const merged: unknown[] = [...original];
    const positions = positionsByKey(original, mergeKey);
    for (const change of patch) {
      const key = keyOfItem(change, mergeKey);
      const at = positions.get(key);
      if (at === undefined) {
        positions.set(key, merged.length);
        merged.push(change);
      } else merged[at] = this.merge(requireObject(merged[at]), change, type);
    }
    return merged;
  }
}

function obeyDirective(patch: Readonly<Plain>): Plain {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace') {
    throw unexpectedPatch(`unknown patch type: ${formatGo(directive)} in map: ${formatGo(patch)}`);
  }
  const { [DIRECTIVE]: _, ...rest } = patch;
  return rest;
}

/** `$patch` among the items of a list: deletes one item, or replaces the whole list by the other items. */
function obeyItemDirectives(
  original: readonly Plain[],
  patch: readonly Plain[],
  mergeKey: string,
): { original: readonly Plain[]; patch: readonly Plain[] } {
  const plain: Plain[] = [];
  const gone = new Set<unknown>();
  let replaces = false;
  for (const item of patch) {
    const directive = getKey(item, DIRECTIVE);
    if (directive === undefined) plain.push(item);
    else if (directive === 'delete') {
      if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
      gone.add(item[mergeKey]);
    } else if (directive === 'replace') replaces = true;
    else if (directive === 'merge') throw unexpectedPatch('merging lists cannot yet be specified in the patch');
    else throw unexpectedPatch(`unknown patch type: ${formatGo(directive)} in map: ${formatGo(item)}`);
  }
  if (replaces) return { original: plain, patch: [] };
  const kept = gone.size === 0 ? original : original.filter((item) => !gone.has(getKey(item, mergeKey)));
  return { original: kept, patch: plain };
}

/** `$retainKeys`: what is not listed goes from the original. Every key of the patch must be listed. */
function retainKeys(result: Plain, patch: Plain): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return;
  const list = patch[RETAIN_KEYS];
  delete patch[RETAIN_KEYS];
  if (!Array.isArray(list)) throw badPatch('invalid patch format of retainKeys');
  const kept = new Set<unknown>(list);
  for (const key of Object.keys(patch)) {
    if (patch[key] === null || key.startsWith(DELETE_FROM) || key.startsWith(ORDER)) continue;
    if (!kept.has(key)) throw badPatch('invalid patch format of retainKeys');
  }
  for (const key of Object.keys(result)) if (!kept.has(key)) delete result[key];
}

function fieldOf(key: string, prefix: string, otherwise: string): string {
  if (key.startsWith(`${prefix}/`)) return key.slice(prefix.length + 1);
  throw badPatch(otherwise);
}

/** The items of the patch must come in the order that the list of all items says. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (order.length === 0 || patch.length === 0) return;
  const kept = mergeKey === '' ? patch : patch.filter((item) => getKey(requireObject(item), DIRECTIVE) !== 'delete');
  let at = 0;
  let place = 0;
  while (at < kept.length && place < order.length) {
    const item = kept[at];
    if (isPlain(item) && Object.hasOwn(item, DIRECTIVE)) {
      at++;
      continue;
    }
    if (keyOfItem(item, mergeKey) === keyOfItem(order[place], mergeKey)) at++;
    place++;
  }
  if (at < kept.length && place >= order.length) {
    const lists = `${formatGo(patch)}\n doesn't match ${ORDER} list:\n${formatGo(order)}\n`;
    throw unexpectedPatch(`The order in patch list:\n${lists}`);
  }
}

function takeOver(result: Plain, key: string, change: unknown): void {
  const value = removeDirectives(change);
  if (value === undefined) delete result[key];
  else setKey(result, key, value);
}

/** undefined for what is itself a directive. */
function removeDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(removeDirectives).filter((item) => item !== undefined);
  if (!isPlain(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const result: Plain = {};
  for (const key of Object.keys(value)) {
    const kept = removeDirectives(value[key]);
    if (kept !== undefined) setKey(result, key, kept);
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isPlain(value)) return value;
  const result: Plain = {};
  for (const key of Object.keys(value)) if (value[key] !== null) setKey(result, key, withoutNulls(value[key]));
  return result;
}
