/** The managers of an object and what each owns: metadata.managedFields, taken apart. Source: managedfields.go. */
import type { ManagedFieldsEntry } from '../meta.ts';
import { EMPTY_FIELDS, type Fields, isEmptyFields, parseFields, sortFields, unionFields } from './fields.ts';

/** What one manager owns. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339; undefined when it is not known. */
  readonly time: string | undefined;
  readonly fields: Fields;
  /** The entry this was read from, while nothing of it changed. */
  readonly entry?: ManagedFieldsEntry;
}

/** By identity: manager, operation, subresource and, for updates, version. */
export type Owners = Map<string, Owner>;

const UPDATERS_MAX = 10;
const ANCIENT_MANAGER = 'ancient-changes';

export function ownerId(owner: Pick<Owner, 'manager' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const { manager, operation, subresource } = owner;
  // Spelt as upstream's identifiers, so that managers sort as there.
  return JSON.stringify({
    manager: manager === '' ? undefined : manager,
    operation,
    apiVersion: operation === 'Apply' ? undefined : owner.apiVersion,
    subresource: subresource === '' ? undefined : subresource,
  });
}

/** Why the entries cannot be read. */
export class ManagedFieldsError extends Error {
  override readonly name = 'ManagedFieldsError';
}

/** Trusts the entries: they were written by this module. Throws ManagedFieldsError. */
export function readOwners(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  return readEntries(entries, (fields) => (fields ?? EMPTY_FIELDS) as Fields);
}

/** Reads entries of a client. Throws ManagedFieldsError. */
export function parseOwners(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  return readEntries(entries, (fields) => {
    try {
      return sortFields(parseFields(fields));
    } catch (error) {
      throw new ManagedFieldsError(`error decoding set: ${(error as Error).message}`);
    }
  });
}

function readEntries(entries: readonly ManagedFieldsEntry[] | undefined, read: (fields: unknown) => Fields): Owners {
  const owners: Owners = new Map();
  for (const [i, entry] of (entries ?? []).entries()) {
    const { manager = '', operation, apiVersion = '', subresource = '', time } = entry;
    if (operation !== 'Apply' && operation !== 'Update') {
      throw new ManagedFieldsError('operation must be `Apply` or `Update`');
    }
    if (apiVersion === '') throw new ManagedFieldsError('apiVersion must not be empty');
    if (entry.fieldsType !== 'FieldsV1') {
      const given = (entry.fieldsType ?? '') as string;
      const what = given === '' ? 'missing fieldsType' : `invalid fieldsType ${JSON.stringify(given)}`;
      throw new ManagedFieldsError(`${what} in managed fields entry ${i}`);
    }
    const fields = read(entry.fieldsV1);
    const owner = { manager, operation, apiVersion, subresource, time, fields };
    owners.set(ownerId(owner), fields === entry.fieldsV1 ? { ...owner, entry } : owner);
  }
  return owners;
}

/** undefined when nobody owns anything. */
export function writeOwners(owners: Owners): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  const ordered = [...owners.values()].sort(compareOwners);
  return ordered.map((owner) => owner.entry ?? writeOwner(owner));
}

function writeOwner(owner: Owner): ManagedFieldsEntry {
  const { manager, operation, apiVersion, subresource, time, fields } = owner;
  return {
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: sortFields(fields),
    ...(subresource === '' ? {} : { subresource }),
  };
}

/** Appliers before updaters, then the oldest first. */
function compareOwners(a: Owner, b: Owner): number {
  return (
    order(a.operation, b.operation) ||
    secondsOf(a.time) - secondsOf(b.time) ||
    order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) ||
    order(a.subresource, b.subresource)
  );
}

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
const secondsOf = (time: string | undefined): number => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000));

/** The owner with other fields; it goes when none are left. Without a change it stays as it is. */
export function setFields(owners: Owners, id: string, fields: Fields): void {
  const owner = owners.get(id);
  if (owner === undefined || owner.fields === fields) return;
  if (isEmptyFields(fields)) owners.delete(id);
  else owners.set(id, { ...owner, fields, entry: undefined } as Owner);
}

/** Joins the oldest updaters of each version into one, until no more than ten are left. Source: capmanagers.go. */
export function capUpdaters(owners: Owners): void {
  if (owners.size <= UPDATERS_MAX) return;
  const updaters = [...owners].filter(([, owner]) => owner.operation === 'Update');
  if (updaters.length <= UPDATERS_MAX) return;
  updaters.sort(([, a], [, b]) => secondsOf(a.time) - secondsOf(b.time) || order(a.manager, b.manager));
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const [id, owner] of updaters) {
    if (count <= UPDATERS_MAX) return;
    const { apiVersion } = owner;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, id);
      continue;
    }
    const bucket = { manager: ANCIENT_MANAGER, operation: 'Update', apiVersion, subresource: '' } as const;
    const bucketId = ownerId(bucket);
    const gathered = owners.get(bucketId) ?? owners.get(first);
    if (!owners.has(bucketId)) owners.delete(first);
    owners.delete(id);
    const fields = unionFields(owner.fields, gathered?.fields ?? EMPTY_FIELDS);
    owners.set(bucketId, { ...bucket, time: owner.time, fields });
    count--;
  }
}
