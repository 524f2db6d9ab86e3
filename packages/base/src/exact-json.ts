/**
 * JSON whose integers keep all their digits. JavaScript's numbers are exact up to 2^53; Go's integers have 64 bits. An integer beyond
 * the first and within the second is a bigint here, every other number stays a number, as in apimachinery's util/json.
 */

const DIGITS_OF_SAFE = 16;
const ZERO = 48;
const NINE = 57;
const INT64_MAX = 2n ** 63n - 1n;
const INTEGER = /^-?\d+$/;

/** Throws SyntaxError. Costs what JSON.parse does, unless the text has an integer of 16 digits or more (in a string or not). */
export function parseExactJson(text: string): unknown {
  if (!mayHoldLongIntegers(text)) return JSON.parse(text) as unknown;
  return (JSON.parse as ParseWithSource)(text, (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source)
      ? exactNumber(BigInt(source))
      : value,
  );
}

/** As JSON.stringify, with bigints as numbers: those alone cost a second pass. */
export function stringifyExactJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // A value that fails for another reason fails here again.
    return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? rawJson(inner) : inner), indent);
  }
}

/** The same as a number, unless only the bigint is exact; beyond 64 bits it is a number, as Go reads it. */
export function exactNumber(value: bigint): number | bigint {
  const rounded = Number(value);
  const isLong = value > INT64_MAX || value < -INT64_MAX - 1n;
  return isLong || Number.isSafeInteger(rounded) ? rounded : value;
}

/** Whether 16 digits follow each other somewhere. Every such run covers an index that is looked at. */
export function mayHoldLongIntegers(text: string): boolean {
  let at = DIGITS_OF_SAFE - 1;
  while (at < text.length) {
    if (!isDigit(text, at)) {
      at += DIGITS_OF_SAFE;
      continue;
    }
    let [first, last] = [at, at];
    while (isDigit(text, first - 1)) first--;
    while (isDigit(text, last + 1)) last++;
    if (last - first + 1 >= DIGITS_OF_SAFE) return true;
    at = last + DIGITS_OF_SAFE;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= ZERO && code <= NINE;
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
type ParseWithSource = (text: string, reviver: Reviver) => unknown;

const rawJson = (value: bigint): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(`${value}`);
