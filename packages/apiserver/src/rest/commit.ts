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
  const result = await storage.store.commit(
    { key: storage.prefix + key, expectedRevision, value, attachment: stored },
    ctx,
  );
  if (!result.ok) return result;
  if (result.value !== undefined) return { ok: true, object: asCached(type, result.value, result.revision) };
  const cached = storage.converts ? undefined : storage.cache.get(key);
  if (cached !== undefined && cached.revision === result.revision) return { ok: true, object: cached };
  const metadata = { ...stored.metadata, resourceVersion: String(result.revision) };
  const written = detached({ ...stored, metadata }, storage.splice(value, result.revision), result.revision);
  return { ok: true, object: written };
}

/** Removes the object that stands at `revision`. False: it does not stand there any more. */
export async function commitDelete(
  type: ResourceType,
  key: string,
  revision: number,
  ctx: Ctx,
): Promise<{ readonly ok: boolean; readonly revision: number }> {
  const storage = storageOf(type);
  const result = await storage.store.commit(
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
  const { cache, converts } = storageOf(type);
  if (converts) {
    const read = await readConverted(type, key, ctx);
    return read && { object: type.objectOf(read), revision: read.revision, bytes: type.bytesOf(read), mayBeOld: false };
  }
  if (core.embedded) await makeConsistent(core, type, ctx);
  const cached = fresh ? undefined : cache.get(key);
  if (cached === undefined && !fresh && core.embedded) return undefined;
  const found = cached ?? (await cache.read(key, ctx));
  if (found === undefined) return undefined;
  const mayBeOld = cached !== undefined && !core.embedded;
  return { object: type.objectOf(found), revision: found.revision, bytes: type.bytesOf(found), mayBeOld };
}

/** One object straight from the store: what others convert, they convert for this object alone. */
export async function readConverted(type: ResourceType, key: string, ctx: Ctx): Promise<CachedObject | undefined> {
  const storage = storageOf(type);
  const found = await storage.store.get(storage.prefix + key, ctx);
  return found && asCached(type, found.value, found.modRevision);
}

function asCached(type: ResourceType, value: Uint8Array, revision: number): CachedObject {
  const bytes = storageOf(type).splice(value, revision);
  return detached(storageOf(type).parse(decoder.decode(bytes)) as UnknownObject, bytes, revision);
}

const decoder = new TextDecoder();

export function storageOf(type: ResourceType): Storage {
  invariant(type.storage !== undefined, `${type.plural} is not stored`);
  return type.storage;
}
