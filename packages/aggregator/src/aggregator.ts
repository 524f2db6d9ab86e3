/**
 * Requests for groups that APIServices name go to the servers behind them, under the name of who asked.
 * Source: kube-aggregator pkg/apiserver/{handler_proxy,apiservice_controller}.go.
 */
import { apiregistrationV1, coreV1, discoveryV1, type KindRef, type OpenApiResource } from '@kapella/api';
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import {
  type ApiServer,
  type ConnectTarget,
  followCache,
  type HttpCaller,
  type RequestInfo,
  type ServerRequest,
  type UserInfo,
} from '@kapella/apiserver';
import { ApiError, type Ctx, describeError, isReason, type Timer } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { CacheEvent } from '@kapella/store';
import { startAutoRegister } from './autoregister.ts';
import { type Checked, checkAvailability, type Identity, targetFor, withCondition } from './availability.ts';
import { type Priorities, prioritiesOf } from './priorities.ts';
import { RemoteOpenApi, type RemoteSchemas } from './remote-openapi.ts';
import { remoteResources } from './remote-resources.ts';

const CHECK_EVERY_MS = 10_000;
const OPENAPI_V3 = '/openapi/v3/';
const CREDENTIALS = new Set(['authorization', 'x-remote-user', 'x-remote-uid', 'cookie']);

/** Sends one request on and streams the answer back. */
export type ServiceDialer = (target: ConnectTarget, request: ServerRequest, ctx: Ctx) => Promise<ApiResponse>;

export interface AggregatorOptions {
  readonly identity: Identity;
  readonly caller: HttpCaller;
  readonly dialer: ServiceDialer;
}

export interface Aggregator {
  /** undefined: no APIService names this group and version. Throws ServiceUnavailable. */
  serve(request: ServerRequest, info: RequestInfo, user: UserInfo, ctx: Ctx): Promise<ApiResponse | undefined>;
  /** As `serve`, for upgrades: where they go, and the headers to go with. */
  connect(request: ServerRequest, info: RequestInfo, user: UserInfo): Promise<ConnectTarget | undefined>;
  /** What is served elsewhere, as far as it is known. */
  resources(): readonly OpenApiResource[];
  /** What extension servers say of their schemas, as far as it is known. */
  schemas(): readonly RemoteSchemas[];
  /** Which groups and versions come first, of those served here and elsewhere. */
  prioritiesOf(group: string, version: string): Priorities;
  /** Grows with each change of the above. */
  readonly generation: number;
}

/** Follows APIServices until `ctx` ends. The server must be ready. */
export function createAggregator(server: ApiServer, options: AggregatorOptions, ctx: Ctx): Aggregator {
  const aggregator = new ServiceAggregator(server, options, ctx);
  aggregator.start();
  return aggregator;
}

const SELF = 'apiregistration.k8s.io';

function hasSamePriorities({ spec: a }: APIService, { spec: b }: APIService): boolean {
  return a.groupPriorityMinimum === b.groupPriorityMinimum && a.versionPriority === b.versionPriority;
}

class ServiceAggregator implements Aggregator {
  generation = 0;
  readonly #server: ApiServer;
  readonly #options: AggregatorOptions;
  readonly #ctx: Ctx;
  /** By `group/version`: those that have a service. */
  readonly #remote = new Map<string, APIService>();
  readonly #known = new Map<string, readonly OpenApiResource[]>();
  readonly #available = new Set<string>();
  /** Being checked now; true: what it stands on changed meanwhile, so once more. */
  readonly #checking = new Map<string, boolean>();
  readonly #openApi: RemoteOpenApi;
  #timer: Timer | undefined;

  constructor(server: ApiServer, options: AggregatorOptions, ctx: Ctx) {
    this.#server = server;
    this.#options = options;
    this.#ctx = ctx;
    this.#openApi = new RemoteOpenApi(server.access, options.caller, options.identity, () => {
      this.generation++;
    });
  }

  start(): void {
    const stops = [
      this.#follow(apiregistrationV1.APIService, (events) => this.#see(events)),
      this.#follow(coreV1.Service, (events) => this.#seeTargets(events, ({ name }) => name)),
      this.#follow(discoveryV1.EndpointSlice, (events) =>
        this.#seeTargets(events, ({ labels }) => labels['kubernetes.io/service-name']),
      ),
    ];
    startAutoRegister(this.#server, this.#ctx);
    this.#schedule();
    this.#ctx.signal.addEventListener(
      'abort',
      () => {
        for (const stop of stops) stop();
        this.#timer?.cancel();
      },
      { once: true },
    );
  }

  #follow({ group, version, plural }: KindRef<unknown>, apply: (events: readonly CacheEvent[]) => void): () => void {
    return followCache(this.#server.registry.find(group, version, plural)?.storage?.cache, apply);
  }

  resources(): readonly OpenApiResource[] {
    return [...this.#known.values()].flat();
  }

  prioritiesOf(group: string, version: string): Priorities {
    // Its own group comes before all others: no APIService tells of it.
    if (group === SELF) return { groupPriorityMinimum: Number.MAX_SAFE_INTEGER, versionPriority: 0 };
    return this.#remote.get(`${group}/${version}`)?.spec ?? prioritiesOf(group, version);
  }

  schemas(): readonly RemoteSchemas[] {
    return this.#openApi.schemas();
  }

  async serve(request: ServerRequest, info: RequestInfo, user: UserInfo, ctx: Ctx): Promise<ApiResponse | undefined> {
    const target = await this.#targetOf(info, request.query);
    if (target === undefined) return undefined;
    if (target === 'unavailable') return UNAVAILABLE;
    return this.#options.dialer(target, { ...request, headers: headersFor(request.headers, user) }, ctx);
  }

  async connect(request: ServerRequest, info: RequestInfo, user: UserInfo): Promise<ConnectTarget | undefined> {
    const target = await this.#targetOf(info, request.query);
    if (target === 'unavailable') throw unavailable();
    return target && { ...target, headers: headersFor(request.headers, user) };
  }

  /** undefined: no APIService names this group and version. */
  async #targetOf(info: RequestInfo, query: string): Promise<ConnectTarget | 'unavailable' | undefined> {
    const path = info.path.startsWith(OPENAPI_V3) ? info.path.slice(OPENAPI_V3.length - 1) : info.path;
    const [, root, group = '', version = ''] = path.split('/');
    const key = `${group}/${version}`;
    const service = root === 'apis' ? this.#remote.get(key) : undefined;
    if (service === undefined) return undefined;
    return this.#available.has(key) ? this.#target(service, info, query) : 'unavailable';
  }

  async #target(service: APIService, info: RequestInfo, query: string): Promise<ConnectTarget> {
    const path = query === '' ? info.path : `${info.path}?${query}`;
    try {
      const { url, connectTo, tls } = await targetFor(service, this.#server.access, path);
      const parsed = /^https:\/\/[^/]+(\/.*)$/.exec(url);
      return {
        protocol: 'https',
        host: connectTo?.host ?? '',
        port: connectTo?.port ?? 443,
        path: parsed?.[1] ?? '/',
        kubeletAuth: false,
        tls: { ...tls, ...this.#options.identity, insecure: service.spec.insecureSkipTLSVerify === true },
      };
    } catch (error) {
      this.#ctx.log.warn('aggregated API not reached', { path: info.path, error: describeError(error) });
      throw unavailable();
    }
  }

  #see(events: readonly CacheEvent[]): void {
    for (const { type, object } of events) {
      const service = object.object<APIService>();
      const key = `${service.spec.group}/${service.spec.version}`;
      const isRemote = type !== 'DELETED' && service.spec.service !== undefined;
      if (isRemote) {
        const before = this.#remote.get(key);
        const isNew = before === undefined;
        this.#remote.set(key, service);
        if (!isNew && !hasSamePriorities(before, service)) this.generation++;
        if (isNew) void this.#check(service);
      } else if (this.#remote.delete(key)) this.#forget(key);
    }
  }

  /** Services and their endpoints: an APIService behind one is asked again at once. */
  #seeTargets(events: readonly CacheEvent[], serviceOf: (object: CacheEvent['object']) => string | undefined): void {
    if (this.#remote.size === 0) return;
    for (const { object } of events) {
      const name = serviceOf(object);
      for (const service of this.#remote.values()) {
        const target = service.spec.service;
        if (target?.name === name && target?.namespace === object.namespace) void this.#check(service);
      }
    }
  }

  #forget(key: string): void {
    this.#available.delete(key);
    this.#openApi.forget(key);
    if (this.#known.delete(key)) this.generation++;
  }

  #schedule(): void {
    if (this.#ctx.signal.aborted) return;
    this.#timer = this.#ctx.clock.setTimer(CHECK_EVERY_MS, () => {
      Promise.all([...this.#remote.values()].map((service) => this.#check(service))).finally(() => this.#schedule());
    });
  }

  async #check(service: APIService): Promise<void> {
    const key = `${service.spec.group}/${service.spec.version}`;
    if (this.#checking.has(key)) {
      this.#checking.set(key, true);
      return;
    }
    do {
      this.#checking.set(key, false);
      await this.#checkOnce(this.#remote.get(key) ?? service);
    } while (this.#checking.get(key) === true && !this.#ctx.signal.aborted);
    this.#checking.delete(key);
  }

  async #checkOnce(service: APIService): Promise<void> {
    const { group = '', version = '' } = service.spec;
    const key = `${group}/${version}`;
    const { caller, identity } = this.#options;
    try {
      const { condition, resources } = await checkAvailability(
        service,
        this.#server.access,
        caller,
        identity,
        this.#ctx,
      );
      if (!this.#remote.has(key)) return;
      if (resources === undefined) this.#available.delete(key);
      else {
        this.#available.add(key);
        this.#learn(key, remoteResources(group, version, resources));
        await this.#openApi.learn(service, this.#ctx);
      }
      await this.#write(service.metadata.name, condition);
    } catch (error) {
      this.#failed('availability not checked', error);
    }
  }

  #learn(key: string, resources: readonly OpenApiResource[]): void {
    if (JSON.stringify(this.#known.get(key)) === JSON.stringify(resources)) return;
    this.#known.set(key, resources);
    this.generation++;
  }

  async #write(name: string, condition: Checked['condition']): Promise<void> {
    const nowMs = this.#ctx.clock.nowMs();
    const change = (old: APIService) => withCondition(old, condition, nowMs);
    try {
      await this.#server.access.update(apiregistrationV1.APIService, '', name, change, this.#ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  #failed(event: string, error: unknown): void {
    if (!this.#ctx.signal.aborted) this.#ctx.log.error(event, { error: describeError(error) });
  }
}

/** As upstream in plain text: clients then say in their own words that the server cannot handle the request. */
const UNAVAILABLE: ApiResponse = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body: new TextEncoder().encode('service unavailable\n'),
};

function unavailable(): ApiError {
  return new ApiError('ServiceUnavailable', 'service unavailable', { details: {} });
}

/** Who asked is told by the front proxy's headers; what the client proved it with stays here. */
function headersFor(given: Readonly<Record<string, string>>, user: UserInfo): Readonly<Record<string, string>> {
  const kept = Object.entries(given).filter(([name]) => {
    return !CREDENTIALS.has(name) && !name.startsWith('x-remote-') && !name.startsWith('impersonate-');
  });
  const extra = Object.entries(user.extra ?? {}).map(([key, values]) => [
    `x-remote-extra-${encodeURIComponent(key.toLowerCase())}`,
    values,
  ]);
  return {
    ...Object.fromEntries(kept),
    'x-remote-user': user.username,
    // Several values under one name: node:http sends them as several headers.
    ...({ 'x-remote-group': user.groups } as unknown as Record<string, string>),
    ...(user.uid === undefined ? {} : { 'x-remote-uid': user.uid }),
    ...(Object.fromEntries(extra) as Record<string, string>),
  };
}
