/** How an item of an associative list is told apart. Source: structured-merge-diff v6 typed/helpers.go. */
import { keyElement, type PathElement, valueElement } from './path-element.ts';
import type { ListType } from './schema.ts';
import { isPlain } from './values.ts';

/** The element, or why there is none. */
export type ItemElement = { readonly element: PathElement } | { readonly problem: string };

export function elementOfItem(list: ListType, item: unknown): ItemElement {
  return list.keys.length > 0 ? keyedItem(list, item) : setItem(item);
}

function keyedItem(list: ListType, item: unknown): ItemElement {
  if (item === null) return { problem: 'associative list with keys may not have a null element' };
  if (!isPlain(item)) return { problem: 'associative list with keys may not have non-map elements' };
  const pairs: [string, unknown][] = [];
  for (const key of list.keys) {
    const value = Object.hasOwn(item, key) ? item[key] : list.keyDefault(key);
    if (value !== undefined) pairs.push([key, value]);
  }
  if (pairs.length > 0) return { element: keyElement(pairs) };
  const keys = `["${list.keys.join('" "')}"]`;
  return {
    problem:
      `associative list with keys has an element that omits all key fields ${keys} ` +
      "(and doesn't have default values for any key fields)",
  };
}

function setItem(item: unknown): ItemElement {
  if (item === null) return { problem: "associative list without keys has an element that's an explicit null" };
  if (Array.isArray(item)) return { problem: 'not supported: associative list with lists as elements' };
  if (isPlain(item)) return { problem: "associative list without keys has an element that's a map type" };
  return { element: valueElement(item) };
}
