/** JSON as Go's encoding/json writes it: bytes that Go programs compare with their own. */

const ESCAPED = /[<>&\u2028\u2029]/;
const ALL_ESCAPED = /[<>&\u2028\u2029]/g;

/** The same value with the keys of every object in order, as Go writes those of its maps. Pure. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

/** `value` must have a JSON. Angle brackets, ampersands and line separators are escaped, wherever they stand. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!ESCAPED.test(text)) return text;
  return text.replace(ALL_ESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
