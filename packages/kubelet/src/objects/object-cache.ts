/**
 * ConfigMaps, Secrets and the like that Pods of this node refer to, each watched by its name alone (a node may see no
 * others). Source: kubernetes pkg/kubelet/util/manager (watch based manager).
 */
import type { KindRef, KubeObject } from '@kapella/api';
import type { Client } from '@kapella/client';
import { childCtx, type Ctx, describeError, sleep } from '@kapella/base';

const RETRY_MS = 1000;
const RETRY_MS_MAX = 30_000;

export interface ObjectCache {
  /** `owner` (a Pod's uid) needs the object from now on. Idempotent. */
  acquire(kind: KindRef<unknown>, namespace: string, name: string, owner: string): void;
  /** Nothing of `owner`'s is needed any more. */
  release(owner: string): void;
  /** As last seen; waits for the first answer. undefined = does not exist. Throws what the API said last. */
  get<T>(kind: KindRef<T>, namespace: string, name: string, ctx: Ctx): Promise<T | undefined>;
  /** As last seen, without waiting. */
  peek<T>(kind: KindRef<T>, namespace: string, name: string): T | undefined;
  /** `fn` gets the owners of an object that changed. One listener. */
  onChange(fn: (owners: readonly string[]) => void): void;
}

interface Entry {
  readonly owners: Set<string>;
  readonly abort: AbortController;
  object: KubeObject | undefined;
  error: unknown;
  first: Promise<void>;
}

/** Runs its watches under `ctx`. */
export function createObjectCache(client: Client, ctx: Ctx): ObjectCache {
  const entries = new Map<string, Entry>();
  let listener: (owners: readonly string[]) => void = () => {};
  const keyOf = (kind: KindRef<unknown>, namespace: string, name: string) =>
    `${kind.group}/${kind.plural}/${namespace}/${name}`;

  const start = (kind: KindRef<unknown>, namespace: string, name: string): Entry => {
    const abort = new AbortController();
    let arrived = () => {};
    const first = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const entry: Entry = { owners: new Set(), abort, object: undefined, error: undefined, first };
    const own = childCtx(ctx, abort.signal);
    void follow(client, kind, namespace, name, own, (object, error) => {
      const changed = entry.object?.metadata.resourceVersion !== object?.metadata.resourceVersion;
      if (error === undefined) entry.object = object;
      entry.error = error;
      arrived();
      if (changed && error === undefined) listener([...entry.owners]);
    });
    return entry;
  };

  return {
    acquire(kind, namespace, name, owner) {
      const key = keyOf(kind, namespace, name);
      const entry = entries.get(key) ?? start(kind, namespace, name);
      entries.set(key, entry);
      entry.owners.add(owner);
    },
    release(owner) {
      for (const [key, entry] of entries) {
        if (!entry.owners.delete(owner) || entry.owners.size > 0) continue;
        entry.abort.abort();
        entries.delete(key);
      }
    },
    async get<T>(kind: KindRef<T>, namespace: string, name: string, waiter: Ctx) {
      const entry = entries.get(keyOf(kind, namespace, name));
      if (entry === undefined) return await client.get(kind, { namespace, name }, waiter);
      await entry.first;
      if (entry.object === undefined && entry.error !== undefined) throw entry.error;
      return entry.object as T | undefined;
    },
    peek<T>(kind: KindRef<T>, namespace: string, name: string) {
      return entries.get(keyOf(kind, namespace, name))?.object as T | undefined;
    },
    onChange(fn) {
      listener = fn;
    },
  };
}

type Seen = (object: KubeObject | undefined, error?: unknown) => void;

/** List, then watch, for ever; never throws. */
async function follow(
  client: Client,
  kind: KindRef<unknown>,
  namespace: string,
  name: string,
  ctx: Ctx,
  seen: Seen,
): Promise<void> {
  const fieldSelector = `metadata.name=${name}`;
  let pauseMs = RETRY_MS;
  while (!ctx.signal.aborted) {
    try {
      const list = await client.list(kind as KindRef<KubeObject>, { namespace, fieldSelector }, ctx);
      seen(list.items[0]);
      pauseMs = RETRY_MS;
      const resourceVersion = list.metadata.resourceVersion ?? '0';
      const options = { namespace, fieldSelector, resourceVersion };
      await client.watch(
        kind as KindRef<KubeObject>,
        options,
        ({ type, object }) => {
          if (type === 'ADDED' || type === 'MODIFIED') seen(object);
          else if (type === 'DELETED') seen(undefined);
        },
        ctx,
      );
    } catch (error) {
      if (ctx.signal.aborted) break;
      seen(undefined, error);
      ctx.log.warn('watch of object failed', { kind: kind.kind, namespace, name, error: describeError(error) });
    }
    await sleep(pauseMs, ctx).catch(() => {});
    pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX);
  }
  seen(undefined, ctx.signal.reason);
}
