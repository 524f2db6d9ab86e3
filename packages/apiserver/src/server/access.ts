/** The server's own way to its objects: reads from the caches, writes without admission. */
import type { KindRef, UnknownObject } from '@kapella/api';
import { type Ctx, errors, invariant } from '@kapella/base';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { followCache } from '../registry/follow.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { Stored } from '../registry/storage.ts';
import type { Followed, ServerAccess, UserInfo } from '../resource.ts';
import { createObject, withDefaults } from '../rest/create.ts';
import { type DeleteRequest, deleteObject } from '../rest/delete.ts';
import { commitObject, readConverted, readStored } from '../rest/commit.ts';
import { type Core, keyIn, makeConsistent, resourceName, type WriteScope } from '../rest/core.ts';
import { updateObject } from '../rest/update.ts';

export const SERVER_USER: UserInfo = Object.freeze({
  username: 'system:apiserver',
  groups: Object.freeze(['system:masters', 'system:authenticated']),
});
const MANAGER = 'kapella-apiserver';

/** `ctx`: the server's own. */
export function createServerAccess(core: Core, services: ReadonlyMap<string, unknown>, ctx: Ctx): ServerAccess {
  return new CoreAccess(core, services, ctx);
}

class CoreAccess implements ServerAccess {
  readonly #core: Core;
  readonly #services: ReadonlyMap<string, unknown>;
  readonly #ctx: Ctx;

  constructor(core: Core, services: ReadonlyMap<string, unknown>, ctx: Ctx) {
    this.#core = core;
    this.#services = services;
    this.#ctx = ctx;
  }

  get metrics(): MetricsRegistry {
    return this.#core.metrics;
  }

  async get<K>(kind: KindRef<K>, namespace: string, name: string): Promise<K | undefined> {
    const type = this.#type(kind);
    const key = keyIn(type, namespace, name);
    if (type.storage?.converts === true) {
      const read = await readConverted(type, key, this.#ctx);
      return read && (type.objectOf(read) as K);
    }
    const { cache } = type.storage ?? {};
    let found = cache?.get(key);
    // What another server has just written may not have come here yet.
    if (found === undefined && !this.#core.embedded) found = await cache?.read(key, this.#ctx);
    return found === undefined ? undefined : (type.objectOf(found) as K);
  }

  async list<K>(kind: KindRef<K>, namespace?: string): Promise<readonly K[]> {
    const type = this.#type(kind);
    const query = namespace === undefined || namespace === '' ? {} : { namespace };
    if (type.storage?.converts === true) await makeConsistent(this.#core, type, this.#ctx);
    return (type.storage?.cache.list(query).items ?? []).map((item) => type.objectOf(item) as K);
  }

  isEmpty(kind: KindRef<unknown>): boolean {
    const { storage } = this.#type(kind);
    return storage !== undefined && !storage.converts && storage.cache.revision > 0 && storage.cache.size === 0;
  }

  cached<K>(kind: KindRef<K>, namespace: string, name: string): K | undefined {
    const type = this.#type(kind);
    if (type.storage === undefined || type.storage.converts) return undefined;
    const found = type.storage.cache.get(keyIn(type, namespace, name));
    return found === undefined ? undefined : (type.objectOf(found) as K);
  }

  follow<K>(kind: KindRef<K>, seen: (change: Followed<K>) => void): void {
    const type = this.#type(kind);
    const stop = followCache(type.storage?.cache, (events) => {
      for (const { type: what, object } of events) {
        const { namespace, name } = object;
        seen({ deleted: what === 'DELETED', namespace, name, object: () => type.objectOf(object) as K });
      }
    });
    this.#ctx.signal.addEventListener('abort', stop, { once: true });
  }

  kindOf(group: string, version: string, kind: string): KindRef<UnknownObject> | undefined {
    const type = this.#core.registry.findKind(group, version, kind);
    if (type === undefined) return undefined;
    return { group, version, kind, plural: type.plural, namespaced: type.namespaced };
  }

  async create<K>(kind: KindRef<K>, object: K, ctx: Ctx): Promise<K> {
    const type = this.#type(kind);
    const given = { ...(object as UnknownObject), kind: type.kind, apiVersion: type.apiVersion };
    const body = withDefaults(type, given as UnknownObject);
    const scope = this.#scope(type, body.metadata.namespace ?? '', '', false);
    return type.objectOf((await createObject(scope, body, ctx)).object) as K;
  }

  async update<K>(
    kind: KindRef<K>,
    namespace: string,
    name: string,
    change: (old: K) => K | undefined,
    ctx: Ctx,
  ): Promise<K> {
    const type = this.#type(kind);
    const scope = this.#scope(type, namespace, name, false);
    const next = (old: UnknownObject) => (change(old as K) ?? old) as UnknownObject;
    const written = await updateObject({ ...scope, whole: true }, { next, retries: true }, ctx);
    return type.objectOf(written.object) as K;
  }

  async rewrite<K>(kind: KindRef<K>, namespace: string, name: string, change: (old: K) => K, ctx: Ctx): Promise<void> {
    const type = this.#type(kind);
    const key = keyIn(type, namespace, name);
    for (let fresh = false; ; fresh = true) {
      const stored = await readStored(this.#core, type, key, fresh, ctx);
      if (stored === undefined) throw errors.notFound(resourceName(type, name));
      const next = changed(stored, change);
      if (next === undefined) continue;
      if ((await commitObject(type, next, stored.revision, false, ctx)).ok) return;
    }
  }

  async delete(
    kind: KindRef<unknown>,
    namespace: string,
    name: string,
    options: object,
    ctx: Ctx,
  ): Promise<UnknownObject | undefined> {
    const type = this.#type(kind);
    const { dryRun, ...request } = options as DeleteRequest & { readonly dryRun?: boolean | readonly string[] };
    const isDry = dryRun === true || (Array.isArray(dryRun) && dryRun.length > 0);
    const deleted = await deleteObject(this.#scope(type, namespace, name, isDry), request, ctx);
    return deleted.gone ? undefined : type.objectOf(deleted.object);
  }

  service<S>(name: string): S {
    const found = this.#services.get(name);
    invariant(found !== undefined, `no service ${JSON.stringify(name)} was given to the API server`);
    return found as S;
  }

  #type(kind: KindRef<unknown>): ResourceType {
    const type = this.#core.registry.find(kind.group, kind.version, kind.plural);
    if (type === undefined)
      throw errors.internal(`the server does not serve ${kind.group}/${kind.version} ${kind.plural}`);
    return type;
  }

  #scope(type: ResourceType, namespace: string, name: string, dryRun: boolean): WriteScope {
    return {
      core: this.#core,
      type,
      user: SERVER_USER,
      namespace: type.namespaced ? namespace : '',
      name,
      subresource: '',
      dryRun,
      manager: MANAGER,
      admission: false,
      nowMs: this.#ctx.clock.nowMs(),
      warn: () => {},
    };
  }
}

/** Undefined: it is refused, but of a state that may be old. */
function changed<K>(stored: Stored, change: (old: K) => K): UnknownObject | undefined {
  try {
    return change(stored.object as K) as UnknownObject;
  } catch (error) {
    if (stored.mayBeOld) return undefined;
    throw error;
  }
}
