/** The way between components and the API server: slow, lossy, cut, or perfect. Every choice comes from the seed. */
import type { ServerRequest, UserInfo } from '@kapella/apiserver';
import { type ApiError, type Clock, type Ctx, invariant, type Random } from '@kapella/base';
import type { ApiResponse, ByteSink, ResponseStream, Transport } from '@kapella/client';

/** Who answers at the other end; undefined while it is down. */
export type Listener = (request: ServerRequest, ctx: Ctx) => Promise<ApiResponse>;

export interface RequestView {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly user: UserInfo;
  readonly isWatch: boolean;
}

export interface Fault {
  /** Which requests it meets; absent: all. */
  readonly when?: (request: RequestView) => boolean;
  /** How often; absent: until it is taken away. */
  readonly times?: number;
  /** Of those it could meet, the share that it does; absent: all. */
  readonly share?: number;
  /** Waits before the request goes out, at most this long where `share` draws it. */
  readonly delayMs?: number;
  /** `request`: it never arrives. `answer`: it is carried out and nobody hears of it. An ApiError: answered instead. */
  readonly lose?: 'request' | 'answer';
  readonly answer?: ApiError;
  /** A watch is cut off after this long. */
  readonly cutAfterMs?: number;
  /** What was answered arrives this much later (up to it where `share` draws it): it is old by then. */
  readonly lateMs?: number;
  /** All that a watch tells arrives this much later: whoever follows it sees the past. */
  readonly lagMs?: number;
  /** A read is carried out twice, and the later answer counts. */
  readonly twice?: boolean;
}

export interface Network {
  /** The transport of one component. `name`: what partitions call it. */
  connect(name: string, user: UserInfo): Transport;
  /** undefined: connections are refused, and open streams cut. */
  listen(listener: Listener | undefined): void;
  /** Adds a fault; answers how to take it away. */
  add(fault: Fault): () => void;
  /** Nothing passes to or from this component until `heal`. */
  partition(name: string): void;
  heal(name?: string): void;
  /** Ends all open watches, as a load balancer that forgets its connections. */
  dropWatches(): void;
  /** Takes every fault and partition away. */
  clear(): void;
  /** Told of each request that arrives, before it is carried out. */
  onRequest?: (request: RequestView) => void;
  /** Told of each answer, before anyone has it. */
  onAnswer?: (request: RequestView, status: number, tookMs: number) => void;
}

export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

interface Active {
  readonly fault: Fault;
  left: number;
}

export function createNetwork(clock: Clock, random: Random): Network {
  return new SimNetwork(clock, random);
}

class SimNetwork implements Network {
  onRequest?: Network['onRequest'];
  onAnswer?: Network['onAnswer'];
  readonly #clock: Clock;
  readonly #random: Random;
  #listener: Listener | undefined;
  #faults: Active[] = [];
  readonly #cut = new Set<string>();
  /** Requests that a server has and has not answered. */
  readonly #pending = new Set<(error: Error) => void>();
  /** Open streams, by how to cut them: whose they are. */
  readonly #streams = new Map<() => void, string>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  connect(name: string, user: UserInfo): Transport {
    return {
      sharesChunks: true,
      request: (request, ctx) => {
        const { method, path, query } = request;
        const view = { method, path, query, user, isWatch: query.includes('watch=true') };
        return this.#send(name, { ...request, user }, view, ctx);
      },
      close: async () => {},
    };
  }

  listen(next: Listener | undefined): void {
    this.#listener = next;
    for (const reset of [...this.#pending]) reset(new NetworkError('connection reset by peer'));
    this.dropWatches();
  }

  add(fault: Fault): () => void {
    invariant(fault.times === undefined || fault.times > 0, 'a fault must happen at least once');
    const active: Active = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
    this.#faults.push(active);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== active);
    };
  }

  partition(name: string): void {
    this.#cut.add(name);
    for (const [drop, owner] of [...this.#streams]) if (owner === name) drop();
  }

  heal(name?: string): void {
    if (name === undefined) this.#cut.clear();
    else this.#cut.delete(name);
  }

  dropWatches(): void {
    for (const drop of [...this.#streams.keys()]) drop();
  }

  clear(): void {
    this.#faults = [];
    this.#cut.clear();
  }

  async #send(name: string, request: ServerRequest, view: RequestView, ctx: Ctx): Promise<ApiResponse> {
    const startedMs = this.#clock.monotonicMs();
    const met = this.#faults.length === 0 ? NO_FAULTS : this.#pick(view);
    await this.#wait(met);
    const serve = this.#reach(name);
    const instead = met.find(({ answer }) => answer !== undefined)?.answer;
    if (met.some(({ lose }) => lose === 'request')) throw new NetworkError('connection reset by peer');
    this.onRequest?.(view);
    if (met.some(({ twice }) => twice === true)) discard(await this.#answer(serve, request, ctx));
    const response = instead === undefined ? await this.#answer(serve, request, ctx) : errorResponse(instead);
    this.onAnswer?.(view, response.status, this.#clock.monotonicMs() - startedMs);
    const late = met.find(({ lateMs }) => lateMs !== undefined);
    if (late?.lateMs !== undefined)
      await this.#pause(late.lateMs * (late.share === undefined ? 1 : this.#random.float()));
    // A server that went down in between has told nobody, whatever it has done.
    if (this.#listener !== serve || this.#cut.has(name) || met.some(({ lose }) => lose === 'answer')) {
      discard(response);
      throw new NetworkError('connection reset by peer before the answer came');
    }
    if (response.body instanceof Uint8Array) return response;
    const cutAfterMs = met.find((fault) => fault.cutAfterMs !== undefined)?.cutAfterMs;
    const lagMs = met.find((fault) => fault.lagMs !== undefined)?.lagMs;
    const body = this.#tracked(response.body, name, cutAfterMs);
    return { ...response, body: lagMs === undefined ? body : lagging(body, lagMs, this.#clock) };
  }

  /** Rejects when the server goes down meanwhile. */
  #answer(serve: Listener, request: ServerRequest, ctx: Ctx): Promise<ApiResponse> {
    let reset: (error: Error) => void = () => {};
    return new Promise<ApiResponse>((resolve, reject) => {
      reset = reject;
      this.#pending.add(reject);
      serve(request, ctx).then(resolve, reject);
    }).finally(() => this.#pending.delete(reset));
  }

  #pick(view: RequestView): readonly Fault[] {
    const met: Fault[] = [];
    for (const active of this.#faults) {
      const { fault } = active;
      if (active.left <= 0 || fault.when?.(view) === false) continue;
      if (fault.share !== undefined && this.#random.float() >= fault.share) continue;
      active.left--;
      met.push(fault);
    }
    return met;
  }

  async #wait(met: readonly Fault[]): Promise<void> {
    for (const { delayMs, share } of met) {
      if (delayMs === undefined) continue;
      const ms = share === undefined ? delayMs : this.#random.float() * delayMs;
      await this.#pause(ms);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise<void>((resolve) => this.#clock.setTimer(ms, resolve));
  }

  #reach(name: string): Listener {
    if (this.#cut.has(name)) throw new NetworkError('connection timed out: the network is partitioned');
    if (this.#listener === undefined) throw new NetworkError('connect ECONNREFUSED: the API server is down');
    return this.#listener;
  }

  #tracked(body: ResponseStream, name: string, cutAfterMs: number | undefined): ResponseStream {
    return {
      start: (sink, signal) => {
        const stop = new AbortController();
        const leave = (): boolean => {
          if (!this.#streams.delete(drop)) return false;
          timer?.cancel();
          signal.removeEventListener('abort', leave);
          stop.abort(LEFT);
          return true;
        };
        const end = (error?: Error) => {
          if (leave()) sink.close(error);
        };
        const drop = () => end(new NetworkError('connection reset by peer'));
        this.#streams.set(drop, name);
        signal.addEventListener('abort', leave, { once: true });
        const timer = cutAfterMs === undefined ? undefined : this.#clock.setTimer(cutAfterMs, drop);
        const inner: ByteSink = {
          write: (chunk) => (this.#streams.has(drop) ? sink.write(chunk) : true),
          close: end,
          onDrain: (fn) => sink.onDrain(fn),
        };
        body.start(inner, stop.signal);
      },
    };
  }
}

/** The same stream, everything in it `ms` later and in its order. */
function lagging(body: ResponseStream, ms: number, clock: Clock): ResponseStream {
  return {
    start: (sink, signal) => {
      const later = (fn: () => void) => {
        clock.setTimer(ms, () => {
          if (!signal.aborted) fn();
        });
        return true;
      };
      body.start(
        {
          write: (chunk) => later(() => sink.write(chunk)),
          close: (error) => void later(() => sink.close(error)),
          onDrain: (fn) => sink.onDrain(fn),
        },
        signal,
      );
    },
  };
}

const NO_FAULTS: readonly Fault[] = Object.freeze([]);
/** Said each time a stream is left: an error made for each would take a stack each. */
const LEFT = new NetworkError('the reader of the stream is gone');

function errorResponse(error: ApiError): ApiResponse {
  const retry = error.details?.retryAfterSeconds;
  return {
    status: error.code,
    headers: { 'content-type': 'application/json', ...(retry === undefined ? {} : { 'retry-after': String(retry) }) },
    body: new TextEncoder().encode(JSON.stringify(error.toStatus())),
  };
}

/** A stream that nobody reads is begun and ended, so that the server lets go of it. */
function discard({ body }: ApiResponse): void {
  if (body instanceof Uint8Array) return;
  const stop = new AbortController();
  body.start({ write: () => true, close: () => {}, onDrain: () => {} }, stop.signal);
  stop.abort(LEFT);
}
