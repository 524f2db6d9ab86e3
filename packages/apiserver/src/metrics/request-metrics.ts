/** The server's own request metrics under upstream's names. Source: apiserver/pkg/endpoints/metrics/metrics.go. */
import type { Ctx } from '@kapella/base';
import type { RequestInfo } from '../http/request-info.ts';
import type { DistributionSeries, MetricsRegistry, Series } from './registry.ts';

export const DURATION_SECONDS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SLI_SECONDS = DURATION_SECONDS.slice(2);
const RESPONSE_BYTES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const TARGET = ['group', 'version', 'resource', 'subresource', 'scope', 'component'];
const COMPONENT = 'apiserver';
const METHODS: ReadonlySet<string> = new Set(['GET', 'LIST', 'WATCH', 'POST', 'PUT', 'PATCH', 'APPLY', 'DELETE']);
const CONNECTS: ReadonlySet<string> = new Set(['log', 'exec', 'portforward', 'attach', 'proxy']);
/** Series remembered by what a request looks like; the labels themselves are bounded by what is served. */
const KNOWN_MAX = 4_096;
const IN_FLIGHT_MS = 1_000;

/** What a request was about, as far as metrics tell it. */
export interface Counted {
  readonly method: string;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  /** There is such a resource, or such a path: clients must not be able to fill the memory with invented ones. */
  readonly isServed: boolean;
}

export interface Outcome {
  readonly code: number;
  readonly durationMs: number;
  /** Milliseconds of it in a queue. */
  readonly queuedMs: number;
  /** Of the answer; 0 for streams. */
  readonly bytes: number;
}

export interface RequestMetrics {
  observe(request: Counted, outcome: Outcome): void;
  /** A long-running request begins. Returns what to call at its end. */
  enterLongRunning(request: Counted): () => void;
  /** A request that changes nothing, or one that does, is being served. Returns what to call at its end. */
  enter(isRead: boolean, ctx: Ctx): () => void;
  deprecated(info: RequestInfo): void;
  /** The server refused to serve it, to protect itself. */
  terminated(request: Counted, code: number): void;
}

interface RequestSeries {
  readonly total: Series;
  readonly duration: DistributionSeries;
  readonly sli: DistributionSeries | undefined;
  readonly bytes: DistributionSeries | undefined;
}

export function createRequestMetrics(registry: MetricsRegistry): RequestMetrics {
  const make = seriesFactory(registry);
  const known = new Map<string, RequestSeries>();
  const longRunning = registry.gauge(
    'apiserver_longrunning_requests',
    'Gauge of all active long-running apiserver requests.',
    ['verb', ...TARGET],
  );
  const deprecated = registry.gauge(
    'apiserver_requested_deprecated_apis',
    'Gauge of deprecated APIs that have been requested.',
    ['group', 'version', 'resource', 'subresource', 'removed_release'],
  );
  const terminations = registry.counter(
    'apiserver_request_terminations_total',
    'Requests that the server ended in self-defence.',
    ['verb', ...TARGET, 'code'],
  );
  const [reads, writes] = [new Watermark(), new Watermark()];
  registry.readEach(
    'apiserver_current_inflight_requests',
    'Most requests that were served at once in the last second, per request kind.',
    'gauge',
    ['request_kind'],
    () => [
      [['readOnly'], reads.read()],
      [['mutating'], writes.read()],
    ],
  );
  return {
    observe(request, { code, durationMs, queuedMs, bytes }) {
      const key = keyOf(request, code);
      let series = known.get(key);
      if (series === undefined) {
        series = make(request, code);
        if (known.size >= KNOWN_MAX) known.clear();
        known.set(key, series);
      }
      series.total.value++;
      series.duration.observe(durationMs / 1000);
      series.sli?.observe((durationMs - queuedMs) / 1000);
      series.bytes?.observe(bytes);
    },
    enterLongRunning(request) {
      const series = longRunning.with([verbOf(request), ...targetOf(request)]);
      series.value++;
      return () => void series.value--;
    },
    terminated(request, code) {
      terminations.add([verbOf(request), ...targetOf(request), String(code)]);
    },
    enter: (isRead, ctx) => (isRead ? reads : writes).enter(ctx),
    deprecated({ group, version, resource, subresource }) {
      deprecated.set([group, version, resource, subresource, ''], 1);
    },
  };
}

function seriesFactory(registry: MetricsRegistry): (request: Counted, code: number) => RequestSeries {
  const total = registry.counter('apiserver_request_total', 'Counter of apiserver requests.', [
    ...['verb', 'dry_run', ...TARGET],
    'code',
  ]);
  const duration = registry.histogram(
    'apiserver_request_duration_seconds',
    'Response latency distribution in seconds.',
    ['verb', 'dry_run', ...TARGET],
    DURATION_SECONDS,
  );
  const sli = registry.histogram(
    'apiserver_request_sli_duration_seconds',
    'Response latency distribution in seconds, without the time in queues.',
    ['verb', ...TARGET],
    SLI_SECONDS,
  );
  const bytes = registry.histogram(
    'apiserver_response_sizes',
    'Response size distribution in bytes.',
    ['verb', ...TARGET],
    RESPONSE_BYTES,
  );
  return (request, code) => {
    const verb = verbOf(request);
    const target = targetOf(request);
    const withDryRun = [verb, dryRunOf(request.query), ...target];
    return {
      total: total.with([...withDryRun, String(code)]),
      duration: duration.with(withDryRun),
      sli: verb === 'WATCH' || verb === 'CONNECT' ? undefined : sli.with([verb, ...target]),
      bytes: verb === 'GET' || verb === 'LIST' ? bytes.with([verb, ...target]) : undefined,
    };
  };
}

/** All that decides about the labels, in one string. */
function keyOf({ method, info, query, contentType, isServed }: Counted, code: number): string {
  if (!isServed) return `${method} ${code}`;
  if (!info.isResource) return `${method} ${code} ${info.path}`;
  const { group, version, resource, subresource, name, namespace, verb } = info;
  const scope = name !== '' ? 'r' : namespace !== '' ? 'n' : 'c';
  const key = `${verb} ${code}${scope} ${group}/${version}/${resource}/${subresource}`;
  if (verb === 'get' || verb === 'list') return key;
  const isApply = verb === 'patch' && contentType?.startsWith('application/apply-patch') === true;
  return `${key} ${isApply ? 'a' : ''}${query.size === 0 ? '' : dryRunOf(query)}`;
}

/** GET, LIST, WATCH, POST, PUT, PATCH, APPLY, DELETE, CONNECT, or `other`. */
function verbOf({ method, info, contentType }: Counted): string {
  if (info.verb === 'watch') return 'WATCH';
  if (info.isResource && CONNECTS.has(info.subresource)) return 'CONNECT';
  if (info.verb === 'list') return 'LIST';
  if (method === 'PATCH' && contentType?.startsWith('application/apply-patch') === true) return 'APPLY';
  const verb = method === 'HEAD' ? 'GET' : method;
  return METHODS.has(verb) ? verb : 'other';
}

function targetOf({ info, isServed }: Counted): readonly string[] {
  if (!isServed) return ['', '', '', '', '', COMPONENT];
  if (!info.isResource) return ['', '', '', info.path, '', COMPONENT];
  const { group, version, resource, subresource, name, namespace, verb } = info;
  const scope = name !== '' || verb === 'create' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  return [group, version, resource, subresource, scope, COMPONENT];
}

function dryRunOf(query: URLSearchParams): string {
  const values = query.size === 0 ? [] : query.getAll('dryRun');
  if (values.length === 0) return '';
  return values.every((value) => value === 'All') ? 'All' : 'invalid';
}

/** The most at once in a second: what is now would miss every peak. */
class Watermark {
  #now = 0;
  #most = 0;
  #before = 0;
  #fromMs = 0;
  #clock: Ctx['clock'] | undefined;
  readonly #leave = () => void this.#now--;

  enter({ clock }: Ctx): () => void {
    this.#clock = clock;
    this.#now++;
    if (this.#now > this.#most) this.#most = this.#now;
    this.#turn();
    return this.#leave;
  }

  read(): number {
    this.#turn();
    return Math.max(this.#before, this.#most);
  }

  #turn(): void {
    const nowMs = this.#clock?.monotonicMs() ?? 0;
    const passed = nowMs - this.#fromMs;
    if (passed < IN_FLIGHT_MS) return;
    this.#before = passed < 2 * IN_FLIGHT_MS ? this.#most : this.#now;
    this.#most = this.#now;
    this.#fromMs = nowMs;
  }
}
