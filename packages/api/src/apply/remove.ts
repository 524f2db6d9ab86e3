/** Takes fields out of an object. Source: structured-merge-diff v6 typed/remove.go. */
import { type Fields, fieldsBelow, hasElement, isEmptyFields } from './fields.ts';
import { elementOfItem } from './list-items.ts';
import { fieldElement } from './path-element.ts';
import type { ApplyType, ListType, MapType } from './schema.ts';
import { isPlain, type Plain, setKey, shapeFor } from './values.ts';

/** The value without `fields` and what is below them; null when nothing is left of a map or list. */
export function removeFields(value: unknown, fields: Fields, type: ApplyType): unknown {
  switch (shapeFor(type, value)) {
    case 'map':
      return removeFromMap(value, fields, type.map as MapType);
    case 'list':
      return removeFromList(value, fields, type.list as ListType);
    case 'scalar':
      return value;
    default:
      return null;
  }
}

function removeFromMap(value: unknown, fields: Fields, type: MapType): unknown {
  // What is atomic goes as a whole, from the map that holds it.
  if (!isPlain(value) || type.atomic) return null;
  const out: Plain = {};
  let any = false;
  for (const key of Object.keys(value)) {
    const element = fieldElement(key);
    if (hasElement(fields, element)) continue;
    const below = fieldsBelow(fields, element);
    const childType = type.field(key) ?? type.values;
    const child =
      isEmptyFields(below) || childType === undefined ? value[key] : removeFields(value[key], below, childType);
    setKey(out, key, child);
    any = true;
  }
  return any ? out : null;
}

function removeFromList(value: unknown, fields: Fields, type: ListType): unknown {
  if (!Array.isArray(value) || !type.associative) return null;
  const out: unknown[] = [];
  for (const item of value) {
    const found = elementOfItem(type, item);
    if ('problem' in found) {
      out.push(item);
      continue;
    }
    if (hasElement(fields, found.element)) continue;
    const below = fieldsBelow(fields, found.element);
    out.push(isEmptyFields(below) ? item : removeFields(item, below, type.item));
  }
  return out.length > 0 ? out : null;
}
