/** Amounts as plain numbers, for schedulers and limits: no BigInt on the common path. */
import { Quantity } from './quantity.ts';

const DIGITS_MAX = 12; // the product with the largest multiplier below stays an exact integer

/** Whole units, rounded up. Throws QuantityError. */
export function quantityValue(text: string | number): number {
  return readPlain(text, 1) ?? Quantity.parse(text).value();
}

/** Thousandths, rounded up. Throws QuantityError. */
export function quantityMilli(text: string | number): number {
  return readPlain(text, 1000) ?? Quantity.parse(text).milliValue();
}

/** A whole number with a plain suffix, times `unit`; undefined for all else. */
function readPlain(value: string | number, unit: 1 | 1000): number | undefined {
  if (typeof value === 'number') {
    return Number.isInteger(value) && Number.isSafeInteger(value * unit) ? value * unit : undefined;
  }
  let digits = 0;
  let amount = 0;
  for (; digits < value.length; digits++) {
    const code = value.charCodeAt(digits) - 48;
    if (code < 0 || code > 9) break;
    amount = amount * 10 + code;
  }
  if (digits === 0 || digits > DIGITS_MAX) return undefined;
  const result = scale(amount, value, digits, unit);
  return result !== undefined && Number.isSafeInteger(result) ? result : undefined;
}

function scale(amount: number, text: string, at: number, unit: 1 | 1000): number | undefined {
  const rest = text.length - at;
  if (rest === 0) return amount * unit;
  if (rest === 1) {
    switch (text[at]) {
      case 'm':
        return unit === 1000 ? amount : Math.ceil(amount / 1000);
      case 'k':
        return amount * 1e3 * unit;
      case 'M':
        return amount * 1e6 * unit;
      case 'G':
        return amount * 1e9 * unit;
      default:
        return undefined;
    }
  }
  if (rest !== 2 || text[at + 1] !== 'i') return undefined;
  switch (text[at]) {
    case 'K':
      return amount * 1024 * unit;
    case 'M':
      return amount * 1048576 * unit;
    case 'G':
      return amount * 1073741824 * unit;
    case 'T':
      return amount * 1099511627776 * unit;
    default:
      return undefined;
  }
}
