/** Sets of fields seen through a type. Source: structured-merge-diff v6 fieldpath/set.go, typed/reconcile_schema.go. */
import { EMPTY_FIELDS, type Fields, fieldsBelow, isEmptyFields, isMember, makeNode } from './fields.ts';
import { fieldNameOf, isKeyElement, type PathElement } from './path-element.ts';
import type { ApplyType } from './schema.ts';

const SELF = '.';

/** The set with every declared field that has members below it as a member itself. */
export function withNamedFields(set: Fields, type: ApplyType | undefined): Fields {
  const out: Record<PathElement, Fields> = {};
  for (const element in set) {
    if (element === SELF) continue;
    const name = fieldNameOf(element);
    const declared = name === undefined ? undefined : type?.map?.field(name);
    let childType: ApplyType | undefined;
    if (name !== undefined) childType = declared ?? type?.map?.values;
    else if (isKeyElement(element)) childType = type?.list?.item;
    const below = withNamedFields(fieldsBelow(set, element), childType);
    const self = isMember(set[element] as Fields) || declared !== undefined;
    const node = makeNode(self, below);
    if (node !== undefined) out[element] = node;
  }
  return out;
}

/**
 * Fields below what the type by now replaces as a whole become that whole; the set itself when there are none.
 * Happens when a list or map of a schema turned atomic.
 */
export function reconcileFields(set: Fields, type: ApplyType): Fields {
  return reconcileBelow(set, type);
}

function reconcileBelow(set: Fields, type: ApplyType): Fields {
  if (type.map?.untyped === true && !type.map.atomic) return set;
  let out: Record<PathElement, Fields> | undefined;
  for (const element in set) {
    const node = set[element] as Fields;
    const next = reconcileNode(node, typeBelow(type, element));
    if (next === node) continue;
    out ??= { ...set };
    out[element] = next;
  }
  return out ?? set;
}

function reconcileNode(node: Fields, type: ApplyType | undefined): Fields {
  if (type === undefined || isEmptyFields(node)) return node;
  return isWhole(type) ? EMPTY_FIELDS : reconcileBelow(node, type);
}

function typeBelow({ map, list }: ApplyType, element: PathElement): ApplyType | undefined {
  if (element === SELF) return undefined;
  const name = fieldNameOf(element);
  return name === undefined ? list?.item : (map?.field(name) ?? map?.values);
}

/** In the order in which a type of several parts is read without a value: map, scalar, list. */
function isWhole({ map, scalar, list }: ApplyType): boolean {
  if (map !== undefined) return map.atomic;
  return scalar === undefined && list !== undefined && !list.associative;
}
