/** The generic API server: one request in, one answer out, whatever carried it. It knows no kind. */
import { type BuiltInTypeFacts, createTypeFacts } from '@kapella/api';
import { ApiError, type Ctx, describeError, errors } from '@kapella/base';
import type { ApiResponse, ResponseStream } from '@kapella/client';
import type { Store } from '@kapella/store';
import type { AdmissionPlugin } from '../admission.ts';
import { createAdmissionChain } from '../admission-chain.ts';
import type { Auditor } from '../audit/auditor.ts';
import { type BodyReader, bodyReader } from '../audit/body.ts';
import { ANONYMOUS, unauthorized, withAuthenticated } from '../auth/authenticate.ts';
import { attributesOf, checkAllowed } from '../auth/authorize.ts';
import type { Attributes, Authenticator, Authorizer, Decision, ServerRequest } from '../auth/contract.ts';
import { Impersonation, isImpersonation } from '../auth/impersonate.ts';
import { createCodecs } from '../codec/codecs.ts';
import { createFieldManagement } from '../codec/field-management.ts';
import type { NonResourceRoutes } from '../discovery/routes.ts';
import { type FlowControl, isRefusal, type Refusal, type Ticket } from '../flow-control/flow-control.ts';
import { createNegotiator, type Media, type Negotiator } from '../http/media.ts';
import type { RequestInfo } from '../http/request-info.ts';
import { type AccessMetrics, createAccessMetrics } from '../metrics/access-metrics.ts';
import { createAdmissionMetrics } from '../metrics/admission-metrics.ts';
import { createRequestMetrics, type RequestMetrics } from '../metrics/request-metrics.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { createWatchMetrics } from '../metrics/watch-metrics.ts';
import { createRegistry, type Registry, type StoreFor } from '../registry/registry.ts';
import type { AnyDefinition } from '../registry/resource-type.ts';
import type { ConnectTarget, ServerAccess, UserInfo } from '../resource.ts';
import { isServerFault, respondError, respondText, respondTooMany, warningHeader } from '../respond/respond.ts';
import { createTurns } from '../rest/turns.ts';
import { startCompaction } from '../rest/compaction.ts';
import type { Core } from '../rest/core.ts';
import { startExpiry } from '../rest/expiry.ts';
import { createFrameCache, type FrameCache, WATCH_MS_MIN } from '../rest/watch.ts';
import { createServerAccess } from './access.ts';
import { type ConnectDialer, planConnect, serveConnect } from './connect-handlers.ts';
import { createDeadlines, type Deadlines, isLongRunning, REQUEST_MS_MAX } from './deadline.ts';
import { createInflight, type Inflight, type InflightOptions, isRead } from './inflight.ts';
import { serveResource } from './resource-handler.ts';
import {
  createLifecycle,
  isServedInShutdown,
  type Lifecycle,
  SHUTDOWN_RETRY_SECONDS,
  SHUTTING_DOWN,
} from './lifecycle.ts';
import { beginRecord, endRecord, recordAnswer } from './recording.ts';
import { newWork, queued, type RequestWork, trackedStream } from './request-work.ts';
import type { RequestScope } from './scope.ts';

export interface ApiServerOptions {
  readonly store: Store;
  /** The store of one resource's objects, where it is not `store` as it is: encryption at rest. */
  readonly storeFor?: StoreFor;
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
  /** As `delegate`, for upgrades: where they go. */
  readonly delegateConnect?: (
    request: ServerRequest,
    info: RequestInfo,
    user: UserInfo,
    ctx: Ctx,
  ) => Promise<ConnectTarget | undefined>;
  /** What `ServerAccess.service` finds, by name. May be filled until the first request. */
  readonly services?: ReadonlyMap<string, unknown>;
  /** For plain GETs of connect subresources (logs, proxies). */
  readonly dialer?: ConnectDialer;
  /** Who may run when; without it only `inflight` limits what runs at once. */
  readonly flowControl?: FlowControl;
  readonly inflight?: InflightOptions;
  /** Records what requests do; without it, nothing is recorded and recording costs nothing. */
  readonly auditor?: Auditor;
  /** Whether CBOR is read and written (the feature gate CBORServingAndStorage); default: no. */
  readonly cbor?: boolean;
  /** Most milliseconds that a request may take, long-running ones aside. Default 60,000. */
  readonly requestMsMax?: number;
  /** Watches without a time of their own last at least so long, and at most twice. Default 1,800,000. */
  readonly watchMsMin?: number;
  readonly facts?: BuiltInTypeFacts;
}

/** Where to dial, and what to call when the stream is over. */
export interface UpgradeTarget extends ConnectTarget {
  ended(): void;
}

export interface ApiServer {
  /** Never rejects: every error is an answer. */
  handle(request: ServerRequest, ctx: Ctx): Promise<ApiResponse>;
  /** For upgrade requests (exec, attach, portforward): checked as any other, then where to dial. Throws ApiError. */
  connect(request: ServerRequest, ctx: Ctx): Promise<UpgradeTarget>;
  readonly access: ServerAccess;
  readonly registry: Registry;
  readonly core: Core;
  readonly facts: BuiltInTypeFacts;
  readonly metrics: MetricsRegistry;
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator;
  readonly flowControl: FlowControl | undefined;
  /** Whoever closes the server closes it after the last answer. */
  readonly auditor: Auditor | undefined;
  readonly lifecycle: Lifecycle;
  /** Aborts when the server closes. */
  readonly closed: AbortSignal;
  /** Resolves when every cache is loaded: requests before that wait. */
  ready(ctx: Ctx): Promise<void>;
  /** Ends all watches and caches. The store stays open: it belongs to the caller. */
  close(): void;
}

/** The caches run until `close` or until `ctx` ends. */
export function createApiServer(options: ApiServerOptions, ctx: Ctx): ApiServer {
  return new GenericApiServer(options, ctx);
}

/** Deeper paths may be anything: they are counted without their name. */
const ROUTE_PARTS_MAX = 2;

class GenericApiServer implements ApiServer {
  readonly core: Core;
  readonly registry: Registry;
  readonly facts: BuiltInTypeFacts;
  readonly metrics: MetricsRegistry;
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator;
  readonly #impersonation: Impersonation;
  readonly #frames: FrameCache = createFrameCache();
  readonly #negotiator: Negotiator = createNegotiator();
  readonly #routes: NonResourceRoutes | undefined;
  readonly flowControl: FlowControl | undefined;
  readonly lifecycle: Lifecycle = createLifecycle();
  readonly #closing = new AbortController();
  readonly #inflight: Inflight;
  readonly #deadlines: Deadlines;
  readonly auditor: Auditor | undefined;
  readonly #readBody: BodyReader;
  readonly #requestMetrics: RequestMetrics;
  readonly #accessMetrics: AccessMetrics;
  readonly #dialer: ConnectDialer | undefined;
  readonly #delegate: ApiServerOptions['delegate'];
  readonly #delegateConnect: ApiServerOptions['delegateConnect'];

  constructor(options: ApiServerOptions, ctx: Ctx) {
    this.facts = options.facts ?? createTypeFacts();
    this.metrics = options.metrics;
    this.authenticator = options.authenticator;
    this.authorizer = options.authorizer;
    this.#impersonation = new Impersonation(options.authorizer);
    const storeFor = options.storeFor ?? (() => options.store);
    this.registry = createRegistry(storeFor, this.facts, options.metrics, ctx);
    for (const definition of options.resources) this.registry.add(definition);
    const core: Omit<Core, 'access'> & { access?: ServerAccess } = {
      store: options.store,
      embedded: options.store.embedded,
      registry: this.registry,
      facts: this.facts,
      codecs: createCodecs(this.facts, options.cbor),
      fields: createFieldManagement(this.facts),
      admission: createAdmissionChain(options.admission ?? [], createAdmissionMetrics(options.metrics)),
      compaction: startCompaction(options.store, ctx),
      turns: createTurns(),
      watchMsMin: options.watchMsMin ?? WATCH_MS_MIN,
      metrics: options.metrics,
      watchMetrics: createWatchMetrics(options.metrics),
    };
    core.access = createServerAccess(core as Core, options.services ?? new Map(), ctx);
    this.core = core as Core;
    for (const type of this.registry.all()) startExpiry(type, ctx);
    this.flowControl = options.flowControl;
    this.#inflight = createInflight(options.inflight ?? {});
    this.#deadlines = createDeadlines(options.requestMsMax ?? REQUEST_MS_MAX);
    this.auditor = options.auditor;
    this.#readBody = bodyReader(this.core.codecs);
    this.#requestMetrics = createRequestMetrics(options.metrics);
    this.#accessMetrics = createAccessMetrics(options.metrics);
    this.#dialer = options.dialer;
    this.#delegate = options.delegate;
    this.#delegateConnect = options.delegateConnect;
    this.#routes = options.routes?.(this);
  }

  get access(): ServerAccess {
    return this.core.access;
  }

  ready(ctx: Ctx): Promise<void> {
    return this.registry.ready(ctx);
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
    this.registry.close();
  }

  async handle(request: ServerRequest, ctx: Ctx): Promise<ApiResponse> {
    const work = newWork(request, ctx);
    let response: ApiResponse;
    try {
      response = this.#refused(work) ?? (await this.#serveInTime(work, ctx));
    } catch (error) {
      response = this.#failed(work, error, ctx);
    }
    if (this.auditor !== undefined) response = await recordAnswer(this.auditor, work, response, this.#readBody, ctx);
    const { body } = response;
    if (isEndless(body)) response = { ...response, body: this.#tracked(work, response.status, body, ctx) };
    else this.#observe(work, response.status, body.length ?? 0, ctx);
    return withCommonHeaders(response, work, work.auditId === '' ? ctx.random.uuid() : work.auditId);
  }

  /** While it shuts down. undefined: served. */
  #refused({ info, request }: RequestWork): ApiResponse | undefined {
    if (!this.lifecycle.isRefusing || isServedInShutdown(info.path, request.headers['user-agent'])) return undefined;
    return respondTooMany(SHUTDOWN_RETRY_SECONDS, SHUTTING_DOWN);
  }

  #failed(work: RequestWork, error: unknown, ctx: Ctx): ApiResponse {
    if (isServerFault(error)) {
      const { method, info } = work;
      ctx.log.error('request failed', { method, path: info.path, error: describeError(error) });
    }
    if (!(error instanceof ApiError)) work.panic = describeError(error);
    const response = respondError(this.core.codecs, error, this.#errorMedia(work.request, work.query));
    // As upstream: its authorization answers past what answers for objects.
    if (work.isDenied !== true) return response;
    return { ...response, headers: { ...response.headers, 'x-content-type-options': 'nosniff' } };
  }

  #observe(work: RequestWork, code: number, bytes: number, ctx: Ctx): void {
    const durationMs = ctx.clock.monotonicMs() - work.startedMs;
    this.#requestMetrics.observe(work, { code, durationMs, queuedMs: work.queuedMs, bytes });
  }

  /** A stream counts among the long-running requests, and a watch among the watchers of what is written, while it lasts. */
  #tracked(work: RequestWork, code: number, stream: ResponseStream, ctx: Ctx): ResponseStream {
    return trackedStream(stream, () => {
      const leave = this.#requestMetrics.enterLongRunning(work);
      const forget = work.info.verb === 'watch' ? this.flowControl?.enterWatch(work.info, work.query) : undefined;
      return () => {
        leave();
        forget?.();
        this.#observe(work, code, 0, ctx);
        endRecord(work, ctx);
      };
    });
  }

  #serveInTime(work: RequestWork, ctx: Ctx): Promise<ApiResponse> {
    if (isLongRunning(work.info)) return this.#serve(work, REQUEST_MS_MAX, ctx);
    const limitMs = this.#deadlines.limitOf(work.query);
    return this.#deadlines.within(limitMs, this.#serve(work, limitMs, ctx), ctx);
  }

  async connect(request: ServerRequest, ctx: Ctx): Promise<UpgradeTarget> {
    const work = newWork(request, ctx);
    let target: ConnectTarget;
    try {
      target = await this.#planConnect(work, ctx);
    } catch (error) {
      const response = this.#failed(work, error, ctx);
      if (this.auditor !== undefined) await recordAnswer(this.auditor, work, response, this.#readBody, ctx);
      this.#observe(work, response.status, 0, ctx);
      throw error;
    }
    const switched: ApiResponse = { status: 101, headers: {}, body: { start: () => {} } };
    if (this.auditor !== undefined) await recordAnswer(this.auditor, work, switched, this.#readBody, ctx);
    const leave = this.#requestMetrics.enterLongRunning(work);
    const ended = () => {
      leave();
      this.#observe(work, 101, 0, ctx);
      endRecord(work, ctx);
    };
    return { ...target, ended };
  }

  async #planConnect(work: RequestWork, ctx: Ctx): Promise<ConnectTarget> {
    const user = await this.#identify(work, ctx);
    await this.#authorize(work, user, ctx);
    work.isServed = this.#isServed(work.info);
    if (!work.isServed) {
      const delegated = await this.#delegateConnect?.(work.request, work.info, user, ctx);
      if (delegated !== undefined) return delegated;
    }
    return planConnect(this.#scopeOf(work, user, ctx), this.authorizer, true, ctx);
  }

  /** Who asks, whether there is room, whether they may, and then the answer. Throws ApiError. */
  async #serve(work: RequestWork, limitMs: number, ctx: Ctx): Promise<ApiResponse> {
    const known = this.#identify(work, ctx);
    const user = known instanceof Promise ? await known : known;
    const asked = this.#seat(work, user, limitMs, ctx);
    if (asked === undefined) return this.#answer(work, user, ctx);
    const seat = asked instanceof Promise ? await queued(asked, work, ctx) : asked;
    work.flowHeaders = seat.headers;
    if (isRefusal(seat)) {
      this.#requestMetrics.terminated({ ...work, isServed: this.#isServed(work.info) }, 429);
      return respondTooMany(seat.retryAfterSeconds);
    }
    const leave = this.#requestMetrics.enter(isRead(work.info), ctx);
    try {
      return await this.#answer(work, user, ctx);
    } finally {
      seat.leave();
      leave();
    }
  }

  /** undefined: the request needs none. A quarter of its time may pass before it begins. */
  #seat(
    { info, query }: RequestWork,
    user: UserInfo,
    limitMs: number,
    ctx: Ctx,
  ): Ticket | Refusal | Promise<Ticket | Refusal> | undefined {
    if (isLongRunning(info) && (info.verb !== 'watch' || this.flowControl === undefined)) return undefined;
    if (this.flowControl === undefined) return this.#inflight.enter(info, user);
    return this.flowControl.admit(user, info, query, Math.min(limitMs / 4, REQUEST_MS_MAX), ctx);
  }

  async #answer(work: RequestWork, user: UserInfo, ctx: Ctx): Promise<ApiResponse> {
    const { info } = work;
    const pending = this.#authorize(work, user, ctx);
    if (pending !== undefined) await pending;
    if (!info.isResource || !this.#isServed(info)) return this.#answerElse(work, user, ctx);
    work.isServed = true;
    const scope = this.#scopeOf(work, user, ctx);
    if (scope.type.definition.deprecation !== undefined) this.#requestMetrics.deprecated(info);
    const response = isConnect(scope)
      ? await serveConnect(scope, this.authorizer, this.#dialer, ctx)
      : await serveResource(scope, ctx);
    return response ?? notFoundPage();
  }

  /** What is no resource of this server: served by another one, discovery, health and the like. */
  async #answerElse(work: RequestWork, user: UserInfo, ctx: Ctx): Promise<ApiResponse> {
    const { request, info, query } = work;
    const delegated = await this.#delegate?.(request, info, user, ctx);
    if (delegated !== undefined) {
      // Its names are bounded only where it has answered well.
      work.isServed = delegated.status < 400;
      return delegated;
    }
    const answer = await this.#routes?.serve(request, info, query, user, ctx);
    work.isServed = answer !== undefined && info.parts.length <= ROUTE_PARTS_MAX;
    return answer ?? notFoundPage();
  }

  /** The sender, or whom the sender acts as. Throws Unauthorized, Forbidden, InternalError when it cannot be recorded. */
  #identify(work: RequestWork, ctx: Ctx): UserInfo | Promise<UserInfo> {
    const found = work.request.user ?? this.#authenticate(work, ctx);
    if (found instanceof Promise) return found.then((user) => this.#identified(user, work, ctx));
    return this.#identified(found, work, ctx);
  }

  #identified(found: UserInfo | undefined, work: RequestWork, ctx: Ctx): UserInfo | Promise<UserInfo> {
    if (found === undefined) throw unauthorized();
    const sender = found === ANONYMOUS ? found : withAuthenticated(found);
    if (this.auditor === undefined && !isImpersonation(work.request.headers)) return sender;
    return this.#actsAs(sender, work, ctx);
  }

  async #actsAs(sender: UserInfo, work: RequestWork, ctx: Ctx): Promise<UserInfo> {
    const { request, info, query } = work;
    if (this.auditor !== undefined && !(await beginRecord(this.auditor, work, sender, ctx))) {
      throw errors.internal('failed to store audit event');
    }
    if (!isImpersonation(request.headers)) return sender;
    const user = await this.#impersonation.userFor(request.headers, attributesOf(sender, info, query), ctx);
    if (user !== sender) work.trail?.impersonates(user);
    return user;
  }

  #authenticate(work: RequestWork, ctx: Ctx): UserInfo | undefined | Promise<UserInfo | undefined> {
    const fromMs = ctx.clock.monotonicMs();
    const told = (user: UserInfo | undefined) => {
      this.#accessMetrics.authenticated(user, (ctx.clock.monotonicMs() - fromMs) / 1000);
      return user;
    };
    const failed = (error: unknown): never => {
      told(undefined);
      throw error;
    };
    try {
      const user = this.authenticator.authenticate(work.request, ctx, work);
      return user instanceof Promise ? user.then(told, failed) : told(user);
    } catch (error) {
      return failed(error);
    }
  }

  /** undefined: allowed, at once. Both ways throw Forbidden with upstream's words, or InternalError. */
  #authorize(work: RequestWork, user: UserInfo, ctx: Ctx): Promise<void> | undefined {
    const attributes = attributesOf(user, work.info, work.query);
    const answer = this.authorizer.authorize(attributes, ctx);
    if (answer instanceof Promise) return answer.then((settled) => this.#settle(settled, attributes, work));
    this.#settle(answer, attributes, work);
    return undefined;
  }

  /** Records what was decided, and throws what a refusal is. */
  #settle(answer: Decision, attributes: Attributes, work: RequestWork): void {
    const { trail } = work;
    const isAllowed = answer.decision === 'allow';
    const isFault = !isAllowed && answer.error !== undefined;
    this.#accessMetrics.authorized(isFault ? 'error' : answer.decision);
    if (trail !== undefined) {
      if (!isFault) trail.annotate('authorization.k8s.io/decision', isAllowed ? 'allow' : 'forbid');
      trail.annotate('authorization.k8s.io/reason', isFault ? 'internal error' : answer.reason);
    }
    work.isDenied = !isAllowed && !isFault;
    checkAllowed(answer, attributes);
  }

  #isServed({ group, version, resource, namespace }: RequestInfo): boolean {
    const type = this.registry.find(group, version, resource);
    if (type === undefined) return false;
    return type.namespaced || namespace === '' || (resource === 'namespaces' && group === '');
  }

  #scopeOf({ request, info, query, warnings, trail }: RequestWork, user: UserInfo, ctx: Ctx): RequestScope {
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
      annotate: trail === undefined ? undefined : (key, value, level) => trail.annotate(key, value, level),
    };
  }

  #errorMedia(request: ServerRequest, query: URLSearchParams): Media | undefined {
    try {
      return this.#negotiator.choose(request.headers.accept, query, {
        protobuf: true,
        cbor: this.core.codecs.cbor,
        forms: 'none',
      });
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

function withCommonHeaders(
  response: ApiResponse,
  { warnings, flowHeaders }: RequestWork,
  auditId: string,
): ApiResponse {
  const headers: Record<string, string | readonly string[]> = {
    ...response.headers,
    ...flowHeaders,
    'audit-id': auditId,
  };
  if (warnings.length > 0) headers.warning = warnings.map(warningHeader);
  return { status: response.status, headers, body: response.body };
}

const isEndless = (body: ApiResponse['body']): body is ResponseStream =>
  !(body instanceof Uint8Array) && body.length === undefined;
