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
}

/** The fields that this update set; takes what changed or went from all owners. */
export function ownAfterUpdate(live: unknown, next: unknown, owners: Owners, context: UpdateContext): Fields {
  const changes = compareFiltered(live, next, context);
  const changed = unionFields(changes.modified, changes.added);
  const gone = unionFields(changed, changes.removed);
  if (!isEmptyFields(gone)) {
    for (const [id, owner] of owners) setFields(owners, id, differenceOfFields(owner.fields, gone));
  }
  return changed;
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
  const object = last === undefined ? merged : prune(merged, owners, last.fields, context.type);
  const changes = compareFiltered(live, object, context);
  const changed = unionFields(changes.modified, changes.added);
  const conflicts = conflictsOf(owners, applier.id, changed);
  if (conflicts.length > 0 && !applier.force) throw new ConflictsError(conflicts);
  const gone = unionFields(changed, changes.removed);
  for (const [id, owner] of owners) {
    if (id !== applier.id) setFields(owners, id, differenceOfFields(owner.fields, gone));
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

function conflictsOf(owners: Owners, applierId: string, changed: Fields): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const id of [...owners.keys()].sort()) {
    const owner = owners.get(id);
    if (id === applierId || owner === undefined) continue;
    for (const path of pathsOf(intersectFields(owner.fields, changed))) conflicts.push({ owner, path });
  }
  return conflicts;
}

/** Takes out what the applier applied last time and no one owns now. */
function prune(merged: unknown, owners: Owners, last: Fields, type: ApplyType): unknown {
  if (isEmptyFields(last)) return merged;
  const named = (set: Fields) => withNamedFields(set, type);
  const lastNamed = named(last);
  const mergedSet = named(fieldSetOf(merged, type));
  let managed: Fields = EMPTY_FIELDS;
  for (const owner of owners.values()) managed = unionFields(managed, owner.fields);

  let pruned = removeFields(merged, lastNamed, type);
  // What others own comes back, and what is above it.
  const kept = unionFields(named(fieldSetOf(pruned, type)), named(managed));
  pruned = removeFields(merged, differenceOfFields(mergedSet, kept), type);
  // So does what was never the applier's but went with its parent.
  const missing = differenceOfFields(mergedSet, named(fieldSetOf(pruned, type)));
  return removeFields(merged, intersectFields(missing, lastNamed), type);
}

/** Adapts what is owned to a type that changed since. */
export function reconcileOwners(owners: Owners, type: ApplyType): void {
  for (const [id, owner] of owners) setFields(owners, id, reconcileFields(owner.fields, type));
}
