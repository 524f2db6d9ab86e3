/** The API server of a cluster from its parts: resources, authentication, authorization, admission, extensions. Host-free. */
import { type Aggregator, createAggregator, type ServiceDialer } from '@kapella/aggregator';
import type { Descriptions } from '@kapella/api';
import { createCustomResources } from '@kapella/apiextensions';
import {
  type AdmissionPlugin,
  type ApiServer,
  type ConnectDialer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
  createNodeAuthorizer,
  createRbacAuthorizer,
  createRbacEscalationPlugin,
  type HttpCaller,
  type MetricsRegistry,
  type ServerAccess,
  type ServiceAccountTokens,
  type TokenAuthenticator,
  unionTokens,
} from '@kapella/apiserver';
import { childCtx, type Ctx } from '@kapella/base';
import { createServiceAllocator } from '@kapella/resources';
import type { Store } from '@kapella/store';
import { type AuditParts, auditorOf } from './audit.ts';
import { type AuthenticationParts, createAuthentication } from './authentication.ts';
import type { Profiler } from './debug.ts';
import { type AuthorizationMode, type AuthorizationParts, createAuthorizer } from './authorization.ts';
import { createComponentHealth } from './component-health.ts';
import { startDefaultServiceCidr } from './default-service-cidr.ts';
import { startRepair } from './service-repair.ts';
import { limitOptions, type ServerLimits, startFlowControl } from './limits.ts';
import { servedResources } from './resources.ts';
import { createServiceClaims } from './service-claims.ts';
import { standardRoutes } from './routes.ts';
import { addServerMetrics } from './server-metrics.ts';
import { createServices } from './services.ts';
import { ASSEMBLY_HOOKS } from './start-hooks.ts';

export interface ApiParts {
  readonly store: Store;
  /** Encryption at rest: the store of one resource's objects. */
  readonly storeFor?: (group: string, plural: string) => Store;
  /** Checks of health besides the standing ones: why each fails, undefined where it does not. */
  readonly healthChecks?: ReadonlyMap<string, () => string | undefined>;
  /** Bytes that the store takes on its disk, where that is known. */
  readonly storeSizeBytes?: () => number | undefined;
  readonly tokens: ServiceAccountTokens;
  /** Asked before all others: for tests and tools that bring their own. */
  readonly tokenAuthenticators?: readonly TokenAuthenticator[];
  /** What the configuration file says of it goes before. */
  readonly anonymous: boolean;
  /** Ways to know bearer tokens besides those of service accounts. */
  readonly authentication?: AuthenticationParts;
  /** Asked in this order, where `authorization` says nothing else. */
  readonly authorizationModes: readonly AuthorizationMode[];
  readonly authorization?: AuthorizationParts | undefined;
  readonly admission: readonly AdmissionPlugin[];
  readonly serviceCidrs: readonly string[];
  /** By which extension servers know this one. PEM. */
  readonly frontProxy: { readonly certificate: string; readonly privateKey: string };
  /** `127.0.0.1:6443`, as `/api` tells clients. */
  readonly serverAddress: string;
  /** Where OpenID clients find the keys of service accounts' tokens, if not at this server. */
  readonly jwksUri?: string | undefined;
  /** How the server itself asks others: webhooks, extension servers. */
  readonly caller: HttpCaller;
  /** How it reaches node agents and extension servers. */
  readonly dialer: ConnectDialer & ServiceDialer;
  readonly descriptions: () => Promise<Descriptions | undefined>;
  readonly limits?: ServerLimits;
  readonly audit?: AuditParts;
  /** Without it there is no /debug/pprof. */
  readonly profiler?: Profiler;
}

/** Resolves when the caches are loaded. Its caches run until `close` or until `ctx` ends; the store stays open. */
export async function assembleApiServer(parts: ApiParts, ctx: Ctx): Promise<ApiServer> {
  const rbac = createRbacAuthorizer();
  const nodes = createNodeAuthorizer();
  const metrics = createMetricsRegistry();
  const { tokens, caller } = parts;
  const { authorization, authorizationModes } = parts;
  const authorizer = createAuthorizer(authorization, authorizationModes, { rbac, nodes, caller, metrics }, ctx);
  const { authenticator, tokenAuthenticator } = authenticationOf(parts, metrics, () => server.access, ctx);
  // Where this server is the only writer, what it holds in memory is all there is to know.
  const claims = parts.store.embedded ? undefined : createServiceClaims(parts.store, () => server.registry, ctx);
  const serviceAllocator = createServiceAllocator({
    ...{ cidrs: parts.serviceCidrs, random: ctx.random },
    ...(claims === undefined ? {} : { claims }),
  });
  const limits = limitOptions(parts.limits ?? {}, metrics, ctx);
  let aggregator: Aggregator | undefined;
  const server: ApiServer = createApiServer(
    {
      store: parts.store,
      ...(parts.storeFor === undefined ? {} : { storeFor: parts.storeFor }),
      resources: servedResources(parts.limits?.eventTtlSeconds),
      admission: [...parts.admission, createRbacEscalationPlugin(rbac, authorizer)],
      authenticator,
      authorizer,
      metrics,
      ...limits,
      ...(parts.audit === undefined ? {} : { auditor: auditorOf(parts.audit, { metrics, caller }, ctx) }),
      services: createServices({
        ...{ tokens, authorizer, serviceAllocator, httpCaller: caller },
        componentHealth: createComponentHealth(parts.store, caller),
        tokenAuthenticator,
      }),
      dialer: parts.dialer,
      delegate: async (request, info, user, inner) => aggregator?.serve(request, info, user, inner),
      delegateConnect: async (request, info, user) => aggregator?.connect(request, info, user),
      routes: (api) =>
        standardRoutes(api, {
          remote: () => aggregator,
          ...{ serverAddress: parts.serverAddress, jwksUri: parts.jwksUri, tokens },
          descriptions: parts.descriptions,
          profiler: parts.limits?.profiling === false ? undefined : parts.profiler,
          configuration: {
            'apiserver.kapella.dev/v1': { ...parts.limits, authorizationModes: parts.authorizationModes },
          },
        }),
    },
    ctx,
  );
  server.lifecycle.expect(ASSEMBLY_HOOKS);
  for (const [name, check] of parts.healthChecks ?? []) server.lifecycle.healthChecks.set(name, check);
  addServerMetrics(server, metrics, parts.storeSizeBytes);
  await server.ready(ctx);
  rbac.follow(server.registry as never);
  nodes.follow(server.registry as never);
  serviceAllocator.load(server.access);
  await startDefaultServiceCidr(server, parts.serviceCidrs, childCtx(ctx, server.closed));
  createCustomResources(server, ctx);
  aggregator = createAggregator(
    server,
    { identity: parts.frontProxy, caller: parts.caller, dialer: parts.dialer },
    ctx,
  );
  startFlowControl(server, childCtx(ctx, server.closed));
  for (const hook of ASSEMBLY_HOOKS) server.lifecycle.done(hook);
  startRepair(serviceAllocator, server, childCtx(ctx, server.closed));
  return server;
}

function authenticationOf(parts: ApiParts, metrics: MetricsRegistry, access: () => ServerAccess, ctx: Ctx) {
  const { tokens, caller, authentication = {}, tokenAuthenticators = [], anonymous } = parts;
  const made = createAuthentication(authentication, { tokens, caller, metrics, access }, ctx);
  const all = [...tokenAuthenticators, ...made.tokens];
  const { requestHeaders } = authentication;
  return {
    tokenAuthenticator: unionTokens(all),
    authenticator: createAuthenticator({
      ...{ tokens: all, anonymous: made.anonymous ?? anonymous },
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
    }),
  };
}
