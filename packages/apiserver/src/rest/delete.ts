/** DELETE. Source: apiserver/pkg/registry/generic/registry/store.go, registry/rest/delete.go. */
import type { UnknownObject } from '@kapella/api';
import { type Ctx, errors, formatTime, parseTime } from '@kapella/base';
import type { CachedObject } from '@kapella/store';
import type { ResourceType } from '../registry/resource-type.ts';
import { detached, type Stored } from '../registry/storage.ts';
import { commitDelete, commitObject, readStored } from './commit.ts';
import { admissionRequest, keyIn, resourceName, type WriteScope } from './core.ts';
import { MODIFIED_MESSAGE, type Preconditions } from './update.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const TRIES_MAX = 200;

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly orphanDependents?: boolean | undefined;
  readonly preconditions?: Preconditions | undefined;
}

export interface Deleted {
  /** The last state of the object. */
  readonly object: CachedObject;
  /** False: it is only marked; finalizers or its grace period hold it. */
  readonly gone: boolean;
}

interface Mark {
  /** undefined: nothing to write before the removal. */
  readonly next: UnknownObject | undefined;
  /** Whether the object goes now. */
  readonly remove: boolean;
  /** A graceful deletion is under way that this request does not shorten. */
  readonly pending: boolean;
}

/** Throws NotFound, Conflict, Forbidden. */
export async function deleteObject(scope: WriteScope, request: DeleteRequest, ctx: Ctx): Promise<Deleted> {
  const { core, type } = scope;
  const key = keyIn(type, scope.namespace, scope.name);
  for (let tries = 1; ; tries++) {
    const stored = await readStored(core, type, key, tries > 1 || !core.embedded, ctx);
    if (stored === undefined) throw errors.notFound(resourceName(type, scope.name));
    checkDeletePreconditions(scope, stored.object, request.preconditions);
    const mark = planDeletion(scope, stored.object, request);
    if (mark.pending) return { object: shown(scope, stored.object, stored.revision), gone: false };
    if (scope.admission) {
      const admission = admissionRequest(scope, 'DELETE', undefined, stored.object, request);
      await core.admission.mutate(admission, core.access, ctx);
      await core.admission.validate(admission, core.access, ctx);
    }
    const deleted = await carryOut(scope, key, stored, mark, ctx);
    if (deleted !== undefined) return deleted;
    if (tries >= TRIES_MAX) throw errors.conflict(resourceName(type, scope.name), MODIFIED_MESSAGE);
  }
}

/** Source: registry/rest/delete.go BeforeDelete, which words it differently from updates. */
function checkDeletePreconditions(
  { type, name }: WriteScope,
  { metadata }: UnknownObject,
  preconditions: Preconditions | undefined,
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}).`;
    throw errors.conflict(kindName(type, name), `${why} The object might have been deleted and then recreated`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why =
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record ` +
      `(${metadata.resourceVersion}). The object might have been modified`;
    throw errors.conflict(kindName(type, name), why);
  }
}

/** As upstream, which names the kind here. */
const kindName = ({ group, kind }: ResourceType, name: string) => ({ group, resource: kind, name });

/** undefined: another writer came first. */
async function carryOut(
  scope: WriteScope,
  key: string,
  stored: Stored,
  mark: Mark,
  ctx: Ctx,
): Promise<Deleted | undefined> {
  const { core, type } = scope;
  let object = stored.object;
  let revision = stored.revision;
  if (mark.next !== undefined) {
    const committed = await commitObject(type, mark.next, revision, scope.dryRun, ctx);
    if (!committed.ok) return undefined;
    if (!mark.remove) return { object: committed.object, gone: false };
    object = type.objectOf(committed.object);
    revision = committed.object.revision;
  } else if (!mark.remove) return { object: shown(scope, object, revision), gone: false };
  if (scope.dryRun) return { object: shown(scope, object, revision), gone: true };
  const removed = await commitDelete(type, key, revision, ctx);
  if (!removed.ok) return undefined;
  await type.definition.allocate?.onDelete(object, core.access, ctx);
  const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(removed.revision) } };
  return { object: shown(scope, last, removed.revision), gone: true };
}

function shown({ core, type }: WriteScope, object: UnknownObject, revision: number): CachedObject {
  const stored = type.toStorage(object);
  return detached(stored, core.codecs.encodeJson(stored), revision);
}

/** Pure but for the scope's time: what a delete request does to this object. */
export function planDeletion(scope: WriteScope, object: UnknownObject, request: DeleteRequest): Mark {
  const { definition } = scope.type;
  const finalizers = finalizersFor(object.metadata.finalizers ?? [], request, definition.orphansByDefault);
  const finalizersChange = finalizers.join() !== (object.metadata.finalizers ?? []).join();
  const held = finalizers.length > 0 || definition.keepWhile?.(object) === true;
  const graceful = definition.gracePeriodSeconds === undefined ? undefined : planGrace(scope, object, request);
  if (graceful === 'pending') return { next: undefined, remove: false, pending: true };

  const withFinalizers = finalizersChange ? { ...object.metadata, finalizers } : object.metadata;
  if (graceful !== undefined) {
    const metadata = { ...withFinalizers, ...graceful.metadata };
    return { next: marked(scope, object, metadata), remove: !held && graceful.seconds === 0, pending: false };
  }
  if (!held) return { next: undefined, remove: true, pending: false };
  const metadata = { ...withFinalizers, ...markNow(scope, object) };
  const isMarked =
    object.metadata.deletionTimestamp !== undefined && (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
  if (isMarked && !finalizersChange) return { next: undefined, remove: false, pending: false };
  return { next: marked(scope, object, metadata), remove: false, pending: false };
}

function marked({ type }: WriteScope, object: UnknownObject, metadata: UnknownObject['metadata']): UnknownObject {
  const next = { ...object, metadata };
  return type.definition.onMarkedForDeletion === undefined ? next : type.definition.onMarkedForDeletion(next);
}

function markNow({ nowMs, type }: WriteScope, { metadata }: UnknownObject): Partial<UnknownObject['metadata']> {
  const given = parseTime(metadata.deletionTimestamp);
  return {
    deletionTimestamp: given === undefined || given > nowMs ? formatTime(nowMs) : metadata.deletionTimestamp,
    // What keeps a namespace is no grace period.
    ...(type.definition.keepWhile === undefined ? { deletionGracePeriodSeconds: 0 } : {}),
    ...bumped(metadata),
  } as Partial<UnknownObject['metadata']>;
}

/** The first mark is a change of the object's desired state. */
function bumped({ deletionTimestamp, generation = 0 }: UnknownObject['metadata']): { generation?: number } {
  return deletionTimestamp === undefined && generation > 0 ? { generation: generation + 1 } : {};
}

/** undefined: no grace, as if the kind knew none. */
function planGrace(
  { type, nowMs }: WriteScope,
  object: UnknownObject,
  request: DeleteRequest,
): 'pending' | undefined | { readonly seconds: number; readonly metadata: Partial<UnknownObject['metadata']> } {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) {
    const present = metadata.deletionGracePeriodSeconds;
    // Nothing to shorten: only finalizers, or a server that stopped half-way, kept it.
    if (present === undefined || present === 0) return undefined;
    const seconds = request.gracePeriodSeconds;
    if (seconds === undefined || seconds >= present) return 'pending';
    const endsMs = (parseTime(metadata.deletionTimestamp) ?? nowMs) + (seconds - present) * 1000;
    return { seconds, metadata: { deletionTimestamp: formatTime(endsMs), deletionGracePeriodSeconds: seconds } };
  }
  const seconds = type.definition.gracePeriodSeconds?.(object, request.gracePeriodSeconds) ?? 0;
  const deletionTimestamp = formatTime(nowMs + seconds * 1000);
  return { seconds, metadata: { deletionTimestamp, deletionGracePeriodSeconds: seconds, ...bumped(metadata) } };
}

/** The garbage collector's finalizers as the request wants them; without a wish they stay. */
export function finalizersFor(
  present: readonly string[],
  request: DeleteRequest,
  orphansByDefault = false,
): readonly string[] {
  const { orphanDependents, propagationPolicy } = request;
  if (orphanDependents === undefined && propagationPolicy === undefined) {
    const isDecided = present.includes(ORPHAN) || present.includes(FOREGROUND);
    return orphansByDefault && !isDecided ? [...present, ORPHAN] : present;
  }
  const orphan = orphanDependents ?? propagationPolicy === 'Orphan';
  const foreground = orphanDependents === undefined && propagationPolicy === 'Foreground';
  const others = present.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  const next = [...others, ...(orphan ? [ORPHAN] : []), ...(foreground ? [FOREGROUND] : [])];
  const isSame = next.length === present.length && next.every((name) => present.includes(name));
  return isSame ? present : next;
}
