/** Ranges of sizes and costs, which saturate at 2^64 - 1 as upstream's do. Source: cel-go checker/cost.go. */

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Above 2^53 only the magnitude matters. */
export const UNBOUNDED = 2 ** 64;
export const UNKNOWN: Range = { min: 0, max: UNBOUNDED };
export const ZERO: Range = { min: 0, max: 0 };

export const exactly = (value: number): Range => ({ min: value, max: value });
const bounded = (value: number): number => Math.min(value, UNBOUNDED);

export const add = (...all: readonly Range[]): Range =>
  all.reduce((a, b) => ({ min: bounded(a.min + b.min), max: bounded(a.max + b.max) }), ZERO);
export const multiply = (a: Range, b: Range): Range => ({ min: bounded(a.min * b.min), max: bounded(a.max * b.max) });
/** Rounded up. */
export const times = (a: Range, factor: number): Range => ({
  min: bounded(Math.ceil(a.min * factor)),
  max: bounded(Math.ceil(a.max * factor)),
});
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
