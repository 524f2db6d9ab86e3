/**
 * The store's one watch: every change under the prefix, in order and once, through reconnects and leader changes. What
 * sinks it has is the hub's business. Source: the contract of etcd's Watch API (order, uniqueness, progress).
 */
import { ApiError, childCtx, type Ctx, describeError, sleep } from '@kapella/base';
import type { StoreEvent } from '../../../contract.ts';
import type { EtcdConnection, WatchCall } from './connection.ts';
import { endOf, type WatchResponse } from './wire.ts';

const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1_000;
/** Upstream: progressRequestPeriod. */
const PROGRESS_EVERY_MS = 100;
/** Who waited for a revision has given up after this. */
const PROGRESS_MS_MAX = 3_000;

export interface EventStreamOptions {
  /** Keys watched: '' is all of them. */
  readonly prefix: string;
  /** Progress can be asked for. */
  readonly asksProgress: boolean;
  /** undefined: a key of somebody else. */
  toEvent(event: WatchResponse['events'][number]): StoreEvent | undefined;
  /** Everything up to `revision` is delivered with this call. */
  deliver(events: readonly StoreEvent[], revision: number): void;
  /** Less of the past is there than was hoped for: what follows `revision` will be delivered. Before any delivery. */
  beginsAt(revision: number): void;
  /** What happened since the last delivery was compacted away. Resolves with the revision to go on from. */
  lost(error: ApiError): Promise<number>;
}

export class EventStream {
  readonly #connection: EtcdConnection;
  readonly #options: EventStreamOptions;
  readonly #ctx: Ctx;
  readonly #stop = new AbortController();
  #revision: number;
  #call: WatchCall | undefined;
  #hasDelivered = false;
  #wanted = 0;
  #wantedUntilMs = 0;
  #isAsking = false;

  constructor(connection: EtcdConnection, afterRevision: number, options: EventStreamOptions, ctx: Ctx) {
    this.#connection = connection;
    this.#options = options;
    this.#revision = afterRevision;
    this.#ctx = childCtx(ctx, this.#stop.signal);
  }

  /** Everything up to here has been delivered. */
  get revision(): number {
    return this.#revision;
  }

  /** Runs until `close` or the context ends. */
  async run(): Promise<void> {
    let delayMs = RECONNECT_MS_MIN;
    while (!this.#ctx.signal.aborted) {
      const before = this.#revision;
      try {
        await this.#watchOnce();
      } catch (error) {
        if (this.#ctx.signal.aborted) return;
        this.#ctx.log.warn('etcd watch ended', { endpoint: this.#connection.endpoint, error: describeError(error) });
      }
      delayMs = this.#revision > before ? RECONNECT_MS_MIN : Math.min(delayMs * 2, RECONNECT_MS_MAX);
      await sleep(delayMs, this.#ctx).catch(() => {});
    }
  }

  /** Sees to it that `deliver` reaches this revision soon, also where nothing under the prefix changes. */
  reach(revision: number): void {
    if (revision <= this.#revision || !this.#options.asksProgress) return;
    this.#wanted = Math.max(this.#wanted, revision);
    this.#wantedUntilMs = this.#ctx.clock.monotonicMs() + PROGRESS_MS_MAX;
    if (!this.#isAsking) this.#ask();
  }

  close(): void {
    this.#stop.abort();
    this.#call?.cancel();
  }

  #ask(): void {
    this.#isAsking =
      this.#wanted > this.#revision && this.#ctx.clock.monotonicMs() < this.#wantedUntilMs && !this.#ctx.signal.aborted;
    if (!this.#isAsking) return;
    this.#call?.write({ progressRequest: {} });
    this.#ctx.clock.setTimer(PROGRESS_EVERY_MS, () => this.#ask());
  }

  /** Settles when the stream is over. */
  async #watchOnce(): Promise<void> {
    const { call, failed } = await this.#connection.watch(this.#ctx);
    this.#call = call;
    const { prefix } = this.#options;
    const end = new Promise<void>((resolve, reject) => {
      call.on('data', (message: WatchResponse) => {
        try {
          this.#take(message, call);
        } catch (error) {
          call.cancel();
          reject(error);
        }
      });
      call.on('error', reject);
      call.on('end', () => resolve());
    });
    call.write({
      createRequest: {
        key: prefix === '' ? Buffer.from([0]) : Buffer.from(prefix),
        rangeEnd: prefix === '' ? Buffer.from([0]) : endOf(prefix),
        startRevision: this.#revision + 1,
        progressNotify: true,
        prevKv: true,
      },
    });
    try {
      await end;
    } catch (error) {
      if (error instanceof Compacted) {
        await this.#skip(error);
        return;
      }
      if (!this.#ctx.signal.aborted) failed(error);
      throw error;
    } finally {
      this.#call = undefined;
      call.cancel();
    }
  }

  async #skip({ reason, compacted }: Compacted): Promise<void> {
    if (this.#hasDelivered) {
      this.#revision = await this.#options.lost(reason);
      return;
    }
    // What compaction left begins with the compacted revision itself.
    this.#revision = compacted - 1;
    this.#options.beginsAt(this.#revision);
  }

  #take(message: WatchResponse, call: WatchCall): void {
    if (call !== this.#call) return;
    if (message.canceled) {
      if (message.compactRevision > 0) throw new Compacted(this.#revision, message.compactRevision);
      throw new Error(message.cancelReason === '' ? 'etcd ended the watch' : message.cancelReason);
    }
    if (message.created) return;
    const last = message.events.at(-1);
    // A note of progress carries no event; its header's revision is then true.
    const revision = last === undefined ? message.header.revision : last.kv.modRevision;
    if (revision <= this.#revision) return;
    const events: StoreEvent[] = [];
    for (const each of message.events) {
      if (each.kv.modRevision <= this.#revision) continue;
      const event = this.#options.toEvent(each);
      if (event !== undefined) events.push(event);
    }
    this.#revision = revision;
    this.#hasDelivered = true;
    this.#options.deliver(events, revision);
  }
}

class Compacted extends Error {
  readonly reason: ApiError;
  readonly compacted: number;

  constructor(revision: number, compacted: number) {
    super('compacted');
    this.compacted = compacted;
    this.reason = new ApiError('Expired', `The resourceVersion ${revision} is too old: history starts at ${compacted}`);
  }
}
