/** Amounts of resources: `500m`, `1.5Gi`, `1e3`. Source: apimachinery/pkg/api/resource/quantity.go. */
import { divideUp, parseQuantity, type QuantityFormat } from './parse.ts';

const SCALE_MILLI = -3;
const DECIMAL_SUFFIXES: ReadonlyMap<number, string> = new Map([
  [-9, 'n'],
  [-6, 'u'],
  [-3, 'm'],
  [0, ''],
  [3, 'k'],
  [6, 'M'],
  [9, 'G'],
  [12, 'T'],
  [15, 'P'],
  [18, 'E'],
]);
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** Immutable and exact. Its format (decimal, binary, exponent) decides how it is written. */
export class Quantity {
  static readonly zero: Quantity = new Quantity(0n, 0, 'DecimalSI', '0');

  readonly #unscaled: bigint;
  readonly #scale: number;
  readonly format: QuantityFormat;
  #text: string | undefined;

  private constructor(unscaled: bigint, scale: number, format: QuantityFormat, text?: string) {
    this.#unscaled = unscaled;
    this.#scale = scale;
    this.format = format;
    this.#text = text;
  }

  /** Throws QuantityError with upstream's message. Numbers are taken as they print: `1`, `0.5`. */
  static parse(value: string | number): Quantity {
    const text = String(value);
    const { unscaled, scale, format, keepsText } = parseQuantity(text);
    return new Quantity(unscaled, scale, format, keepsText ? text : undefined);
  }

  /** `value` whole units. */
  static of(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value), 0, format);
  }

  /** `milli` thousandths of a unit: CPU time. */
  static ofMilli(milli: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(milli), SCALE_MILLI, format);
  }

  get isZero(): boolean {
    return this.#unscaled === 0n;
  }

  get sign(): -1 | 0 | 1 {
    if (this.#unscaled === 0n) return 0;
    return this.#unscaled < 0n ? -1 : 1;
  }

  compare(other: Quantity): -1 | 0 | 1 {
    if (this.sign !== other.sign) return this.sign < other.sign ? -1 : 1;
    const scale = Math.min(this.#scale, other.#scale);
    const left = this.#at(scale);
    const right = other.#at(scale);
    if (left === right) return 0;
    return left < right ? -1 : 1;
  }

  /** Same amount; the way it is written does not matter. */
  equals(other: Quantity): boolean {
    return this.compare(other) === 0;
  }

  /** In this quantity's format, or in the other's when this is zero. */
  add(other: Quantity): Quantity {
    const scale = Math.min(this.#scale, other.#scale);
    const format = this.isZero ? other.format : this.format;
    return new Quantity(this.#at(scale) + other.#at(scale), scale, format);
  }

  sub(other: Quantity): Quantity {
    return this.add(other.negate());
  }

  negate(): Quantity {
    return new Quantity(-this.#unscaled, this.#scale, this.format);
  }

  /** Approximate: as close as a double comes. */
  toNumber(): number {
    const base = Number(this.#unscaled);
    return this.#scale < 0 ? base / 10 ** -this.#scale : base * 10 ** this.#scale;
  }

  /** Whole units, rounded away from zero. */
  value(): number {
    return Number(this.scaledValue(0));
  }

  /** Thousandths, rounded away from zero. */
  milliValue(): number {
    return Number(this.scaledValue(SCALE_MILLI));
  }

  /** In units of 10^scale, rounded away from zero, exact however large. */
  scaledValue(scale: number): bigint {
    return this.#scale >= scale ? this.#at(scale) : divideUp(this.#unscaled, scale - this.#scale);
  }

  /** Rounded away from zero to a multiple of 10^scale. */
  roundUp(scale: number): Quantity {
    return this.#scale >= scale ? this : new Quantity(this.scaledValue(scale), scale, this.format);
  }

  /** The form that goes on the wire. */
  toString(): string {
    this.#text ??= this.#canonical();
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  #at(scale: number): bigint {
    return this.#scale === scale ? this.#unscaled : this.#unscaled * 10n ** BigInt(this.#scale - scale);
  }

  #canonical(): string {
    if (this.isZero) return '0';
    if (this.format === 'BinarySI' && this.#fitsBinary()) return writeBinary(this.scaledValue(0));
    const format = this.format === 'BinarySI' ? 'DecimalSI' : this.format;
    return writeDecimal(this.#unscaled, this.#scale, format);
  }

  /** Whole and at least 1024: the rest reads better in decimal. */
  #fitsBinary(): boolean {
    const whole = this.scaledValue(0);
    const small = whole > -1024n && whole < 1024n;
    return !small && (this.#scale >= 0 || whole * 10n ** BigInt(-this.#scale) === this.#unscaled);
  }
}

function writeDecimal(unscaled: bigint, scale: number, format: QuantityFormat): string {
  let mantissa = unscaled;
  let exponent = scale;
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent++;
  }
  while (exponent % 3 !== 0) {
    mantissa *= 10n;
    exponent--;
  }
  const suffix = format === 'DecimalSI' ? DECIMAL_SUFFIXES.get(exponent) : undefined;
  if (suffix !== undefined) return `${mantissa}${suffix}`;
  // Upstream loses the exponent of 1000E and more in DecimalSI; the value matters more than that.
  return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
}

function writeBinary(whole: bigint): string {
  let mantissa = whole;
  let power = 0;
  while (power < BINARY_SUFFIXES.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power++;
  }
  return `${mantissa}${BINARY_SUFFIXES[power]}`;
}
