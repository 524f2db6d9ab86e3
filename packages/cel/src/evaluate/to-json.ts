/** Results as plain JSON: for messages, patches and claims. */
import { formatDuration, formatTimestamp } from '../functions/time.ts';
import {
  CelDuration,
  CelError,
  CelList,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
  typeNameOf,
} from '../values/values.ts';

/** Throws CelError for values that JSON does not have. */
export function toJson(value: CelValue): unknown {
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? Number(value) : value;
  if (value instanceof CelList) return value.toArray().map(toJson);
  if (value instanceof CelMap) {
    const rows = value.keys().map((key) => [String(toJson(key)), toJson(value.get(key) as CelValue)] as const);
    return Object.fromEntries(rows);
  }
  if (value instanceof CelUint) return Number(value.value);
  if (value instanceof Uint8Array) return btoa(String.fromCharCode(...value));
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelOptional && value.value !== undefined) return toJson(value.value);
  throw new CelError(`a value of type ${typeNameOf(value)} has no JSON form`);
}
