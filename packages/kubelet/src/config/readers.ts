/** How single values of the configuration are read. Each throws an Error that names the field. */
import { parseDurationMs, quantityValue } from '@kapella/api';

export type Texts = Readonly<Record<string, string>>;
export type Reader = (value: unknown, path: string) => unknown;

export const fail = (path: string, what: string): never => {
  throw new Error(`KubeletConfiguration: ${path}: ${what}`);
};
export const text: Reader = (v, p) => (typeof v === 'string' ? v : fail(p, 'must be a string'));
export const flag: Reader = (v, p) => (typeof v === 'boolean' ? v : fail(p, 'must be true or false'));
export const whole: Reader = (v, p) => (Number.isSafeInteger(v) ? v : fail(p, 'must be a whole number'));
export const percent: Reader = (v, p) =>
  Number.isInteger(v) && Number(v) >= 0 && Number(v) <= 100 ? v : fail(p, 'must be between 0 and 100');
export const duration: Reader = (v, p) =>
  parseDurationMs(String(v)) ?? fail(p, `time: invalid duration "${String(v)}": write it as 30s or 5m`);
export const size: Reader = (v, p) => {
  try {
    return quantityValue(v as string);
  } catch {
    return fail(p, 'must be a quantity such as 10Mi');
  }
};
export const texts: Reader = (v, p) => {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) return fail(p, 'must be a map of strings');
  const result: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(v)) result[key] = String(text(value, `${p}.${key}`));
  return result;
};
export const listOf =
  (item: Reader): Reader =>
  (v, p) =>
    Array.isArray(v) ? v.map((one, i) => item(one, `${p}[${i}]`)) : fail(p, 'must be a list');
export const words = listOf(text);
export const oneOf =
  (...allowed: readonly string[]): Reader =>
  (v, p) =>
    allowed.includes(String(v)) ? v : fail(p, `must be one of ${allowed.map((word) => word || '""').join(', ')}`);
export const section = (v: unknown, p: string): Readonly<Record<string, unknown>> =>
  typeof v === 'object' && v !== null && !Array.isArray(v)
    ? (v as Readonly<Record<string, unknown>>)
    : fail(p, 'must be a map');
/** One field of a map, with what it is without it. */
export const within =
  (field: string, reader: Reader, absent: unknown): Reader =>
  (v, p) => {
    const value = section(v, p)[field];
    return value === undefined || value === '' ? absent : reader(value, `${p}.${field}`);
  };
