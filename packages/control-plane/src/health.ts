/** /healthz, /livez, /readyz, whole or check by check, under upstream's names. Source: apiserver/pkg/server/healthz. */
import type { ApiServer, MetricsRegistry, RouteHandler } from '@kapella/apiserver';
import { type Ctx, describeError } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';

const ENDPOINTS = ['healthz', 'livez', 'readyz'] as const;
type Endpoint = (typeof ENDPOINTS)[number];
/** Upstream's --etcd-healthcheck-timeout and --etcd-readycheck-timeout. */
const STORE_MS_MAX = 2_000;
/** Nothing is ever there: what counts is that the store answers. */
const PROBE_KEY = '/registry/health';
const HOOK_PREFIX = 'poststarthook/';

interface Check {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Why it fails; undefined: it does not. May reject, which is a failure too. */
  run(ctx: Ctx): string | undefined | Promise<string | undefined>;
}

/** `slis`: where the results are counted; served under /metrics/slis. */
export function healthRoutes(api: ApiServer, slis: MetricsRegistry): [string, RouteHandler][] {
  const seen = healthMetrics(slis);
  const checks = () => allChecks(api);
  return ENDPOINTS.map((endpoint): [string, RouteHandler] => [
    `/${endpoint}`,
    async ({ query }, ctx) => {
      const own = checks().filter(({ endpoints }) => endpoints.includes(endpoint));
      return report(endpoint, own, query, seen, ctx);
    },
  ]);
}

/** `/livez/etcd` and the like: one check. */
export function healthCheckRoutes(api: ApiServer): [string, RouteHandler][] {
  return ENDPOINTS.map((endpoint): [string, RouteHandler] => [
    `/${endpoint}/`,
    async ({ info }, ctx) => {
      const name = info.path.slice(endpoint.length + 2).replace(/\/$/, '');
      const all = allChecks(api);
      const check = all.find((each) => each.name === name && each.endpoints.includes(endpoint));
      if (check === undefined) return undefined;
      const failure = await outcome(check, ctx);
      return failure === undefined ? text(200, 'ok') : text(500, `internal server error: ${failure}\n`);
    },
  ]);
}

/** All paths of single checks, for the index page. */
export function healthCheckPaths(api: ApiServer): string[] {
  const all = allChecks(api);
  return all.flatMap(({ name, endpoints }) => endpoints.map((endpoint) => `/${endpoint}/${name}`));
}

const STANDING: readonly ((api: ApiServer) => Check)[] = [
  () => ({ name: 'ping', endpoints: ENDPOINTS, run: () => undefined }),
  // Reached only while the event loop turns, which is what upstream asks of its log.
  () => ({ name: 'log', endpoints: ENDPOINTS, run: () => undefined }),
  ({ core }) => ({ name: 'etcd', endpoints: ENDPOINTS, run: (ctx) => probe(core.store, ctx) }),
  ({ core }) => ({ name: 'etcd-readiness', endpoints: ['readyz'], run: (ctx) => probe(core.store, ctx) }),
  ({ registry }) => ({
    name: 'informer-sync',
    endpoints: ['readyz'],
    run() {
      const unfilled = registry
        .all()
        .filter(({ custom, storage }) => !custom && storage?.cache.revision === 0)
        .map(({ plural }) => plural);
      return unfilled.length === 0 ? undefined : `informers not started yet: ${unfilled.join(', ')}`;
    },
  }),
  ({ lifecycle }) => ({
    name: 'autoregister-completion',
    endpoints: ENDPOINTS,
    run: () =>
      lifecycle.startHooks.get('kube-apiserver-autoregistration') === false
        ? 'missing APIService: the local ones are not registered yet'
        : undefined,
  }),
  ({ lifecycle }) => ({
    name: 'shutdown',
    endpoints: ['readyz'],
    run: () => (lifecycle.isShuttingDown ? 'process is shutting down' : undefined),
  }),
];

function allChecks(api: ApiServer): Check[] {
  return [...STANDING.map((make) => make(api)), ...furtherChecks(api), ...startHookChecks(api)];
}

function furtherChecks({ lifecycle }: ApiServer): Check[] {
  return [...lifecycle.healthChecks].map(([name, run]) => ({ name, endpoints: ENDPOINTS, run }));
}

function startHookChecks({ lifecycle }: ApiServer): Check[] {
  return [...lifecycle.startHooks].map(([name, isDone]) => ({
    name: `${HOOK_PREFIX}${name}`,
    endpoints: ENDPOINTS,
    run: () => (isDone ? undefined : 'not finished'),
  }));
}

/** A read of the store itself, past every cache. */
function probe(store: ApiServer['core']['store'], ctx: Ctx): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = ctx.clock.setTimer(STORE_MS_MAX, () =>
      resolve('etcd failed: error getting data from etcd: context deadline exceeded'),
    );
    const settle = (why: string | undefined) => {
      timer.cancel();
      resolve(why);
    };
    store.get(PROBE_KEY, ctx).then(
      () => settle(undefined),
      (error) => settle(`etcd failed: error getting data from etcd: ${describeError(error)}`),
    );
  });
}

async function outcome(check: Check, ctx: Ctx): Promise<string | undefined> {
  try {
    return await check.run(ctx);
  } catch (error) {
    return describeError(error);
  }
}

type Observe = (endpoint: Endpoint, name: string, isOk: boolean) => void;

function healthMetrics(registry: MetricsRegistry): Observe {
  const last = registry.gauge('kubernetes_healthcheck', 'Result of the last time a check was made.', ['name', 'type']);
  const total = registry.counter('kubernetes_healthchecks_total', 'Results of all checks.', ['name', 'status', 'type']);
  return (endpoint, name, isOk) => {
    last.set([name, endpoint], isOk ? 1 : 0);
    total.add([name, isOk ? 'success' : 'error', endpoint]);
  };
}

async function report(
  endpoint: Endpoint,
  checks: readonly Check[],
  query: URLSearchParams,
  observe: Observe,
  ctx: Ctx,
): Promise<ApiResponse> {
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  const failed: Record<string, string> = {};
  const asked = checks.map((check) => (excluded.has(check.name) ? undefined : outcome(check, ctx)));
  for (const [i, { name }] of checks.entries()) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const failure = await asked[i];
    observe(endpoint, name, failure === undefined);
    if (failure !== undefined) failed[name] = failure;
    lines.push(failure === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
  }
  if (excluded.size > 0) {
    const names = [...excluded].sort().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(', ')}`);
  }
  if (Object.keys(failed).length > 0) {
    // What starts or ends is asked again and again; a store that fails is news.
    const isNews = 'etcd' in failed;
    ctx.log[isNews ? 'warn' : 'debug']('health check failed', { endpoint, failed });
    return text(500, `${lines.join('\n')}\n${endpoint} check failed\n`);
  }
  return text(200, query.has('verbose') ? `${lines.join('\n')}\n${endpoint} check passed\n` : 'ok');
}

function text(status: number, body: string): ApiResponse {
  return {
    status,
    headers: {
      ...{ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache, private' },
      'x-content-type-options': 'nosniff',
    },
    body: new TextEncoder().encode(body),
  };
}
