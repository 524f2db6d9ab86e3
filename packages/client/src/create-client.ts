/** The typed client over any transport: paths, queries, bodies, Status errors. Source: client-go/rest, typed clients. */
import { apiVersionOf, type KindRef, type KubeList, type NewObject, pathOf } from '@kapella/api';
import { ApiError, type Ctx, goJson, isReason, jsonEqual, sleep } from '@kapella/base';
import { consume, createLineDecoder, createSharedDecoder, errorOf, readBody } from './body.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  Named,
  PatchBody,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import type { ApiResponse, Transport } from './transport.ts';
import { limitedTransport } from './transports/limited.ts';

const PAGE_SIZE = 500;
/** Retries of a request that the server put off with Retry-After, as client-go's. */
const RETRY_AFTER_ATTEMPTS_MAX = 10;
const METADATA_ACCEPT = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';
const METADATA_LIST_ACCEPT = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const PATCH_TYPES: Readonly<Record<PatchBody['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface ClientOptions {
  /** `kapella-controllers/0.1`: the server logs it and derives the default field manager from what precedes the slash. */
  readonly userAgent: string;
  /** Requests under way at a time, streams that have begun aside; the others wait their turn. Default: no limit. */
  readonly atOnceMax?: number;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: string | undefined;
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export function createClient(transport: Transport, options: ClientOptions): Client {
  const { userAgent, atOnceMax } = options;
  return new TypedClient(atOnceMax === undefined ? transport : limitedTransport(transport, atOnceMax), userAgent);
}

class TypedClient implements Client {
  readonly transport: Transport;
  readonly #userAgent: string;

  constructor(transport: Transport, userAgent: string) {
    this.transport = transport;
    this.#userAgent = userAgent;
  }

  async get<T>(kind: KindRef<T>, name: Named, ctx: Ctx): Promise<T | undefined> {
    try {
      return await this.#json<T>({ method: 'GET', path: pathFor(kind, name) }, ctx);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async list<T>(
    kind: KindRef<T>,
    options: ListOptions,
    ctx: Ctx,
    keep: (item: T) => T = (item) => item,
  ): Promise<KubeList<T>> {
    const path = pathOf(kind, options.namespace);
    const items: T[] = [];
    let continueToken = '';
    for (;;) {
      const query = readQuery(options);
      query.set('limit', String(options.limit ?? PAGE_SIZE));
      if (continueToken !== '') {
        query.set('continue', continueToken);
        query.delete('resourceVersion');
      }
      const headers = options.metadataOnly === true ? { accept: METADATA_LIST_ACCEPT } : undefined;
      const page = await this.#json<KubeList<T>>({ method: 'GET', path, query: query.toString(), headers }, ctx);
      for (const item of page.items ?? []) items.push(keep(stamped(kind, item, options.metadataOnly)));
      continueToken = page.metadata.continue ?? '';
      if (continueToken === '') return { ...page, items };
    }
  }

  async create<T>(kind: KindRef<T>, object: NewObject<T>, ctx: Ctx, options: WriteOptions = {}): Promise<T> {
    const path = pathOf(kind, object.metadata.namespace);
    return this.#json<T>({ method: 'POST', path, query: writeQuery(options), body: named(kind, object) }, ctx);
  }

  async update<T>(kind: KindRef<T>, object: T, ctx: Ctx, options: WriteOptions = {}): Promise<T> {
    const path = pathFor(kind, object as Named, options.subresource);
    return this.#json<T>({ method: 'PUT', path, query: writeQuery(options), body: named(kind, object as object) }, ctx);
  }

  async patch<T>(kind: KindRef<T>, name: Named, patch: PatchBody, ctx: Ctx, options: WriteOptions = {}): Promise<T> {
    const path = pathFor(kind, name, options.subresource);
    const body = patch.type === 'apply' ? named(kind, patch.body) : patch.body;
    const headers = { 'content-type': PATCH_TYPES[patch.type] };
    return this.#json<T>({ method: 'PATCH', path, query: writeQuery(options), body, headers }, ctx);
  }

  async patchStatus<T extends { readonly status?: unknown }>(
    kind: KindRef<T>,
    object: T,
    status: NonNullable<T['status']>,
    ctx: Ctx,
  ): Promise<T> {
    if (jsonEqual(object.status, status)) return object;
    return this.update(kind, { ...object, status }, ctx, { subresource: 'status' });
  }

  async delete(kind: KindRef<unknown>, name: Named, ctx: Ctx, options: DeleteOptions = {}): Promise<void> {
    await this.#json({ method: 'DELETE', path: pathFor(kind, name), body: deleteBody(options) }, ctx);
  }

  async deleteCollection(kind: KindRef<unknown>, options: ReadOptions & DeleteOptions, ctx: Ctx): Promise<void> {
    const path = pathOf(kind, options.namespace);
    const { resourceVersion: _, ...selectors } = options;
    await this.#json(
      { method: 'DELETE', path, query: readQuery(selectors).toString(), body: deleteBody(options) },
      ctx,
    );
  }

  async createSubresource<R>(
    kind: KindRef<unknown>,
    name: Named,
    subresource: string,
    body: object,
    ctx: Ctx,
  ): Promise<R> {
    return this.#json<R>({ method: 'POST', path: pathFor(kind, name, subresource), body }, ctx);
  }

  async request<R>(method: string, path: string, request: Omit<Call, 'method' | 'path'>, ctx: Ctx): Promise<R> {
    return this.#json<R>({ ...request, method, path }, ctx);
  }

  async watch<T>(
    kind: KindRef<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
    ctx: Ctx,
  ): Promise<void> {
    const query = readQuery(options);
    query.set('watch', 'true');
    if (options.allowBookmarks === true) query.set('allowWatchBookmarks', 'true');
    if (options.timeoutSeconds !== undefined) query.set('timeoutSeconds', String(options.timeoutSeconds));
    const headers = options.metadataOnly === true ? { accept: METADATA_ACCEPT } : undefined;
    const path = pathOf(kind, options.namespace);
    const response = await this.#send({ method: 'GET', path, query: query.toString(), headers }, ctx);
    const take = (event: unknown) => {
      const { type, object } = event as { type: WatchEvent<T>['type'] | 'ERROR'; object: T };
      if (type === 'ERROR') throw ApiError.fromStatus(object as object);
      onEvent({ type, object: stamped(kind, object, options.metadataOnly) });
    };
    const isShared = this.transport.sharesChunks === true;
    await consume(
      response.body,
      isShared ? createSharedDecoder(take) : createLineDecoder((line) => take(JSON.parse(line))),
      ctx,
    );
  }

  async #json<R>(call: Call, ctx: Ctx): Promise<R> {
    const response = await this.#send(call, ctx);
    const text = new TextDecoder().decode(await readBody(response.body, ctx));
    return (text === '' ? {} : text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text) as R;
  }

  /** Answers a response below 400; waits and tries again where the server says Retry-After. */
  async #send(call: Call, ctx: Ctx): Promise<ApiResponse> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': this.#userAgent };
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    Object.assign(headers, call.headers);
    const body = call.body === undefined ? undefined : new TextEncoder().encode(goJson(call.body));
    for (let attempt = 0; ; attempt++) {
      ctx.signal.throwIfAborted();
      const { method, path, query = '' } = call;
      const response = await this.transport.request({ method, path, query, headers, ...(body && { body }) }, ctx);
      if (response.status < 400) return response;
      const error = await errorOf(response, ctx);
      const waitSeconds = Number(response.headers['retry-after']);
      const retry = (response.status === 429 || response.status >= 500) && waitSeconds > 0;
      if (!retry || attempt >= RETRY_AFTER_ATTEMPTS_MAX) throw error;
      ctx.log.debug('server asked to retry later', { method, path, waitSeconds, cause: error.message });
      await sleep(waitSeconds * 1000, ctx);
    }
  }
}

function pathFor(kind: KindRef<unknown>, named: Named, subresource?: string): string {
  const { namespace, name } = 'metadata' in named ? named.metadata : named;
  return pathOf(kind, namespace, name, subresource);
}

function named(kind: KindRef<unknown>, object: object): object {
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}

/** Items of lists say neither kind nor apiVersion, and metadata-only objects say another kind. */
function stamped<T>(kind: KindRef<T>, object: T, metadataOnly = false): T {
  const { apiVersion, kind: said, metadata } = object as { apiVersion?: string; kind?: string; metadata: object };
  const right = apiVersionOf(kind);
  if (metadataOnly) return { kind: kind.kind, apiVersion: right, metadata } as T;
  return said === kind.kind && apiVersion === right ? object : { ...object, kind: kind.kind, apiVersion: right };
}

function readQuery(options: ReadOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector) query.set('labelSelector', options.labelSelector);
  if (options.fieldSelector) query.set('fieldSelector', options.fieldSelector);
  if (options.resourceVersion !== undefined) query.set('resourceVersion', options.resourceVersion);
  return query;
}

function writeQuery(options: WriteOptions): string {
  const query = new URLSearchParams();
  if (options.fieldManager !== undefined) query.set('fieldManager', options.fieldManager);
  if (options.dryRun === true) query.set('dryRun', 'All');
  if (options.force === true) query.set('force', 'true');
  return query.toString();
}

function deleteBody(options: DeleteOptions): object | undefined {
  const { gracePeriodSeconds, propagationPolicy, uid, resourceVersion } = options;
  const preconditions =
    uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } };
  return { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy, ...preconditions };
}
