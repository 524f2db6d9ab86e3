/** Lists with a merge key or of scalars: finding and ordering items. Source: strategicpatch/patch.go. */
import { unexpectedPatch } from './errors.ts';
import { formatGo, getKey, isPlain, type Plain } from './plain.ts';

/** Items are told apart by this field; '' means that they are scalars, themselves the key. */
export type MergeKey = string;

export function noMergeKey(item: unknown, mergeKey: string): Error {
  return unexpectedPatch(`map: ${formatGo(item)} does not contain declared merge key: ${mergeKey}`);
}

export function requireObject(item: unknown): Plain {
  if (isPlain(item)) return item;
  throw unexpectedPatch(`expected a map[string]interface {}, but received a ${goType(item)}`);
}

export function requireList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unexpectedPatch(`expected a []interface {}, but received a ${goType(value)}`);
}

/** The value that tells the item apart. Throws when an object lacks it. */
export function keyOfItem(item: unknown, mergeKey: MergeKey): unknown {
  if (mergeKey === '') return item;
  const object = requireObject(item);
  if (!Object.hasOwn(object, mergeKey)) throw noMergeKey(object, mergeKey);
  return object[mergeKey];
}

/** First position of each key. */
export function positionsByKey(items: readonly unknown[], mergeKey: MergeKey): Map<unknown, number> {
  const positions = new Map<unknown, number>();
  for (const [i, item] of items.entries()) {
    const key = looseKey(item, mergeKey);
    if (!positions.has(key)) positions.set(key, i);
  }
  return positions;
}

function looseKey(item: unknown, mergeKey: MergeKey): unknown {
  if (mergeKey === '') return item;
  return isPlain(item) ? (getKey(item, mergeKey) ?? null) : null;
}

/** Kind of the items of both lists, which must all be of one. */
export function itemKind(...lists: readonly (readonly unknown[])[]): 'object' | 'scalar' {
  let kind: string | undefined;
  for (const item of lists.flat(1)) {
    const current = goType(item);
    if (kind === undefined) {
      if (current === '[]interface {}') throw Object.assign(new Error('list of lists'), { listOfLists: true });
      kind = current;
    } else if (kind !== current) {
      throw unexpectedPatch(`list element types are not identical: ${formatGo(lists)}`);
    }
  }
  if (kind === undefined) throw unexpectedPatch('no elements in any of the given slices');
  return kind === 'map[string]interface {}' ? 'object' : 'scalar';
}

/**
 * The merged items in order: those named by `patchOrder` as it says, the others as in `serverOrder`, interleaved so
 * that the places of the others are kept as well as they can.
 */
export function orderItems(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: MergeKey,
): unknown[] {
  const inPatch = positionsByKey(patchOrder, mergeKey);
  const onServer = positionsByKey(serverOrder, mergeKey);
  const ours: unknown[] = [];
  const others: unknown[] = [];
  for (const item of merged) (inPatch.has(keyOfItem(item, mergeKey)) ? ours : others).push(item);
  return interleave(sortBy(others, onServer, mergeKey), sortBy(ours, inPatch, mergeKey), onServer, mergeKey);
}

/** Stable; an item without a position goes before those it meets, as upstream's insertion sort has it. */
function sortBy(items: readonly unknown[], positions: ReadonlyMap<unknown, number>, mergeKey: MergeKey): unknown[] {
  const ranked = items.map((item) => ({ item, rank: positions.get(looseKey(item, mergeKey)) }));
  if (ranked.every(({ rank }) => rank !== undefined)) {
    return ranked.sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0)).map(({ item }) => item);
  }
  for (let i = 1; i < ranked.length; i++) {
    for (let j = i; j > 0 && goesBefore(ranked[j]?.rank, ranked[j - 1]?.rank); j--) {
      const moved = ranked.splice(j, 1);
      ranked.splice(j - 1, 0, ...moved);
    }
  }
  return ranked.map(({ item }) => item);
}

const goesBefore = (a: number | undefined, b: number | undefined): boolean =>
  a === undefined || b === undefined || a < b;

/** Puts each of `left` before the first of `right` that is behind it on the server. */
function interleave(
  left: readonly unknown[],
  right: readonly unknown[],
  onServer: ReadonlyMap<unknown, number>,
  mergeKey: MergeKey,
): unknown[] {
  const result: unknown[] = [];
  let i = 0;
  for (const item of right) {
    const place = onServer.get(looseKey(item, mergeKey));
    while (i < left.length && place !== undefined) {
      const leftPlace = onServer.get(looseKey(left[i], mergeKey));
      if (leftPlace === undefined || leftPlace >= place) break;
      result.push(left[i++]);
    }
    result.push(item);
  }
  return [...result, ...left.slice(i)];
}

function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return 'string';
}
