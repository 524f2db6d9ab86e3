/** JSON as Go's encoding/json writes it: bytes that Go programs compare with their own. */

const ESCAPED = /[<>&\u2028\u2029]/;
const ALL_ESCAPED = /[<>&\u2028\u2029]/g;

/** `value` must have a JSON. Angle brackets, ampersands and line separators are escaped, wherever they stand. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!ESCAPED.test(text)) return text;
  return text.replace(ALL_ESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
