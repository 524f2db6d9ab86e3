/** GET of one object and LIST. Source: apiserver/pkg/endpoints/handlers/get.go, pkg/storage/etcd3/store.go GetList. */
import { jsonFault } from '@kapella/api';
import { ApiError, type Ctx, errors, isReason, type Status } from '@kapella/base';
import type { CachedObject, CacheList, WatchCache } from '@kapella/store';
import { type ListParameters, parseReadRevision, parseRevision } from '../http/parameters.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { ListMetadata } from '../respond/render.ts';
import { readConverted, storageOf } from './commit.ts';
import { type Core, keyIn, makeConsistent, resourceName } from './core.ts';
import { cacheQuery } from './selectors.ts';

/** Looking through more takes milliseconds, in which nobody else is answered. */
const LARGE_OBJECTS = 2_000;
const CONTINUE_VERSION = 'meta.k8s.io/v1';
const INCONSISTENT =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
  'between the time the first chunk was returned and now may show up in the list.';

/** No promise where the cache knows the newest state. Throws or rejects with NotFound. */
export function getObject(
  core: Core,
  type: ResourceType,
  namespace: string,
  name: string,
  resourceVersion: string,
  ctx: Ctx,
): CachedObject | Promise<CachedObject> {
  const { cache, converts } = storageOf(type);
  if (core.embedded && !converts && resourceVersion === '' && cache.revision > 0) {
    const found = cache.get(keyIn(type, namespace, name));
    if (found === undefined) throw errors.notFound(resourceName(type, name));
    return found;
  }
  return readObject(core, type, namespace, name, resourceVersion, ctx);
}

async function readObject(
  core: Core,
  type: ResourceType,
  namespace: string,
  name: string,
  resourceVersion: string,
  ctx: Ctx,
): Promise<CachedObject> {
  if (storageOf(type).converts) {
    const read = await readConverted(type, keyIn(type, namespace, name), ctx);
    if (read === undefined) throw errors.notFound(resourceName(type, name));
    return read;
  }
  const { cache } = storageOf(type);
  const wanted = parseReadRevision(resourceVersion);
  const key = keyIn(type, namespace, name);
  let found: CachedObject | undefined;
  if (wanted === undefined && !core.embedded) found = await cache.read(key, ctx);
  else {
    if (cache.revision === 0) await makeConsistent(core, type, ctx);
    if (wanted !== undefined && wanted > cache.revision) await cache.waitFor(wanted, ctx);
    found = cache.get(key);
  }
  if (found === undefined) throw errors.notFound(resourceName(type, name));
  return found;
}

export interface Listed {
  readonly items: readonly CachedObject[];
  readonly metadata: ListMetadata;
}

/** Throws BadRequest, Expired, Timeout (resource version too large). */
export async function listObjects(
  core: Core,
  type: ResourceType,
  namespace: string,
  pathName: string,
  parameters: ListParameters,
  ctx: Ctx,
): Promise<Listed> {
  const { cache } = storageOf(type);
  const { limit, continueToken } = parameters;
  const query = cacheQuery(type, namespace, pathName, parameters.labels, parameters.fields);
  const isPlain = query.matches === undefined && query.name === undefined;
  const token = continueToken === '' ? undefined : decodeToken(continueToken, parameters.resourceVersion);
  const revision = token === undefined ? await revisionOf(core, type, parameters, ctx) : token.revision;
  const isFromCacheAsIs = parameters.resourceVersion === '0' && parameters.resourceVersionMatch !== 'Exact';
  if (token?.revision !== undefined) await cache.waitFor(token.revision, ctx);
  else if (token !== undefined) await makeConsistent(core, type, ctx);
  if (mayBeLarge(cache.size, limit)) await core.turns.take(ctx);
  const found = await listOrExpire(
    core,
    cache,
    {
      ...query,
      ...(revision === undefined ? {} : { revision }),
      ...(limit > 0 && !isFromCacheAsIs ? { limit } : {}),
      ...(token === undefined ? {} : { startAfter: token.startAfter }),
    },
    token,
    ctx,
  );
  return { items: found.items, metadata: listMetadata(found, isPlain, type.custom) };
}

/** Lists of custom resources say so even where there is nothing to continue. */
function listMetadata(
  { items, revision, more, remaining }: CacheList,
  isPlain: boolean,
  isCustom: boolean,
): ListMetadata {
  const last = items.at(-1);
  const resourceVersion = String(revision);
  if (!more) return isCustom ? { resourceVersion, continue: '' } : { resourceVersion };
  return {
    resourceVersion,
    ...(last === undefined ? {} : { continue: encodeToken(revision, last.key) }),
    ...(isPlain ? { remainingItemCount: remaining } : {}),
  };
}

const mayBeLarge = (size: number, limit: number) => size > LARGE_OBJECTS && (limit === 0 || limit > LARGE_OBJECTS);

/** Throws Expired in upstream's words; to one who pages, with a token to go on by. */
async function listOrExpire(
  { compaction }: Core,
  cache: WatchCache,
  query: Parameters<WatchCache['list']>[0],
  token: Token | undefined,
  ctx: Ctx,
): Promise<CacheList> {
  if (query.matches !== undefined) await cache.digest(query.namespace, ctx);
  const isCompacted = query.revision !== undefined && query.revision < compaction.revision;
  for (const list of isCompacted ? [] : [cache.list.bind(cache), cache.listStored.bind(cache)]) {
    try {
      return await list(query, ctx);
    } catch (error) {
      // What has left the cache's window may still be in the store.
      if (!isReason(error, 'Expired')) throw error;
    }
  }
  if (token !== undefined) throw inconsistent(token.startAfter);
  throw errors.expired('The resourceVersion for the provided list is too old.');
}

/** undefined: whatever the cache has. */
async function revisionOf(
  core: Core,
  type: ResourceType,
  parameters: ListParameters,
  ctx: Ctx,
): Promise<number | undefined> {
  const { cache, converts } = storageOf(type);
  if (converts) await cache.fill();
  const wanted = parseRevision(parameters.resourceVersion);
  if (wanted === undefined) {
    await makeConsistent(core, type, ctx);
    return undefined;
  }
  if (wanted > cache.revision || cache.revision === 0) await cache.waitFor(wanted, ctx);
  // As upstream: with a limit, a plain resourceVersion means exactly that version.
  const exact =
    parameters.resourceVersionMatch === 'Exact' ||
    (parameters.resourceVersionMatch === '' && parameters.limit > 0 && wanted > 0);
  return exact ? wanted : undefined;
}

function encodeToken(revision: number, key: string): string {
  const json = JSON.stringify({ v: CONTINUE_VERSION, rv: revision, start: `${key}\u0000` });
  return btoa(json).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

interface Token {
  /** undefined: at the newest revision. */
  readonly revision: number | undefined;
  readonly startAfter: string;
}

/** Throws BadRequest. */
function decodeToken(text: string, resourceVersion: string): Token {
  if (resourceVersion !== '' && resourceVersion !== '0') {
    throw errors.badRequest('specifying resource version is not allowed when using continue');
  }
  const { v, rv, start } = readToken(text);
  if (v !== CONTINUE_VERSION) throw invalidToken(`server does not recognize this encoded version ${String(v ?? '')}`);
  if (typeof rv !== 'number' || rv === 0) {
    throw invalidToken(`incorrect encoded start resourceVersion (version ${CONTINUE_VERSION})`);
  }
  if (typeof start !== 'string' || start === '') {
    throw invalidToken(`encoded start key empty (version ${CONTINUE_VERSION})`);
  }
  const key = start.replace(/\0$/, '');
  // As Go's path.Clean: a key that leads elsewhere is no key.
  if (key.split('/').some((part) => part === '.' || part === '..')) throw invalidToken(start);
  return { revision: rv < 0 ? undefined : rv, startAfter: key };
}

interface TokenText {
  readonly v?: unknown;
  readonly rv?: unknown;
  readonly start?: unknown;
}

function readToken(text: string): TokenText {
  const bad = text.search(/[^A-Za-z0-9_-]/);
  if (bad >= 0 || text.length % 4 === 1) {
    throw invalidToken(`illegal base64 data at input byte ${bad >= 0 ? bad : text.length - 1}`);
  }
  const json = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const fault = jsonFault(json);
  if (fault !== undefined) throw invalidToken(fault);
  const token: unknown = JSON.parse(json);
  return typeof token === 'object' && token !== null ? token : {};
}

const invalidToken = (why: string): ApiError =>
  errors.badRequest(`invalid continue token: continue key is not valid: ${why}`);

/** 410 with a token that goes on at the newest revision. */
function inconsistent(startAfter: string): ApiError {
  const continueToken = encodeToken(-1, startAfter);
  return new ExpiredToken(continueToken);
}

class ExpiredToken extends ApiError {
  readonly #token: string;

  constructor(token: string) {
    super('Expired', INCONSISTENT);
    this.#token = token;
  }

  override toStatus(): Status {
    return { ...super.toStatus(), metadata: { continue: this.#token } };
  }
}
