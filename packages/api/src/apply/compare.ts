/** What changed between two states of an object. Source: structured-merge-diff v6 typed/compare.go. */
import { EMPTY_FIELDS, type Fields, makeNode, unionFields } from './fields.ts';
import { elementOfItem } from './list-items.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import type { ApplyType, ListType, MapType } from './schema.ts';
import { getKey, isMixed, isPlain, type Plain, type Shape, sameValue, shapeFor } from './values.ts';

export interface Comparison {
  readonly removed: Fields;
  readonly modified: Fields;
  readonly added: Fields;
}

export const NO_CHANGES: Comparison = { removed: EMPTY_FIELDS, modified: EMPTY_FIELDS, added: EMPTY_FIELDS };

type Kind = keyof Comparison;

/** The change at one place (`self`) and below it. */
interface Change {
  self: Kind | undefined;
  below: Below | undefined;
}

type Below = { [kind in Kind]?: Record<PathElement, Fields> };

/** undefined: nothing changed. */
type Found = Change | undefined;

export function compareObjects(old: unknown, next: unknown, type: ApplyType): Comparison {
  const below = compareValues(old, next, type)?.below;
  if (below === undefined) return NO_CHANGES;
  return {
    removed: below.removed ?? EMPTY_FIELDS,
    modified: below.modified ?? EMPTY_FIELDS,
    added: below.added ?? EMPTY_FIELDS,
  };
}

/** undefined stands for an absent value; at least one is present. */
function compareValues(old: unknown, next: unknown, type: ApplyType): Found {
  if (old === next) return undefined;
  const shape = shapeFor(type, next === undefined ? old : next);
  if (old !== undefined && next !== undefined && isMixed(type)) {
    const oldShape = shapeFor(type, old);
    if (oldShape !== shape) return merged(compareAs(oldShape, old, next, type), compareAs(shape, old, next, type));
  }
  return compareAs(shape, old, next, type);
}

function compareAs(shape: Shape, old: unknown, next: unknown, type: ApplyType): Found {
  switch (shape) {
    case 'map':
      return compareMaps(old, next, type.map as MapType);
    case 'list':
      return compareLists(old, next, type.list as ListType);
    case 'scalar':
      return compareLeaves(old, next);
    default:
      return undefined;
  }
}

function compareLeaves(old: unknown, next: unknown): Found {
  const self = presence(old, next) ?? (sameValue(old, next) ? undefined : 'modified');
  return self === undefined ? undefined : { self, below: undefined };
}

function presence(old: unknown, next: unknown): Kind | undefined {
  if (old === undefined) return 'added';
  return next === undefined ? 'removed' : undefined;
}

function compareMaps(old: unknown, next: unknown, type: MapType): Found {
  const left = isPlain(old) ? old : NOTHING;
  const right = isPlain(next) ? next : NOTHING;
  if (type.atomic || (isBlank(left) && isBlank(right))) return compareLeaves(old, next);
  const change: Change = { self: presence(old, next), below: undefined };
  for (const key of Object.keys(left)) compareField(change, key, left[key], getKey(right, key), type);
  for (const key of Object.keys(right)) {
    if (getKey(left, key) === undefined) compareField(change, key, undefined, right[key], type);
  }
  return ifAny(change);
}

const NOTHING: Readonly<Plain> = Object.freeze({});

function ifAny(change: Change): Found {
  return change.self === undefined && change.below === undefined ? undefined : change;
}

function isBlank(map: Readonly<Plain>): boolean {
  for (const _ in map) return false;
  return true;
}

function compareField(change: Change, key: string, old: unknown, next: unknown, type: MapType): void {
  if (old === next) return;
  const fieldType = type.field(key) ?? type.values;
  if (fieldType === undefined) return; // not declared: nothing can own it
  note(change, fieldElement(key), compareValues(old, next, fieldType));
}

function compareLists(old: unknown, next: unknown, type: ListType): Found {
  const left: readonly unknown[] = Array.isArray(old) ? old : [];
  const right: readonly unknown[] = Array.isArray(next) ? next : [];
  if (!type.associative || left.length + right.length === 0) return compareLeaves(old, next);
  const change: Change = { self: presence(old, next), below: undefined };
  const before = groupItems(left, type);
  const after = groupItems(right, type);
  for (const [element, items] of before) compareItems(change, element, items, after.get(element) ?? [], type.item);
  for (const [element, items] of after) if (!before.has(element)) compareItems(change, element, [], items, type.item);
  return ifAny(change);
}

/** Stored objects may hold items that cannot be told apart. */
function groupItems(items: readonly unknown[], type: ListType): Map<PathElement, unknown[]> {
  const groups = new Map<PathElement, unknown[]>();
  for (const item of items) {
    const found = elementOfItem(type, item);
    if ('problem' in found) continue;
    const group = groups.get(found.element);
    if (group === undefined) groups.set(found.element, [item]);
    else group.push(item);
  }
  return groups;
}

function compareItems(
  change: Change,
  element: PathElement,
  old: readonly unknown[],
  next: readonly unknown[],
  type: ApplyType,
): void {
  if (old.length <= 1 && next.length <= 1) {
    note(change, element, compareValues(old[0], next[0], type));
  } else if (old.length >= 2 && next.length >= 2) {
    if (!sameValue(old, next)) note(change, element, { self: 'modified', below: undefined });
  } else if (old.length >= 2) {
    if (next.length > 0) note(change, element, compareValues(undefined, next[0], type));
    note(change, element, { self: 'removed', below: undefined });
  } else {
    if (old.length > 0) note(change, element, compareValues(old[0], undefined, type));
    note(change, element, { self: 'added', below: undefined });
  }
}

const KINDS = ['removed', 'modified', 'added'] as const;

/** Hangs the change of one element below `change`. */
function note(change: Change, element: PathElement, found: Found): void {
  if (found === undefined) return;
  change.below ??= {};
  for (const kind of KINDS) {
    const below = found.below?.[kind];
    if (found.self !== kind && below === undefined) continue;
    const node = makeNode(found.self === kind, below);
    if (node === undefined) continue;
    const siblings = change.below[kind] ?? {};
    change.below[kind] = siblings;
    const known = siblings[element];
    siblings[element] = known === undefined ? node : joinNodes(known, node, element);
  }
}

function joinNodes(a: Fields, b: Fields, element: PathElement): Fields {
  return unionFields({ [element]: a }, { [element]: b })[element] ?? a;
}

/** The value changed its kind: what both readings of the change say. */
function merged(a: Found, b: Found): Found {
  if (a === undefined || b === undefined) return a ?? b;
  const below: Below = {};
  for (const kind of KINDS) {
    const left = a.below?.[kind];
    const right = b.below?.[kind];
    if (left !== undefined || right !== undefined) {
      below[kind] = { ...unionFields(left ?? EMPTY_FIELDS, right ?? EMPTY_FIELDS) };
    }
  }
  return { self: b.self ?? a.self, below };
}
