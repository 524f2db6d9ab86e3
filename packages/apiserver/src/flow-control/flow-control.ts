/** API priority and fairness: every request gets seats, waits for them or is refused. Source: apiserver/pkg/util/flowcontrol. */
import type { FlowSchemaCondition } from '@kapella/api/types/flowcontrol-v1';
import { type Ctx, setTimerWithin } from '@kapella/base';
import type { CacheEvent, WatchCache } from '@kapella/store';
import type { RequestInfo } from '../http/request-info.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { followCache } from '../registry/follow.ts';
import type { UserInfo } from '../resource.ts';
import { type Configuration, digest } from './configuration.ts';
import { createFlowControlMetrics, type FlowControlMetrics } from './flow-metrics.ts';
import { adjustSeats, assignNominal, type Level, queueConfigOf } from './levels.ts';
import { FLOW_CONTROL_API, type LevelObject, type SchemaObject } from './objects.ts';
import type { Flow, QueuedRequest, QueueSetConfig } from './queue-set.ts';
import { flowHash } from './shuffle.ts';
import { estimateWork, type StoredStats } from './work.ts';
import { WatchCounts } from './watch-count.ts';

export interface FlowControlOptions {
  /** Seats of the whole server: upstream's --max-requests-inflight and --max-mutating-requests-inflight together. */
  readonly seats: number;
  readonly metrics: MetricsRegistry;
}

/** Leave to run. */
export interface Ticket {
  readonly headers: Readonly<Record<string, string>>;
  /** Idempotent. Call it when the answer is there; of a watch, when it has started. */
  leave(): void;
}

export interface Refusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly retryAfterSeconds: number;
}

interface StoredObjects {
  readonly cache: WatchCache;
  readonly converts: boolean;
}

export interface FlowControlSource {
  find(group: string, version: string, resource: string): { readonly storage?: StoredObjects | undefined } | undefined;
}

export interface FlowControl {
  /** At once where there is room, else when the request's turn comes; `waitMsMax`: after that it is refused. */
  admit(
    user: UserInfo,
    info: RequestInfo,
    query: URLSearchParams,
    waitMsMax: number,
    ctx: Ctx,
  ): Ticket | Refusal | Promise<Ticket | Refusal>;
  /** A watch runs. Returns what to call when it ends. */
  enterWatch(info: RequestInfo, query: URLSearchParams): () => void;
  /** Takes the server's stored objects into effect from now on; before that the mandatory ones hold. */
  follow(source: FlowControlSource, ctx: Ctx): void;
  /** `tell` is called now and after each change of objects: conditions that their status should have and has not. */
  onChange(tell: (conditions: ReadonlyMap<string, FlowSchemaCondition>) => void): void;
  readonly levels: ReadonlyMap<string, Level>;
}

const ADJUST_MS = 10_000;
const FLOWS_MAX = 4_096;
const [GROUP = '', VERSION = ''] = FLOW_CONTROL_API.split('/');

export function isRefusal(answer: Ticket | Refusal): answer is Refusal {
  return 'retryAfterSeconds' in answer;
}

export function createFlowControl(options: FlowControlOptions, ctx: Ctx): FlowControl {
  return new PriorityAndFairness(options, ctx);
}

/** What a schema's requests have in common. */
interface SchemaState {
  readonly headers: Readonly<Record<string, string>>;
  readonly level: Level;
  readonly flows: Map<string, Flow>;
}

class PriorityAndFairness implements FlowControl {
  readonly #seats: number;
  readonly #metrics: FlowControlMetrics;
  readonly #watches = new WatchCounts();
  readonly #schemas = new Map<string, SchemaObject>();
  readonly #levelObjects = new Map<string, LevelObject>();
  readonly #states = new Map<SchemaObject, SchemaState>();
  #source: FlowControlSource | undefined;
  #configuration: Configuration;
  #nominalSum = 0;
  #isDigestDue = false;
  #isAdjusting = false;
  #tell: (conditions: ReadonlyMap<string, FlowSchemaCondition>) => void = () => {};

  constructor({ seats, metrics }: FlowControlOptions, ctx: Ctx) {
    this.#seats = seats;
    this.#metrics = createFlowControlMetrics(metrics);
    this.#configuration = digest(new Map(), [], [], ctx.clock.nowMs());
    this.#takeEffect(ctx);
  }

  get levels(): ReadonlyMap<string, Level> {
    return this.#configuration.levels;
  }

  admit(
    user: UserInfo,
    info: RequestInfo,
    query: URLSearchParams,
    waitMsMax: number,
    ctx: Ctx,
  ): Ticket | Refusal | Promise<Ticket | Refusal> {
    if (!this.#isAdjusting) this.#adjustLater(ctx);
    const schema = this.#configuration.classifier.classify(user, info);
    const state = this.#stateOf(schema);
    const { level, headers } = state;
    const flow = flowOf(state, schema, user, info, this.#metrics);
    const work = estimateWork(info, query, {
      statsOf: (listed) => this.#statsOf(listed),
      watchersOf: (written) => {
        const count = this.#watches.interestedIn(written);
        flow.meters.watchers(count);
        return count;
      },
      seatsMax: level.requestSeatsMax,
    });
    flow.meters.estimated(work);
    const nowMs = ctx.clock.monotonicMs();
    const request = level.queues.start(flow, work, user, info, nowMs);
    if (request === undefined) {
      flow.meters.rejected(level.queues.config.queues === 0 ? 'concurrency-limit' : 'queue-full');
      return this.#refuse(state, ctx);
    }
    if (request.state === 'executing') {
      if (!level.isExempt) flow.meters.waited(0, true);
      return new SeatTicket(level, request, headers, ctx);
    }
    return this.#wait(state, request, waitMsMax, ctx);
  }

  #wait(state: SchemaState, request: QueuedRequest, waitMsMax: number, ctx: Ctx): Promise<Ticket | Refusal> {
    const { level, headers } = state;
    return new Promise((resolve) => {
      const waited = () => (ctx.clock.monotonicMs() - request.arrivalMs) / 1000;
      const timer = ctx.clock.setTimer(waitMsMax, () => {
        level.queues.cancel(request, ctx.clock.monotonicMs());
        request.flow.meters.rejected('time-out');
        request.flow.meters.waited(waited(), false);
        resolve(this.#refuse(state, ctx));
      });
      request.onStart = () => {
        timer.cancel();
        request.flow.meters.waited(waited(), true);
        resolve(new SeatTicket(level, request, headers, ctx));
      };
    });
  }

  #refuse({ level, headers }: SchemaState, ctx: Ctx): Refusal {
    level.retryAfter.noteRejected(ctx.clock.nowMs());
    return { headers, retryAfterSeconds: level.retryAfter.seconds };
  }

  enterWatch(info: RequestInfo, query: URLSearchParams): () => void {
    return this.#watches.enter(info, query);
  }

  onChange(tell: (conditions: ReadonlyMap<string, FlowSchemaCondition>) => void): void {
    this.#tell = tell;
    tell(this.#configuration.conditions);
  }

  follow(source: FlowControlSource, ctx: Ctx): void {
    this.#source = source;
    const each = <T>(plural: string, objects: Map<string, T>) => {
      const apply = (events: readonly CacheEvent[]) => {
        for (const { type, object } of events) {
          if (type === 'DELETED') objects.delete(object.name);
          else objects.set(object.name, object.object<T>());
        }
        this.#digestSoon(ctx);
      };
      ctx.signal.addEventListener('abort', followCache(source.find(GROUP, VERSION, plural)?.storage?.cache, apply), {
        once: true,
      });
    };
    each('prioritylevelconfigurations', this.#levelObjects);
    each('flowschemas', this.#schemas);
  }

  /** Objects come in bursts: one digest for all of a turn. */
  #digestSoon(ctx: Ctx): void {
    if (this.#isDigestDue) return;
    this.#isDigestDue = true;
    queueMicrotask(() => {
      this.#isDigestDue = false;
      this.#digest(ctx);
    });
  }

  #digest(ctx: Ctx): void {
    const levels = [...this.#levelObjects.values()];
    this.#configuration = digest(this.levels, levels, [...this.#schemas.values()], ctx.clock.nowMs());
    for (const name of this.#configuration.forgotten) this.#metrics.forget(name);
    this.#takeEffect(ctx);
    this.#tell(this.#configuration.conditions);
  }

  #takeEffect(ctx: Ctx): void {
    this.#states.clear();
    this.#nominalSum = assignNominal(this.levels.values(), this.#seats);
    this.#adjust(ctx);
  }

  /** What levels lend each other is looked at every 10 s in which somebody asked for something. */
  #adjustLater(ctx: Ctx): void {
    this.#isAdjusting = true;
    setTimerWithin(ctx, ADJUST_MS, () => {
      this.#isAdjusting = false;
      // A level that nobody wants any more goes when it is idle.
      if ([...this.levels.values()].some(({ isQuiescing, queues }) => isQuiescing && queues.isIdle)) this.#digest(ctx);
      else this.#adjust(ctx);
    });
  }

  #adjust(ctx: Ctx): void {
    const nowMs = ctx.clock.monotonicMs();
    this.#metrics.noteFairFraction(adjustSeats(this.levels.values(), this.#nominalSum, nowMs));
    for (const level of this.levels.values()) {
      level.queues.configure(queueConfigOf(level.configuration) as QueueSetConfig, level.current, nowMs);
      this.#metrics.noteLimits(level.name, level);
    }
  }

  #stateOf(schema: SchemaObject): SchemaState {
    const found = this.#states.get(schema);
    if (found !== undefined) return found;
    const level = this.levels.get(schema.spec.priorityLevelConfiguration.name) as Level;
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.metadata.uid ?? '',
      'x-kubernetes-pf-prioritylevel-uid': level.configuration.metadata.uid ?? '',
    };
    const made = { headers, level, flows: new Map<string, Flow>() };
    this.#states.set(schema, made);
    return made;
  }

  #statsOf({ group, version, resource }: RequestInfo): StoredStats | undefined {
    const storage = this.#source?.find(group, version, resource)?.storage;
    if (storage === undefined || storage.converts) return undefined; // nobody is to convert objects only to count them
    const { cache } = storage;
    return { objects: cache.size, objectBytes: cache.size === 0 ? 0 : Math.ceil(cache.sizeBytes / cache.size) };
  }
}

function flowOf(
  { flows, level }: SchemaState,
  { metadata, spec }: SchemaObject,
  user: UserInfo,
  info: RequestInfo,
  metrics: FlowControlMetrics,
): Flow {
  const by = level.queues.config.queues > 1 ? spec.distinguisherMethod?.type : undefined;
  const distinguisher = by === 'ByUser' ? user.username : by === 'ByNamespace' ? info.namespace : '';
  const known = flows.get(distinguisher);
  if (known !== undefined) return known;
  const name = metadata.name;
  const meters = metrics.metersOf(level.name, name);
  const flow: Flow = { schema: name, hash: flowHash(name, distinguisher), distinguisher, meters };
  if (flows.size >= FLOWS_MAX) flows.clear();
  flows.set(distinguisher, flow);
  return flow;
}

/** Seats of a running request. */
class SeatTicket implements Ticket {
  readonly headers: Readonly<Record<string, string>>;
  readonly #level: Level;
  readonly #ctx: Ctx;
  #request: QueuedRequest | undefined;

  constructor(level: Level, request: QueuedRequest, headers: Readonly<Record<string, string>>, ctx: Ctx) {
    this.#level = level;
    this.#request = request;
    this.headers = headers;
    this.#ctx = ctx;
  }

  leave(): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#request = undefined;
    const { clock } = this.#ctx;
    const { queues } = this.#level;
    const nowMs = clock.monotonicMs();
    request.flow.meters.ran((nowMs - request.startMs) / 1000, request.info.verb === 'watch');
    const lingerMs = queues.finish(request, nowMs);
    if (lingerMs > 0) clock.setTimer(lingerMs, () => queues.release(request, clock.monotonicMs()));
  }
}
