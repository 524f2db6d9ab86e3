/** Small things about statuses on the wire. */

/** Leaves out zeros, empty texts and absent values: Go's omitempty. The same object every time gives the same text. */
export function omitZero<T extends object>(fields: T): Partial<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== 0 && value !== '');
  return Object.fromEntries(entries) as Partial<T>;
}
