/** Who owns what after a write. Source: structured-merge-diff v6 merge/update.go. */
import { type Comparison, compareObjects } from './compare.ts';
import { fieldSetOf } from './field-set.ts';
import {
  differenceOfFields,
  EMPTY_FIELDS,
  type Fields,
  intersectFields,
  isEmptyFields,
  pathsOf,
  recursiveDifferenceOfFields,
  unionFields,
} from './fields.ts';
import { type Owner, type Owners, setFields } from './managers.ts';
import { mergeObjects } from './merge.ts';
import type { PathElement } from './path-element.ts';
import { removeFields } from './remove.ts';
import type { ApplyType } from './schema.ts';
import { reconcileFields, withNamedFields } from './type-paths.ts';
import { sameValue } from './values.ts';

export interface Conflict {
  readonly owner: Owner;
  readonly path: readonly PathElement[];
}

/** An applied value differs from what another manager owns. */
export class ConflictsError extends Error {
  override readonly name = 'ConflictsError';
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(`${conflicts.length} conflicts`);
    this.conflicts = conflicts;
  }
}

export interface UpdateContext {
  readonly type: ApplyType;
  /** Fields that the endpoint resets: nobody comes to own them through it. */
  readonly resetFields: Fields;
  /** Of kinds whose versions differ in more than their name; absent: fields are the same in all of them. */
  readonly others?: OtherVersions;
}

/** The other versions of a kind, in which managers may own fields. */
export interface OtherVersions {
  /** Of the request. */
  readonly apiVersion: string;
  /** undefined: there is no such version any more. */
  typeOf(apiVersion: string): ApplyType | undefined;
  /** Throws what `type` has to tell its caller; the algorithm holds no state and may be run again. */
  convert(object: unknown, apiVersion: string): unknown;
}

/** The fields that this update set; takes what changed or went from all owners. */
export function ownAfterUpdate(live: unknown, next: unknown, owners: Owners, context: UpdateContext): Fields {
  const changesIn = changesByVersion(live, next, context);
  const { changed, gone } = changesIn.own;
  if (context.others !== undefined || !isEmptyFields(gone)) {
    for (const [id, owner] of owners) takeFrom(owners, id, changesIn.of(owner.apiVersion)?.gone, owner);
  }
  return changed;
}

/** What changed, as the fields of one version. */
interface Changes {
  readonly changed: Fields;
  /** What changed, and what went. */
  readonly gone: Fields;
}

interface ChangesByVersion {
  readonly own: Changes;
  /** undefined: there is no such version any more. */
  of(apiVersion: string): Changes | undefined;
}

function changesByVersion(live: unknown, next: unknown, context: UpdateContext): ChangesByVersion {
  const { others } = context;
  const own = changesBetween(live, next, context);
  if (others === undefined) return { own, of: () => own };
  const known = new Map<string, Changes | undefined>([[others.apiVersion, own]]);
  const inVersion = (apiVersion: string): Changes | undefined => {
    const type = others.typeOf(apiVersion);
    if (type === undefined) return undefined;
    return changesBetween(others.convert(live, apiVersion), others.convert(next, apiVersion), { ...context, type });
  };
  return {
    own,
    of(apiVersion) {
      if (!known.has(apiVersion)) known.set(apiVersion, inVersion(apiVersion));
      return known.get(apiVersion);
    },
  };
}

function changesBetween(live: unknown, next: unknown, context: UpdateContext): Changes {
  const changes = compareFiltered(live, next, context);
  const changed = unionFields(changes.modified, changes.added);
  return { changed, gone: unionFields(changed, changes.removed) };
}

/** `gone` undefined: in a version that is gone nothing is owned. */
function takeFrom(owners: Owners, id: string, gone: Fields | undefined, owner: Owner): void {
  if (gone === undefined) owners.delete(id);
  else setFields(owners, id, differenceOfFields(owner.fields, gone));
}

export interface Applied {
  /** undefined when the live object stays as it is. */
  readonly object: unknown;
}

/** Merges, prunes and settles ownership: `owners` holds the result. Throws ConflictsError; then `owners` is spoilt. */
export function applyConfig(
  live: unknown,
  config: unknown,
  owners: Owners,
  applier: { readonly id: string; readonly owner: Omit<Owner, 'fields' | 'entry'>; readonly force: boolean },
  context: UpdateContext,
): Applied {
  const merged = mergeObjects(live, config, context.type);
  const last = owners.get(applier.id);
  const fields = recursiveDifferenceOfFields(fieldSetOf(config, context.type), context.resetFields);
  owners.set(applier.id, { ...applier.owner, time: last?.time, fields });
  const object = last === undefined ? merged : prune(merged, owners, last, context);
  const changesIn = changesByVersion(live, object, context);
  const conflicts = conflictsOf(owners, applier.id, changesIn);
  if (conflicts.length > 0 && !applier.force) throw new ConflictsError(conflicts);
  for (const [id, owner] of owners) {
    if (id !== applier.id) takeFrom(owners, id, changesIn.of(owner.apiVersion)?.gone, owner);
    else if (isEmptyFields(owner.fields)) owners.delete(id);
  }
  return { object: sameValue(live, object) ? undefined : object };
}

function compareFiltered(live: unknown, next: unknown, { type, resetFields }: UpdateContext): Comparison {
  const changes = compareObjects(live, next, type);
  if (isEmptyFields(resetFields)) return changes;
  return {
    removed: recursiveDifferenceOfFields(changes.removed, resetFields),
    modified: recursiveDifferenceOfFields(changes.modified, resetFields),
    added: recursiveDifferenceOfFields(changes.added, resetFields),
  };
}

function conflictsOf(owners: Owners, applierId: string, changesIn: ChangesByVersion): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const id of [...owners.keys()].sort()) {
    const owner = owners.get(id);
    if (id === applierId || owner === undefined) continue;
    const changed = changesIn.of(owner.apiVersion)?.changed ?? EMPTY_FIELDS;
    for (const path of pathsOf(intersectFields(owner.fields, changed))) conflicts.push({ owner, path });
  }
  return conflicts;
}

/** Takes out what the applier applied last time and no one owns now. */
function prune(given: unknown, owners: Owners, last: Owner, { type: own, others }: UpdateContext): unknown {
  if (isEmptyFields(last.fields)) return given;
  // In the version of what was applied last.
  const type = others === undefined ? own : others.typeOf(last.apiVersion);
  if (type === undefined) return given;
  const inVersion = (object: unknown, apiVersion: string) => others?.convert(object, apiVersion) ?? object;
  const merged = inVersion(given, last.apiVersion);
  const named = (set: Fields) => withNamedFields(set, type);
  const lastNamed = named(last.fields);
  const mergedSet = named(fieldSetOf(merged, type));

  let pruned = removeFields(merged, lastNamed, type);
  // What others own comes back, and what is above it.
  for (const [apiVersion, managed] of managedByVersion(owners, others)) {
    const theirs = others === undefined ? type : others.typeOf(apiVersion);
    if (theirs === undefined) continue;
    const all = inVersion(merged, apiVersion);
    const kept = unionFields(
      withNamedFields(fieldSetOf(inVersion(pruned, apiVersion), theirs), theirs),
      withNamedFields(managed, theirs),
    );
    const allSet = withNamedFields(fieldSetOf(all, theirs), theirs);
    pruned = inVersion(removeFields(all, differenceOfFields(allSet, kept), theirs), last.apiVersion);
  }
  // So does what was never the applier's but went with its parent.
  const missing = differenceOfFields(mergedSet, named(fieldSetOf(pruned, type)));
  const object = removeFields(merged, intersectFields(missing, lastNamed), type);
  return others === undefined ? object : others.convert(object, others.apiVersion);
}

/** Without other versions all is owned in one. */
function managedByVersion(owners: Owners, others: OtherVersions | undefined): ReadonlyMap<string, Fields> {
  const all = new Map<string, Fields>();
  for (const { apiVersion, fields } of owners.values()) {
    const key = others === undefined ? '' : apiVersion;
    all.set(key, unionFields(all.get(key) ?? EMPTY_FIELDS, fields));
  }
  return all;
}

/** Adapts what is owned to a type that changed since. */
export function reconcileOwners(owners: Owners, { type, others }: UpdateContext): void {
  for (const [id, owner] of owners) {
    const theirs = others === undefined ? type : others.typeOf(owner.apiVersion);
    if (theirs !== undefined) setFields(owners, id, reconcileFields(owner.fields, theirs));
  }
}
