/** PUT, and what PATCH and subresources share with it. Source: registry/generic/registry/store.go, registry/rest/update.go. */
import { type UnknownObject, validateKubeFinalizers, validateObjectMeta, validateObjectMetaUpdate } from '@kapella/api';
import { ApiError, type Ctx, errors, FieldErrors, jsonEqual } from '@kapella/base';
import type { CachedObject } from '@kapella/store';
import type { ResourceType } from '../registry/resource-type.ts';
import { detached, type Stored } from '../registry/storage.ts';
import { commitDelete, commitObject, readStored, storageOf } from './commit.ts';
import {
  admissionRequest,
  type Core,
  keyIn,
  resourceName,
  strategyContext,
  type WriteScope,
  type Written,
} from './core.ts';
import { checksFinalizerNames, createObject, withDefaults, withNamespace } from './create.ts';
import { mergeSubresource, validateSubresource } from './subresource.ts';

export const MODIFIED_MESSAGE =
  'the object has been modified; please apply your changes to the latest version and try again';
const CONFLICT_TRIES_MAX = 5; // upstream: MaxRetryWhenPatchConflicts
/** Writers of the same object that do not care for its version wait for each other this often. */
const UNCONDITIONAL_TRIES_MAX = 200;

export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface UpdateRequest {
  /** The wanted object, from the stored one: decoded body, or the result of a patch. May throw. */
  next(old: UnknownObject): UnknownObject | Promise<UnknownObject>;
  /** How managedFields follow; absent: as an update by `scope.manager`. Apply has done it in `next`. */
  readonly trackedAlready?: boolean;
  readonly preconditions?: Preconditions;
  /** What to create when nothing is stored; absent: NotFound. */
  create?(): UnknownObject | Promise<UnknownObject>;
  /** Read, change and write again when another writer came first. */
  readonly retries: boolean;
}

/** Throws NotFound, Conflict, Invalid, Forbidden. */
export async function updateObject(scope: WriteScope, request: UpdateRequest, ctx: Ctx): Promise<Written> {
  const { core, type } = scope;
  const key = keyIn(type, scope.namespace, scope.name);
  // A dry run is not put right by the store.
  let fresh = scope.dryRun && !core.embedded;
  for (let tries = 1; ; tries++) {
    const stored = await readStored(core, type, key, fresh, ctx);
    if (stored === undefined) {
      if (request.create === undefined) throw errors.notFound(resourceName(type, scope.name));
      return createObject(scope, await request.create(), ctx, request.trackedAlready);
    }
    fresh = true;
    const { written, isConditional } = await attemptUpdate(scope, request, stored, ctx);
    if (written !== undefined) return { object: written, created: false };
    const triesMax = request.retries ? CONFLICT_TRIES_MAX : UNCONDITIONAL_TRIES_MAX;
    if (stored.mayBeOld || (!isConditional && tries < triesMax)) continue;
    throw errors.conflict(resourceName(type, scope.name), MODIFIED_MESSAGE);
  }
}

/** `written` undefined: another writer came first, or what would be said of the state is not final, for it may be old. */
async function attemptUpdate(
  scope: WriteScope,
  request: UpdateRequest,
  stored: Stored,
  ctx: Ctx,
): Promise<{ readonly written: CachedObject | undefined; readonly isConditional: boolean }> {
  const { type } = scope;
  try {
    const wanted = await request.next(stored.object);
    checkPreconditions(type, scope.name, stored.object, request.preconditions);
    // A scale says it of itself, not of the object.
    checkVersion(type, scope.name, wanted, stored.object, scope.subresource !== 'scale');
    const isConditional = !isUnset(wanted.metadata.resourceVersion ?? '') && !request.retries;
    const written = await writeNext(scope, stored, wanted, request.trackedAlready === true, ctx);
    return { written, isConditional };
  } catch (error) {
    // As upstream: no refusal rests on a state that may be old.
    if (!stored.mayBeOld) throw error;
    return { written: undefined, isConditional: false };
  }
}

/** A version in the wanted object must be the stored one; some kinds want one always. */
function checkVersion(
  type: ResourceType,
  name: string,
  wanted: UnknownObject,
  stored: UnknownObject,
  needsVersion: boolean,
): void {
  const given = wanted.metadata.resourceVersion ?? '';
  if (isUnset(given)) {
    if (type.definition.allowUnconditionalUpdate === false && needsVersion) throw versionRequired(type, name);
  } else if (given !== stored.metadata.resourceVersion) {
    if (!/^\d{1,19}$/.test(given)) throw unparsedVersion(given);
    throw errors.conflict(resourceName(type, name), MODIFIED_MESSAGE);
  }
}

const isUnset = (version: string): boolean => version === '' || version === '0';

/** As upstream, which takes it for a fault of its own. */
function unparsedVersion(text: string): ApiError {
  return new ApiError('', `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`, { code: 500 });
}

/** undefined: another writer came first. */
async function writeNext(
  scope: WriteScope,
  stored: Stored,
  wanted: UnknownObject,
  trackedAlready: boolean,
  ctx: Ctx,
): Promise<CachedObject | undefined> {
  const { core, type } = scope;
  const { definition } = type;
  const old = stored.object;
  let next = await admitNext(scope, old, wanted, trackedAlready, ctx);
  const context = strategyContext(scope, 'update');
  const isMain = scope.subresource === '';
  const allocated = isMain ? await definition.allocate?.onUpdate(next, old, core.access, context, ctx) : undefined;
  let done = false;
  try {
    next = prepareNext(scope, allocated?.object ?? next, old);
    validateNext(scope, next, old);
    for (const warning of isMain ? (definition.warnings?.(next, old) ?? []) : []) scope.warn(warning);
    if (scope.admission) await core.admission.validate(admissionRequest(scope, 'UPDATE', next, old), core.access, ctx);
    const releases = isMain || scope.subresource === 'finalize' || scope.subresource === 'status';
    const shouldDelete = releases && isReleased(type, next, old);
    const written = shouldDelete
      ? await removeReleased(scope, stored, next, ctx)
      : await commitNext(scope, stored, next, ctx);
    done = written !== undefined && !scope.dryRun;
    return written;
  } finally {
    await (done ? allocated?.done?.() : allocated?.rollback());
  }
}

/** The wanted object after tracking its changes and after mutating admission. */
async function admitNext(
  scope: WriteScope,
  old: UnknownObject,
  wanted: UnknownObject,
  trackedAlready: boolean,
  ctx: Ctx,
): Promise<UnknownObject> {
  const { core, type } = scope;
  let next = withNamespace(type, scope.namespace, wanted);
  next = { ...next, metadata: { ...next.metadata, resourceVersion: old.metadata.resourceVersion } };
  if (!trackedAlready) {
    next = await core.fields.onUpdate(type, old, next, scope.manager, scope.subresource, scope.nowMs, ctx);
  }
  if (!scope.admission) return next;
  const admitted = await core.admission.mutate(admissionRequest(scope, 'UPDATE', next, old), core.access, ctx);
  return admitted === undefined || admitted === next ? next : withDefaults(type, admitted);
}

async function commitNext(
  scope: WriteScope,
  stored: Stored,
  next: UnknownObject,
  ctx: Ctx,
): Promise<CachedObject | undefined> {
  const { core, type } = scope;
  if (isSame(next, stored.object)) {
    if (stored.mayBeOld) return undefined;
    const { store, prefix } = storageOf(type);
    const needsRewrite = await store.needsRewrite?.(prefix + keyIn(type, scope.namespace, scope.name), ctx);
    // As upstream: writing an object as it is encrypts it anew when its key is no longer the one to write with.
    if (needsRewrite !== true || scope.dryRun) return unchanged(core, type, stored);
  }
  const committed = await commitObject(type, next, stored.revision, scope.dryRun, ctx);
  return committed.ok ? committed.object : undefined;
}

function unchanged(core: Core, type: ResourceType, stored: Stored): CachedObject {
  const { namespace = '', name } = stored.object.metadata;
  const cached = type.storage?.converts === true ? undefined : type.storage?.cache.get(keyIn(type, namespace, name));
  if (cached?.revision === stored.revision) return cached;
  return detached(
    type.toStorage(stored.object),
    core.codecs.encodeJson(type.toStorage(stored.object)),
    stored.revision,
  );
}

/** The last finalizer is gone from an object that is being deleted: the update ends its life. */
async function removeReleased(
  scope: WriteScope,
  stored: Stored,
  next: UnknownObject,
  ctx: Ctx,
): Promise<CachedObject | undefined> {
  const { core, type } = scope;
  const key = keyIn(type, scope.namespace, scope.name);
  let revision = stored.revision;
  if (!scope.dryRun) {
    const removed = await commitDelete(type, key, stored.revision, ctx);
    if (!removed.ok) return undefined;
    revision = removed.revision;
    await type.definition.allocate?.onDelete(next, core.access, ctx);
  }
  const gone = { ...next, metadata: { ...next.metadata, resourceVersion: String(revision) } };
  return detached(type.toStorage(gone), core.codecs.encodeJson(type.toStorage(gone)), revision);
}

function isReleased(type: ResourceType, next: UnknownObject, old: UnknownObject): boolean {
  if (old.metadata.deletionTimestamp === undefined || (next.metadata.finalizers?.length ?? 0) > 0) return false;
  if (type.definition.keepWhile?.(next) === true) return false;
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** System metadata from the old object, the strategy's own changes, and the generation. */
function prepareNext(scope: WriteScope, wanted: UnknownObject, old: UnknownObject): UnknownObject {
  const { type } = scope;
  const { definition } = type;
  const context = strategyContext(scope, 'update');
  const { generation: _, ...rest } = wanted.metadata;
  const before = old.metadata;
  const metadata: Record<string, unknown> = {
    ...rest,
    uid: (rest.uid ?? '') === '' ? before.uid : rest.uid,
    creationTimestamp: before.creationTimestamp,
  };
  if (before.generation !== undefined) metadata.generation = before.generation;
  if (before.deletionTimestamp !== undefined) metadata.deletionTimestamp = before.deletionTimestamp;
  if (before.deletionGracePeriodSeconds !== undefined && rest.deletionGracePeriodSeconds === undefined) {
    metadata.deletionGracePeriodSeconds = before.deletionGracePeriodSeconds;
  }
  let next = { ...wanted, metadata } as unknown as UnknownObject;
  if (scope.subresource !== '') return withGeneration(type, mergeSubresource(scope, next, old, context), old);
  // The server's own writes (a binding, a condition) are no new wish of a user: the generation counts those.
  if (scope.whole === true) return next;
  next = keepCleared(type, next, old);
  if (definition.prepareForUpdate !== undefined) next = definition.prepareForUpdate(next, old, context);
  return withGeneration(type, withDefaults(type, next), old);
}

/** What only a subresource writes stays as it was. */
function keepCleared(type: ResourceType, next: UnknownObject, old: UnknownObject): UnknownObject {
  const writes = type.definition.subresources?.status?.writes ?? [];
  if (writes.length === 0) return next;
  const kept: Record<string, unknown> = { ...next };
  for (const field of writes) {
    if (old[field] === undefined) delete kept[field];
    else kept[field] = old[field];
  }
  return kept as unknown as UnknownObject;
}

function withGeneration(type: ResourceType, next: UnknownObject, old: UnknownObject): UnknownObject {
  const { generationBumpsOn, generationIgnores } = type.definition;
  const fields = generationIgnores === undefined ? generationBumpsOn : fieldsBut(next, old, generationIgnores);
  if (fields === undefined || fields.every((field) => jsonEqual(next[field as string], old[field as string])))
    return next;
  return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}

function fieldsBut(next: UnknownObject, old: UnknownObject, ignored: readonly string[]): readonly string[] {
  const all = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const field of ['kind', 'apiVersion', 'metadata', ...ignored]) all.delete(field);
  return [...all];
}

function validateNext(scope: WriteScope, next: UnknownObject, old: UnknownObject): void {
  const { type } = scope;
  const found = new FieldErrors();
  validateObjectMeta(next.metadata, { namespaced: type.namespaced, validateName: () => [] }, found);
  // As upstream: once for every kind, and once by the kind itself.
  validateObjectMetaUpdate(next.metadata, old.metadata, found);
  validateObjectMetaUpdate(next.metadata, old.metadata, found);
  if (checksFinalizerNames(type)) validateKubeFinalizers(next.metadata.finalizers, found);
  if (scope.whole === true) {
    // The server's own writes: what they change is its own business.
  } else if (scope.subresource === '') type.definition.validateUpdate?.(next, old, found);
  else validateSubresource(scope, next, old, found);
  if (found.any) throwInvalid(type, scope.name, found);
}

function throwInvalid(type: ResourceType, name: string, found: FieldErrors): never {
  throw found.toApiError({ group: type.group, kind: type.kind, name });
}

export function checkPreconditions(
  type: ResourceType,
  name: string,
  object: UnknownObject,
  preconditions: Preconditions | undefined,
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== object.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`;
    throw errors.conflict(resourceName(type, name), storageError(type, object, why));
  }
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
    const why =
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ` +
      `ResourceVersion in object meta: ${object.metadata.resourceVersion}`;
    throw errors.conflict(resourceName(type, name), storageError(type, object, why));
  }
}

/** Source: apiserver/pkg/storage/errors.go NewInvalidObjError. */
function storageError(type: ResourceType, { metadata }: UnknownObject, why: string): string {
  const key = `${type.storage?.prefix ?? ''}${keyIn(type, metadata.namespace ?? '', metadata.name)}`;
  return `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`;
}

/** Equal but for the times in managedFields: not worth a write. */
function isSame(next: UnknownObject, old: UnknownObject): boolean {
  const { metadata: nextMeta, ...nextRest } = next;
  const { metadata: oldMeta, ...oldRest } = old;
  const timeless = ({ managedFields, ...rest }: UnknownObject['metadata']) => ({
    ...rest,
    managedFields: (managedFields ?? []).map(({ time: _, ...entry }) => entry),
  });
  return jsonEqual(nextRest, oldRest) && jsonEqual(timeless(nextMeta), timeless(oldMeta));
}

function versionRequired(type: ResourceType, name: string) {
  const found = new FieldErrors();
  found.invalid('metadata.resourceVersion', 0, 'must be specified for an update');
  return found.toApiError({ group: type.group, kind: type.plural, name });
}
