/** Values of objects: what they are, and which part of a type applies to them. Source: smd typed/helpers.go. */
import type { ApplyType } from './schema.ts';

export type Plain = Record<string, unknown>;

export function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Makes an own property whatever the key. */
export function setKey(object: Plain, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else object[key] = value;
}

/** The own property, or undefined. */
export function getKey(object: Readonly<Plain> | undefined, key: string): unknown {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

export type Shape = 'map' | 'scalar' | 'list' | 'none';

/** The part of the type that a value of this kind has; of a type with several parts, the one the value is. */
export function shapeFor(type: ApplyType, value: unknown): Shape {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      if (type.scalar !== undefined) return 'scalar';
      break;
    case 'object':
      if (Array.isArray(value)) {
        if (type.list !== undefined) return 'list';
      } else if (value !== null && type.map !== undefined) return 'map';
      break;
  }
  if (type.map !== undefined) return 'map';
  if (type.scalar !== undefined) return 'scalar';
  return type.list !== undefined ? 'list' : 'none';
}

/** Several parts: the value decides, and two values may decide differently. */
export function isMixed({ scalar, list, map }: ApplyType): boolean {
  return Number(scalar !== undefined) + Number(list !== undefined) + Number(map !== undefined) > 1;
}

/** Deep equality of JSON; here an absent field is not null. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && sameList(a, b);
  return sameMap(a as Plain, b as Plain);
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

function sameMap(a: Readonly<Plain>, b: Readonly<Plain>): boolean {
  let count = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || !sameValue(a[key], b[key])) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}
