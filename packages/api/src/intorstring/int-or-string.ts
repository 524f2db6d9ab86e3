/** Numbers or percentages, ports by number or name. Source: apimachinery/pkg/util/intstr/intstr.go. */

export type IntOrString = number | string;

const INT32_MAX = 2 ** 31 - 1;

/** The text is no percentage. The message is upstream's. */
export class IntOrStringError extends Error {
  override readonly name = 'IntOrStringError';
}

/** `80` becomes a number when it fits in 32 bits, all else stays text. */
export function parseIntOrString(text: string): IntOrString {
  if (!/^[-+]?[0-9]+$/.test(text)) return text;
  const value = Number(text);
  return value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : text;
}

/** The number; of text, the number it spells, and 0 when it spells none. */
export function intValueOf(value: IntOrString): number {
  if (typeof value === 'number') return value;
  return /^[-+]?[0-9]+$/.test(value) ? Number(value) : 0;
}

/** A number as it is, `25%` of `total` rounded as asked. Throws IntOrStringError for other text and undefined. */
export function scaledValueOf(value: IntOrString | undefined, total: number, rounding: 'up' | 'down'): number {
  if (value === undefined) throw new IntOrStringError('nil value for IntOrString');
  if (typeof value === 'number') return value;
  const wrong = (detail: string) => new IntOrStringError(`invalid value for IntOrString: ${detail}`);
  if (!value.endsWith('%')) throw wrong('invalid type: string is not a percentage');
  const digits = value.slice(0, -1);
  if (!/^[-+]?[0-9]+$/.test(digits)) {
    throw wrong(
      `invalid value ${JSON.stringify(value)}: strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`,
    );
  }
  const share = (Number(digits) * total) / 100;
  return (rounding === 'up' ? Math.ceil(share) : Math.floor(share)) + 0;
}
