/** Lists from the store itself, page by page: what the cache's window has lost. Source: storage/etcd3/store.go GetList. */
import type { Ctx } from '@kapella/base';
import type { CacheList, CachedObject, CacheQuery } from '../cached.ts';
import type { KeyValue, ListOptions, Store } from '../contract.ts';

/** Values a page where a selector decides how many of them count. */
const PAGE_VALUES = 500;

export interface StoredQuery extends CacheQuery {
  readonly revision?: number;
  readonly limit?: number;
  readonly startAfter?: string;
}

export async function listStored(
  store: Store,
  prefix: string,
  query: StoredQuery,
  make: (value: KeyValue) => CachedObject,
  ctx: Ctx,
): Promise<CacheList> {
  const { limit = Number.POSITIVE_INFINITY, namespace, name, matches } = query;
  const isPlain = name === undefined && matches === undefined;
  const range = namespace === undefined ? prefix : `${prefix}${namespace}/`;
  const items: CachedObject[] = [];
  let { revision } = query;
  let startAfter = query.startAfter === undefined ? undefined : prefix + query.startAfter;
  for (;;) {
    const wanted = isPlain ? limit - items.length : PAGE_VALUES;
    const page = await store.list(
      range,
      listOptions(revision, Number.isFinite(limit) ? wanted : undefined, startAfter),
      ctx,
    );
    revision = page.revision;
    const taken = takeMatching(page.items, limit, items, { query, make });
    const remaining = page.items.length - taken + page.remaining;
    const last = page.items.at(-1);
    if (items.length >= limit || remaining === 0 || last === undefined) {
      return { items, revision, more: remaining > 0, remaining };
    }
    startAfter = last.key;
  }
}

/** How many values were looked at until `items` held `limit` of them. */
function takeMatching(
  values: readonly KeyValue[],
  limit: number,
  items: CachedObject[],
  { query, make }: { readonly query: StoredQuery; make(value: KeyValue): CachedObject },
): number {
  for (const [i, value] of values.entries()) {
    const object = make(value);
    if (query.name !== undefined && object.name !== query.name) continue;
    if (query.matches?.(object) === false) continue;
    items.push(object);
    if (items.length >= limit) return i + 1;
  }
  return values.length;
}

function listOptions(
  revision: number | undefined,
  limit: number | undefined,
  startAfter: string | undefined,
): ListOptions {
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(revision === undefined ? {} : { revision }),
    ...(startAfter === undefined ? {} : { startAfter }),
  };
}
