/** Reads the text of a resource.Quantity. Source: apimachinery/pkg/api/resource/{quantity,suffix}.go. */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** The text is not a quantity. The message is upstream's: clients match on it. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** Value = unscaled * 10^scale. */
export interface ParsedQuantity {
  readonly unscaled: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  /** The text itself counts as canonical: it is kept as written. */
  readonly keepsText: boolean;
}

const WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";

// Sticks to what upstream's scanner accepts, which is a little more than the expression its error quotes ("+" is 0).
const SHAPE = /^([+-]?)0*([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

const SCALE_NANO = -9;
const DIGITS_FAST_MAX = 18; // upstream's int64 path; beyond it, the text is never kept
const EXPONENT_MAX = 10_000; // larger ones would only serve to exhaust memory
const INT64_MAX = (1n << 63n) - 1n;

interface Suffix {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

function decimal(exponent: number): Suffix {
  return { base: 10, exponent, format: 'DecimalSI' };
}

function binary(exponent: number): Suffix {
  return { base: 2, exponent, format: 'BinarySI' };
}

const SUFFIXES: ReadonlyMap<string, Suffix> = new Map([
  ['n', decimal(-9)],
  ['u', decimal(-6)],
  ['m', decimal(-3)],
  ['', decimal(0)],
  ['k', decimal(3)],
  ['M', decimal(6)],
  ['G', decimal(9)],
  ['T', decimal(12)],
  ['P', decimal(15)],
  ['E', decimal(18)],
  ['Ki', binary(10)],
  ['Mi', binary(20)],
  ['Gi', binary(30)],
  ['Ti', binary(40)],
  ['Pi', binary(50)],
  ['Ei', binary(60)],
]);

/** Throws QuantityError. */
export function parseQuantity(text: string): ParsedQuantity {
  const match = text === '' ? null : SHAPE.exec(text);
  if (match === null) throw new QuantityError(WRONG_FORMAT);
  const [, sign = '', integer = '', , fraction = '', suffixText = ''] = match;
  const suffix = readSuffix(suffixText);
  const whole = integer === '' ? '0' : integer;
  const digits = whole + fraction;
  const magnitude = BigInt(digits);
  const negative = sign === '-';
  const fast = fastPath(whole, fraction, suffix, magnitude);
  if (fast === undefined && integer === '' && !/[0-9]/.test(text.slice(0, text.length - suffixText.length))) {
    throw new QuantityError('unable to parse numeric part of quantity');
  }
  if (fast !== undefined) return { ...fast, unscaled: negative ? -fast.unscaled : fast.unscaled };
  return slowPath(magnitude, fraction.length, suffix, negative);
}

function readSuffix(text: string): Suffix {
  const known = SUFFIXES.get(text);
  if (known !== undefined) return known;
  if (!/^[eE][-+]?[0-9]+$/.test(text)) throw new QuantityError(WRONG_SUFFIX);
  const exponent = Number(text.slice(1));
  if (Math.abs(exponent) > EXPONENT_MAX) throw new QuantityError(WRONG_SUFFIX);
  return { base: 10, exponent, format: 'DecimalExponent' };
}

/** What upstream keeps in an int64: the only values whose text may be kept. */
function fastPath(whole: string, fraction: string, suffix: Suffix, magnitude: bigint): ParsedQuantity | undefined {
  const { base, exponent, format } = suffix;
  if (base === 2) {
    const precision = 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1;
    if (fraction !== '' || precision < 0) return undefined;
    const unscaled = magnitude << BigInt(exponent);
    if (unscaled > INT64_MAX) return undefined;
    return { unscaled, scale: 0, format, keepsText: (magnitude & 7n) !== 0n };
  }
  const scale = exponent - fraction.length;
  if (whole.length + fraction.length > DIGITS_FAST_MAX || scale < SCALE_NANO) return undefined;
  const digits = whole + fraction;
  const keepsText = scale % 3 === 0 && !digits.endsWith('000') && digits[0] !== '0';
  return { unscaled: magnitude, scale, format, keepsText };
}

function slowPath(magnitude: bigint, fractionDigits: number, suffix: Suffix, negative: boolean): ParsedQuantity {
  let scale = suffix.base === 10 ? suffix.exponent - fractionDigits : -fractionDigits;
  let unscaled = suffix.base === 10 ? magnitude : magnitude << BigInt(suffix.exponent);
  if (scale < SCALE_NANO) {
    unscaled = divideUp(unscaled, SCALE_NANO - scale);
    scale = SCALE_NANO;
  }
  let { format } = suffix;
  if (format === 'BinarySI') {
    const one = 10n ** BigInt(-scale);
    if (unscaled > INT64_MAX * one) {
      unscaled = INT64_MAX;
      scale = 0;
    } else if (unscaled > 0n && unscaled < one) {
      format = 'DecimalSI';
    }
  }
  return { unscaled: negative ? -unscaled : unscaled, scale, format, keepsText: false };
}

/** `value / 10^places`, rounded away from zero. */
export function divideUp(value: bigint, places: number): bigint {
  const divisor = 10n ** BigInt(places);
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}
