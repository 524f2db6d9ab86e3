/** The last step of every write: encode once, compare and swap, and find what the cache made of it. */
import type { UnknownObject } from '@kapella/api';
import { type Ctx, invariant } from '@kapella/base';
import type { CachedObject, KeyValue } from '@kapella/store';
import type { ResourceType } from '../registry/resource-type.ts';
import { detached, type Storage, type Stored } from '../registry/storage.ts';
import { type Core, keyIn, makeConsistent } from './core.ts';

export type Committed =
  | { readonly ok: true; readonly object: CachedObject }
  | { readonly ok: false; readonly current: KeyValue | undefined };

/** `object` in the type's version. A dry run stops before the store; `revision` is then the old one. */
export async function commitObject(
  core: Core,
  type: ResourceType,
  object: UnknownObject,
  expectedRevision: number,
  dryRun: boolean,
  ctx: Ctx,
): Promise<Committed> {
  const storage = storageOf(type);
  const stored = type.toStorage(object);
  const value = storage.encode(stored);
  if (dryRun) {
    const { resourceVersion: _, ...metadata } = stored.metadata;
    const bytes = expectedRevision === 0 ? value : storage.splice(value, expectedRevision);
    const shown = expectedRevision === 0 ? metadata : { ...metadata, resourceVersion: String(expectedRevision) };
    return { ok: true, object: detached({ ...stored, metadata: shown } as UnknownObject, bytes, expectedRevision) };
  }
  const key = keyIn(type, object.metadata.namespace ?? '', object.metadata.name);
  const result = await core.store.commit(
    { key: storage.prefix + key, expectedRevision, value, attachment: stored },
    ctx,
  );
  if (!result.ok) return result;
  const cached = storage.cache.get(key);
  if (cached !== undefined && cached.revision === result.revision) return { ok: true, object: cached };
  const metadata = { ...stored.metadata, resourceVersion: String(result.revision) };
  const written = detached({ ...stored, metadata }, storage.splice(value, result.revision), result.revision);
  return { ok: true, object: written };
}

/** Removes the object that stands at `revision`. False: it does not stand there any more. */
export async function commitDelete(
  core: Core,
  type: ResourceType,
  key: string,
  revision: number,
  ctx: Ctx,
): Promise<{ readonly ok: boolean; readonly revision: number }> {
  const storage = storageOf(type);
  const result = await core.store.commit(
    { key: storage.prefix + key, expectedRevision: revision, value: undefined },
    ctx,
  );
  return result.ok ? { ok: true, revision: result.revision } : { ok: false, revision: 0 };
}

/**
 * The newest state, in the type's version. `fresh`: what was cached has just been found to be old. Where others write to
 * the store too, what is not asked for `fresh` may be old, and says so.
 */
export async function readStored(
  core: Core,
  type: ResourceType,
  key: string,
  fresh: boolean,
  ctx: Ctx,
): Promise<Stored | undefined> {
  const { cache } = storageOf(type);
  if (core.embedded) await makeConsistent(core, type, ctx);
  const cached = fresh ? undefined : cache.get(key);
  if (cached === undefined && !fresh && core.embedded) return undefined;
  const found = cached ?? (await cache.read(key, ctx));
  if (found === undefined) return undefined;
  const mayBeOld = cached !== undefined && !core.embedded;
  return { object: type.objectOf(found), revision: found.revision, bytes: type.bytesOf(found), mayBeOld };
}

export function storageOf(type: ResourceType): Storage {
  invariant(type.storage !== undefined, `${type.plural} is not stored`);
  return type.storage;
}
