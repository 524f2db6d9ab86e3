/** What the handlers of requests need around managedFields. Source: apiserver/pkg/endpoints/handlers. */
import { jsonEqual } from '@kapella/base';
import type { ManagedFieldsEntry } from '../meta.ts';
import { byteLength } from '../names/index.ts';
import { ManagedFieldsError, parseOwners } from './managers.ts';

const MANAGER_LENGTH_MAX = 128;

/** The field manager of a request: what it says, or else the product in its user agent. */
export function managerName(fieldManager: string, userAgent: string): string {
  if (fieldManager !== '') return fieldManager;
  const product = userAgent.split('/')[0] ?? '';
  let name = '';
  for (const character of product) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) continue;
    if (byteLength(name + character) > MANAGER_LENGTH_MAX) break;
    name += character;
  }
  return name;
}

/** Why the entries are malformed, for what comes out of admission; undefined when they are not. */
export function managedFieldsProblem(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  try {
    parseOwners(entries);
    return undefined;
  } catch (error) {
    if (error instanceof ManagedFieldsError) return error.message;
    throw error;
  }
}

interface Tracked {
  readonly metadata: { readonly managedFields?: readonly ManagedFieldsEntry[] };
}

/**
 * `next` with the times of `old` where nothing else differs, so that a write that changes nothing writes nothing.
 * Both are otherwise as they would be stored.
 */
export function withoutNoopTimes<T extends object>(next: T, old: T): T {
  const entries = (next as Tracked).metadata.managedFields ?? [];
  const oldEntries = (old as Tracked).metadata.managedFields ?? [];
  if (entries.length === 0 || entries.length !== oldEntries.length) return next;
  if (entries.every((entry, i) => entry.time === oldEntries[i]?.time)) return next;
  const same = entries.every((entry, i) => jsonEqual({ ...entry, time: '' }, { ...oldEntries[i], time: '' }));
  if (!same) return next;
  const reverted = { ...next, metadata: { ...(next as Tracked).metadata, managedFields: oldEntries } };
  return jsonEqual(reverted, old) ? reverted : next;
}
