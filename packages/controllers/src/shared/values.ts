/** Comparison, hashing and trimming of plain values. */

/** Fields that Go would omit: undefined and zero. `kept` stay whatever they are. */
export function omitZero<T extends object>(value: T, ...kept: readonly (keyof T)[]): T {
  const entries = Object.entries(value).filter(
    ([key, field]) => field !== undefined && (kept.includes(key as keyof T) || (field !== 0 && field !== '')),
  );
  return Object.fromEntries(entries) as T;
}

/** Deep equality in which absent, null, empty list and empty object are one. Source: apimachinery/pkg/api/equality. */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => semanticEqual(item, b[i]));
  }
  const left = new Map(Object.entries(a));
  const right = new Map(Object.entries(b));
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if (!semanticEqual(left.get(key), right.get(key))) return false;
  }
  return true;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? value.length === 0 : Object.values(value).every(isEmpty);
}

const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short name for a value: equal for equal values, whatever the order of their keys. Written with the alphabet of
 * generated names. Upstream hashes Go's dump of the value, so that its hashes differ from these, and from release to
 * release of its own.
 */
export function hashOf(value: unknown, collisionCount?: number): string {
  let hash = fnv32a(canonical(value), 0x811c9dc5);
  if (collisionCount !== undefined) hash = fnv32a(`#${collisionCount}`, hash);
  return safeEncode(String(hash));
}

/** Source: apimachinery/pkg/util/rand, SafeEncodeString. */
export function safeEncode(text: string): string {
  return Array.from(text, (character) => SAFE[character.charCodeAt(0) % SAFE.length]).join('');
}

export function fnv32a(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash >>> 0;
}

/** JSON with sorted keys and without what is empty. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => !isEmpty(field))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
  return `{${fields.join(',')}}`;
}
