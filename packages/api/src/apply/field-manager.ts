/** Server-side apply and the tracking of who changed what. Source: apimachinery/pkg/util/managedfields. */
import { ApiError, errors, formatTime, jsonEqual } from '@kapella/base';
import type { ManagedFieldsEntry } from '../meta.ts';
import type { TypeFacts } from '../schema.ts';
import { conflictError } from './conflict.ts';
import { differenceOfFields, EMPTY_FIELDS, type Fields, fieldsOfPaths, isEmptyFields, unionFields } from './fields.ts';
import { conflictsNotLastApplied, withLastApplied } from './last-applied.ts';
import {
  capUpdaters,
  ManagedFieldsError,
  type Owners,
  ownerId,
  parseOwners,
  readOwners,
  writeOwners,
} from './managers.ts';
import { ApplySchema, type ApplyType, DEDUCED_TYPE, emptyObjectOf } from './schema.ts';
import {
  applyConfig,
  ConflictsError,
  type OtherVersions,
  ownAfterUpdate,
  reconcileOwners,
  type UpdateContext,
} from './updater.ts';
import { joinProblems, validateObject } from './validate.ts';
import { isPlain, type Plain } from './values.ts';

const BEFORE_FIRST_APPLY = 'before-first-apply';
const KUBECTL = 'kubectl';

/** Which type the objects of a request have. */
export interface ObjectType {
  /** Of a built-in kind. */
  readonly typeId?: string;
  /** Of a custom resource, from `applyTypeOfStructuralSchema`. Without either, the type is deduced from the objects. */
  readonly type?: ApplyType;
  /** Paths that this endpoint resets, as `[['status']]`: through it nobody comes to own them. */
  readonly resetFields?: readonly (readonly string[])[];
  /** Of kinds whose versions differ in more than their name. */
  readonly others?: OtherVersions;
}

export interface UpdateRequest extends ObjectType {
  /** The stored object; undefined on creation. */
  readonly live: object | undefined;
  /** The object to be stored; its managedFields are the client's. */
  readonly next: object;
  /** See `managerName`. '' is recorded as `unknown`. */
  readonly manager: string;
  /** '' for the object itself. */
  readonly subresource: string;
  readonly nowMs: number;
}

export interface ApplyRequest extends ObjectType {
  /** The stored object; undefined when the apply creates it. */
  readonly live: object | undefined;
  /** The decoded body, not defaulted: only what the client said. */
  readonly applied: object;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource: string;
  readonly nowMs: number;
}

export interface ApplyResult {
  /** Still to be decoded (null is absent) and defaulted; has no managedFields. */
  readonly object: Record<string, unknown>;
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined;
  /** false: the object is the live one. Its managedFields may differ all the same. */
  readonly changed: boolean;
}

export interface FieldManager {
  /**
   * managedFields of an object after create, update, or a patch other than apply; undefined for none. Never throws for
   * what a client wrote: malformed managedFields count as none.
   */
  trackUpdate(request: UpdateRequest): readonly ManagedFieldsEntry[] | undefined;
  /** Throws ApiError: Conflict, BadRequest, or one of code 500 for a configuration that does not fit the type. */
  apply(request: ApplyRequest): ApplyResult;
}

/** Holds the types it has built so far; one per process is enough. */
export function createFieldManager(facts: TypeFacts): FieldManager {
  return new StructuredFieldManager(facts);
}

class StructuredFieldManager implements FieldManager {
  readonly #facts: TypeFacts;
  readonly #schema: ApplySchema;

  constructor(facts: TypeFacts) {
    this.#facts = facts;
    this.#schema = new ApplySchema(facts);
  }

  trackUpdate(request: UpdateRequest): readonly ManagedFieldsEntry[] | undefined {
    const next = request.next as Plain;
    const before = request.live as Plain | undefined;
    const owners = ownersForUpdate(before, next, request.subresource !== '');
    // Tracking was switched off, or never began: it begins with an apply.
    if (owners.size === 0 && before !== undefined && metadataOf(before).uid !== undefined) return undefined;
    const context = this.#context(request);
    if (request.typeId === undefined) reconcileOwners(owners, context);
    const live = before ?? this.#empty(request.typeId, next);
    recordUpdate(live, next, owners, { ...request, apiVersion: versionOf(next) }, context);
    return sameEntries(writeOwners(owners), metadataOf(before).managedFields);
  }

  apply(request: ApplyRequest): ApplyResult {
    const applied = request.applied as Plain;
    const live = (request.live as Plain | undefined) ?? this.#empty(request.typeId, applied);
    checkApplied(live, applied);
    const context = this.#context(request);
    const first = this.#readForApply(live, request, context);
    try {
      return this.#applyOver(live, applied, first, request, context);
    } catch (error) {
      if (!(error instanceof ConflictsError)) throw error;
      const remaining =
        request.manager === KUBECTL ? conflictsNotLastApplied(live, error.conflicts, context.type) : error.conflicts;
      if (remaining.length > 0) throw conflictError(remaining);
      return this.#applyOver(
        live,
        applied,
        this.#readForApply(live, request, context),
        { ...request, force: true },
        context,
      );
    }
  }

  /** The owners of the live object; of one that nobody tracked, a placeholder owns all it has. */
  #readForApply(live: Plain, request: ApplyRequest, context: UpdateContext): Owners {
    let owners: Owners;
    try {
      owners = readOwners(metadataOf(live).managedFields);
    } catch (error) {
      if (!(error instanceof ManagedFieldsError)) throw error;
      throw new ApiError('', `failed to decode managed fields: ${error.message}`, { code: 500 });
    }
    if (owners.size === 0) {
      const empty = this.#empty(request.typeId, live);
      const update = { ...request, manager: BEFORE_FIRST_APPLY, apiVersion: versionOf(live) };
      recordUpdate(empty, live, owners, update, context);
    }
    reconcileOwners(owners, context);
    return owners;
  }

  #applyOver(live: Plain, applied: Plain, owners: Owners, request: ApplyRequest, context: UpdateContext): ApplyResult {
    const problems = validateObject(applied, context.type);
    if (problems.length > 0) {
      const what = `failed to create typed patch object (${describeObject(applied)}): ${joinProblems(problems)}`;
      throw new ApiError('', what, { code: 500 });
    }
    const { force, subresource, nowMs } = request;
    const owner = {
      manager: request.manager === '' ? 'unknown' : request.manager,
      operation: 'Apply' as const,
      apiVersion: versionOf(applied),
      subresource,
      time: undefined,
    };
    const id = ownerId(owner);
    const before = owners.get(id);
    const { object } = applyConfig(withoutManagedFields(live), applied, owners, { id, owner, force }, context);
    const changed = object !== undefined;
    const after = owners.get(id);
    if (after !== undefined) {
      const fields = differenceOfFields(after.fields, UNTRACKED);
      if (isEmptyFields(fields)) owners.delete(id);
      else owners.set(id, { ...after, fields, time: changed ? formatTime(nowMs) : before?.time });
    }
    const result = (object ?? withoutManagedFields(live)) as Plain;
    return {
      object: request.manager === KUBECTL ? withLastApplied(result, applied) : result,
      managedFields: writeOwners(owners),
      changed,
    };
  }

  #context({ typeId, type, resetFields = [], others }: ObjectType): UpdateContext {
    const known = type ?? (typeId === undefined ? undefined : this.#schema.type(typeId));
    const reset = resetFields.length === 0 ? EMPTY_FIELDS : fieldsOfNames(resetFields);
    return { type: known ?? DEDUCED_TYPE, resetFields: reset, ...(others === undefined ? {} : { others }) };
  }

  #empty(typeId: string | undefined, like: Plain): Plain {
    const empty = typeId === undefined ? {} : emptyObjectOf(typeId, this.#facts);
    return { apiVersion: like.apiVersion, kind: like.kind, ...empty };
  }
}

const fieldsOfNames = (paths: readonly (readonly string[])[]): Fields =>
  fieldsOfPaths(paths.map((path) => path.map((name) => `f:${name}`)));

/** What identifies an object or is the server's own: no manager owns it. */
const UNTRACKED: Fields = Object.freeze(
  fieldsOfNames([
    ['apiVersion'],
    ['kind'],
    ['metadata'],
    ['metadata', 'name'],
    ['metadata', 'namespace'],
    ['metadata', 'creationTimestamp'],
    ['metadata', 'selfLink'],
    ['metadata', 'uid'],
    ['metadata', 'clusterName'],
    ['metadata', 'generation'],
    ['metadata', 'managedFields'],
    ['metadata', 'resourceVersion'],
  ]),
);

interface UpdateRecord {
  readonly manager: string;
  readonly subresource: string;
  readonly nowMs: number;
  readonly apiVersion: string;
}

/** Gives the manager what changed, on top of what it owns. */
function recordUpdate(live: Plain, next: Plain, owners: Owners, update: UpdateRecord, context: UpdateContext): void {
  const changed = ownAfterUpdate(withoutManagedFields(live), withoutManagedFields(next), owners, context);
  const fields = differenceOfFields(changed, UNTRACKED);
  if (!isEmptyFields(fields)) {
    const owner = {
      manager: update.manager === '' ? 'unknown' : update.manager,
      operation: 'Update' as const,
      apiVersion: update.apiVersion,
      subresource: update.subresource,
      time: formatTime(update.nowMs),
    };
    const id = ownerId(owner);
    owners.set(id, { ...owner, fields: unionFields(owners.get(id)?.fields ?? EMPTY_FIELDS, fields) });
  }
  capUpdaters(owners);
}

/** The client's managedFields where it sent some that are well formed, else those of the live object. */
function ownersForUpdate(live: Plain | undefined, next: Plain, ignoresClient: boolean): Owners {
  const stored = metadataOf(live).managedFields;
  const sent = metadataOf(next).managedFields;
  // Most clients send back what they read.
  if (!ignoresClient && Array.isArray(sent) && !jsonEqual(sent, stored)) {
    if (isReset(sent)) return new Map();
    const owners = orNone(() => parseOwners(sent));
    if (owners.size > 0) return owners;
  }
  return orNone(() => readOwners(stored));
}

/** An empty list, or one empty entry, asks to forget all. */
function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  if (entries.length === 0) return true;
  const [first] = entries;
  return (
    entries.length === 1 &&
    Object.values(first ?? {}).every((value) => value === undefined || value === '' || value === null)
  );
}

function orNone(read: () => Owners): Owners {
  try {
    return read();
  } catch (error) {
    if (error instanceof ManagedFieldsError) return new Map();
    throw error;
  }
}

function checkApplied(live: Plain, applied: Plain): void {
  if (applied.apiVersion !== live.apiVersion || applied.kind !== live.kind) {
    throw errors.badRequest(`invalid object type: ${describeKind(applied)}`);
  }
  if (metadataOf(applied).managedFields !== undefined) {
    throw errors.badRequest('metadata.managedFields must be nil');
  }
}

interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

function metadataOf(object: Plain | undefined): Metadata {
  return isPlain(object?.metadata) ? (object.metadata as Metadata) : {};
}

const versionOf = (object: Plain): string => String(object.apiVersion ?? '');

function withoutManagedFields(object: Plain): Plain {
  if (metadataOf(object).managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata as Plain;
  return { ...object, metadata };
}

/** `apps/v1, Kind=Deployment` */
function describeKind(object: Plain): string {
  const version = versionOf(object);
  return `${version.includes('/') ? version : `/${version}`}, Kind=${String(object.kind ?? '')}`;
}

function describeObject(object: Plain): string {
  const { namespace = '', name = '' } = metadataOf(object);
  return `${namespace}/${name}; ${describeKind(object)}`;
}

/** The stored array itself where nothing changed, so that callers see so at once. */
function sameEntries(
  entries: readonly ManagedFieldsEntry[] | undefined,
  stored: readonly ManagedFieldsEntry[] | undefined,
): readonly ManagedFieldsEntry[] | undefined {
  if (entries === undefined || stored === undefined || entries.length !== stored.length) return entries;
  return entries.every((entry, i) => entry === stored[i]) ? stored : entries;
}
