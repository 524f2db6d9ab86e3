/** The set of fields that an object mentions. Source: structured-merge-diff v6 typed/tofieldset.go. */
import { EMPTY_FIELDS, type Fields, isEmptyFields, makeNode } from './fields.ts';
import { elementOfItem } from './list-items.ts';
import { fieldElement } from './path-element.ts';
import type { ApplyType, ListType, MapType } from './schema.ts';
import { isPlain, shapeFor } from './values.ts';

export function fieldSetOf(value: unknown, type: ApplyType): Fields {
  return visit(value, type).below ?? EMPTY_FIELDS;
}

interface Visited {
  readonly self: boolean;
  readonly below?: Fields;
}

const LEAF: Visited = { self: true };
const NOTHING: Visited = { self: false };

function visit(value: unknown, type: ApplyType): Visited {
  switch (shapeFor(type, value)) {
    case 'map':
      return visitMap(value, type.map as MapType);
    case 'list':
      return visitList(value, type.list as ListType);
    case 'scalar':
      return LEAF;
    default:
      return NOTHING;
  }
}

function visitMap(value: unknown, type: MapType): Visited {
  if (type.atomic) return LEAF;
  if (!isPlain(value)) return NOTHING;
  const below: Record<string, Fields> = {};
  for (const key of Object.keys(value)) {
    const child = value[key];
    if (child === undefined) continue;
    const declared = type.field(key);
    const childType = declared ?? type.values;
    const visited = childType === undefined ? NOTHING : visit(child, childType);
    const isLeaf = child === null || (isPlain(child) && isEmptyFields(child as Fields));
    const node = makeNode(visited.self || isLeaf || declared === undefined, visited.below);
    if (node !== undefined) below[fieldElement(key)] = node;
  }
  return { self: false, below };
}

function visitList(value: unknown, type: ListType): Visited {
  if (!type.associative) return LEAF;
  if (!Array.isArray(value)) return NOTHING;
  const below: Record<string, Fields> = {};
  const seen = new Set<string>();
  for (const item of value) {
    const found = elementOfItem(type, item);
    if ('problem' in found) continue;
    // Of items that cannot be told apart only the key is owned.
    const visited = seen.has(found.element) ? NOTHING : visit(item, type.item);
    seen.add(found.element);
    below[found.element] = makeNode(true, visited.below) ?? EMPTY_FIELDS;
  }
  return { self: false, below };
}
