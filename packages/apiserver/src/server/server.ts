/** The generic API server: one request in, one answer out, whatever carried it. It knows no kind. */
import { type BuiltInTypeFacts, createTypeFacts } from '@kapella/api';
import { type Ctx, describeError } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { Store } from '@kapella/store';
import type { AdmissionPlugin } from '../admission.ts';
import { createAdmissionChain } from '../admission-chain.ts';
import { ANONYMOUS, unauthorized, withAuthenticated } from '../auth/authenticate.ts';
import { attributesOf, requireAllowed } from '../auth/authorize.ts';
import type { Authenticator, Authorizer, ServerRequest } from '../auth/contract.ts';
import { impersonated } from '../auth/impersonate.ts';
import { createCodecs } from '../codec/codecs.ts';
import { createFieldManagement } from '../codec/field-management.ts';
import type { NonResourceRoutes } from '../discovery/routes.ts';
import { createNegotiator, type Media, type Negotiator } from '../http/media.ts';
import { parseRequestInfo, type RequestInfo } from '../http/request-info.ts';
import { createRequestMetrics, type RequestMetrics } from '../metrics/request-metrics.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { createRegistry, type Registry } from '../registry/registry.ts';
import type { AnyDefinition } from '../registry/resource-type.ts';
import type { ConnectTarget, ServerAccess, UserInfo } from '../resource.ts';
import { isServerFault, respondError, respondText, warningHeader } from '../respond/respond.ts';
import { startCompaction } from '../rest/compaction.ts';
import type { Core } from '../rest/core.ts';
import { startExpiry } from '../rest/expiry.ts';
import { createFrameCache, type FrameCache } from '../rest/watch.ts';
import { createServerAccess } from './access.ts';
import { type ConnectDialer, planConnect, serveConnect } from './connect-handlers.ts';
import { createInflight, type Inflight, type InflightOptions } from './inflight.ts';
import { serveResource } from './resource-handler.ts';
import type { RequestScope } from './scope.ts';

export interface ApiServerOptions {
  readonly store: Store;
  /** Storage versions before the versions that are stored as them. */
  readonly resources: readonly AnyDefinition[];
  readonly admission?: readonly AdmissionPlugin[];
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly metrics: MetricsRegistry;
  /** Everything that is no resource: discovery, OpenAPI, health, metrics. Built once the server exists. */
  readonly routes?: (server: ApiServer) => NonResourceRoutes;
  /** Asked for what this server does not serve itself, before `routes`. undefined: not there either. */
  readonly delegate?: (
    request: ServerRequest,
    info: RequestInfo,
    user: UserInfo,
    ctx: Ctx,
  ) => Promise<ApiResponse | undefined>;
  /** What `ServerAccess.service` finds, by name. May be filled until the first request. */
  readonly services?: ReadonlyMap<string, unknown>;
  /** For plain GETs of connect subresources (logs, proxies). */
  readonly dialer?: ConnectDialer;
  readonly inflight?: InflightOptions;
  readonly facts?: BuiltInTypeFacts;
}

export interface ApiServer {
  /** Never rejects: every error is an answer. */
  handle(request: ServerRequest, ctx: Ctx): Promise<ApiResponse>;
  /** For upgrade requests (exec, attach, portforward): checked as any other, then where to dial. Throws ApiError. */
  connect(request: ServerRequest, ctx: Ctx): Promise<ConnectTarget>;
  readonly access: ServerAccess;
  readonly registry: Registry;
  readonly core: Core;
  readonly facts: BuiltInTypeFacts;
  readonly metrics: MetricsRegistry;
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator;
  /** Resolves when every cache is loaded: requests before that wait. */
  ready(ctx: Ctx): Promise<void>;
  /** Ends all watches and caches. The store stays open: it belongs to the caller. */
  close(): void;
}

/** The caches run until `close` or until `ctx` ends. */
export function createApiServer(options: ApiServerOptions, ctx: Ctx): ApiServer {
  return new GenericApiServer(options, ctx);
}

const NO_QUERY = new URLSearchParams();

class GenericApiServer implements ApiServer {
  readonly core: Core;
  readonly registry: Registry;
  readonly facts: BuiltInTypeFacts;
  readonly metrics: MetricsRegistry;
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator;
  readonly #frames: FrameCache = createFrameCache();
  readonly #negotiator: Negotiator = createNegotiator();
  readonly #routes: NonResourceRoutes | undefined;
  readonly #inflight: Inflight;
  readonly #requestMetrics: RequestMetrics;
  readonly #dialer: ConnectDialer | undefined;
  readonly #delegate: ApiServerOptions['delegate'];

  constructor(options: ApiServerOptions, ctx: Ctx) {
    this.facts = options.facts ?? createTypeFacts();
    this.metrics = options.metrics;
    this.authenticator = options.authenticator;
    this.authorizer = options.authorizer;
    this.registry = createRegistry(options.store, this.facts, ctx);
    for (const definition of options.resources) this.registry.add(definition);
    const core: Omit<Core, 'access'> & { access?: ServerAccess } = {
      store: options.store,
      embedded: options.store.embedded,
      registry: this.registry,
      facts: this.facts,
      codecs: createCodecs(this.facts),
      fields: createFieldManagement(this.facts),
      admission: createAdmissionChain(options.admission ?? []),
      compaction: startCompaction(options.store, ctx),
    };
    core.access = createServerAccess(core as Core, options.services ?? new Map(), ctx);
    this.core = core as Core;
    for (const type of this.registry.all()) startExpiry(type, ctx);
    this.#inflight = createInflight(options.inflight ?? {});
    this.#requestMetrics = createRequestMetrics(options.metrics);
    this.#dialer = options.dialer;
    this.#delegate = options.delegate;
    this.#routes = options.routes?.(this);
  }

  get access(): ServerAccess {
    return this.core.access;
  }

  ready(ctx: Ctx): Promise<void> {
    return this.registry.ready(ctx);
  }

  close(): void {
    this.registry.close();
  }

  async handle(request: ServerRequest, ctx: Ctx): Promise<ApiResponse> {
    const startedMs = ctx.clock.monotonicMs();
    const query = request.query === '' ? NO_QUERY : new URLSearchParams(request.query);
    const info = parseRequestInfo(request.method, request.path, query);
    const warnings: string[] = [];
    let response: ApiResponse;
    try {
      response = await this.#serve(request, info, query, warnings, ctx);
    } catch (error) {
      if (isServerFault(error)) {
        ctx.log.error('request failed', { method: request.method, path: info.path, error: describeError(error) });
      }
      response = respondError(this.core.codecs, error, this.#errorMedia(request, query));
    }
    this.#requestMetrics.observe(info, response, ctx.clock.monotonicMs() - startedMs);
    if (!(response.body instanceof Uint8Array)) {
      response = { ...response, body: this.#requestMetrics.trackStream(info, response.body) };
    }
    return withCommonHeaders(response, warnings, request.headers['audit-id'] ?? ctx.random.uuid());
  }

  async connect(request: ServerRequest, ctx: Ctx): Promise<ConnectTarget> {
    const query = new URLSearchParams(request.query);
    const info = parseRequestInfo(request.method, request.path, query);
    const user = await this.#admit(request, info, query, ctx);
    const scope = this.#scopeOf(request, info, query, user, [], ctx);
    return planConnect(scope, this.authorizer, true, ctx);
  }

  async #serve(
    request: ServerRequest,
    info: RequestInfo,
    query: URLSearchParams,
    warnings: string[],
    ctx: Ctx,
  ): Promise<ApiResponse> {
    const user = await this.#admit(request, info, query, ctx);
    if (!info.isResource || !this.#isServed(info)) {
      const delegated = await this.#delegate?.(request, info, user, ctx);
      if (delegated !== undefined) return delegated;
      return (await this.#routes?.serve(request, info, query, user, ctx)) ?? notFoundPage();
    }
    const scope = this.#scopeOf(request, info, query, user, warnings, ctx);
    const release = this.#inflight.enter(info, user);
    try {
      const response = isConnect(scope)
        ? await serveConnect(scope, this.authorizer, this.#dialer, ctx)
        : await serveResource(scope, ctx);
      return response ?? notFoundPage();
    } finally {
      release();
    }
  }

  /** Authenticates, impersonates, authorizes. Throws Unauthorized, Forbidden. */
  async #admit(request: ServerRequest, info: RequestInfo, query: URLSearchParams, ctx: Ctx): Promise<UserInfo> {
    const sender = request.user ?? (await this.authenticator.authenticate(request, ctx));
    if (sender === undefined) throw unauthorized();
    const user = impersonated(
      sender === ANONYMOUS ? sender : withAuthenticated(sender),
      request.headers,
      this.authorizer,
    );
    requireAllowed(this.authorizer, attributesOf(user, info, query));
    return user;
  }

  #isServed({ group, version, resource, namespace }: RequestInfo): boolean {
    const type = this.registry.find(group, version, resource);
    if (type === undefined) return false;
    return type.namespaced || namespace === '' || (resource === 'namespaces' && group === '');
  }

  #scopeOf(
    request: ServerRequest,
    info: RequestInfo,
    query: URLSearchParams,
    user: UserInfo,
    warnings: string[],
    ctx: Ctx,
  ): RequestScope {
    const type = this.registry.find(info.group, info.version, info.resource);
    if (type === undefined) throw unauthorized();
    return {
      core: this.core,
      frames: this.#frames,
      negotiator: this.#negotiator,
      type,
      info,
      query,
      request,
      user,
      namespace: type.namespaced ? info.namespace : '',
      nowMs: ctx.clock.nowMs(),
      warn: (message) => {
        if (!warnings.includes(message)) warnings.push(message);
      },
    };
  }

  #errorMedia(request: ServerRequest, query: URLSearchParams): Media | undefined {
    try {
      return this.#negotiator.choose(request.headers.accept, query, true, false);
    } catch {
      return undefined;
    }
  }
}

function isConnect({ type, info }: RequestScope): boolean {
  const connects = type.definition.subresources?.connects;
  return connects !== undefined && info.subresource !== '' && Object.hasOwn(connects, info.subresource);
}

function notFoundPage(): ApiResponse {
  return respondText(404, '404 page not found\n');
}

function withCommonHeaders(response: ApiResponse, warnings: readonly string[], auditId: string): ApiResponse {
  const headers: Record<string, string | readonly string[]> = { ...response.headers, 'audit-id': auditId };
  if (warnings.length > 0) headers.warning = warnings.map(warningHeader);
  return { status: response.status, headers, body: response.body };
}
