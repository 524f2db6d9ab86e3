/**
 * Writes events.k8s.io/v1 Events in the background, as kube-scheduler does: one that repeats becomes a series of the first.
 * Source: client-go/tools/events/{event_broadcaster,event_recorder}.go.
 */
import { eventsV1 } from '@kapella/api';
import type { Event } from '@kapella/api/types/events-v1';
import { ApiError, type Ctx, describeError, formatMicroTime, isReason, sleep } from '@kapella/base';
import type { Client, EventOptions, EventSubject } from '../client.ts';
import type { EventRecorderOptions, RunningEventRecorder } from './recorder.ts';

/** What waits to be written: more are dropped. Upstream bounds neither. */
const WAITING_MAX = 20_000;
/** Writes at a time: others of the same identity need room in the server, too. */
const WRITES_AT_ONCE = 50;
/** What is known of events that may repeat; the longest unseen are forgotten first. */
const KNOWN_MAX = 4_096;
const ATTEMPTS_MAX = 12;
const RETRY_MS = 10_000;
const RETRY_JITTER = 0.25;
/** An event that has not repeated for so long is over: the next one is new. */
const FINISH_MS = 6 * 60_000;
/** A series is written again so often, so that it does not expire. */
const REFRESH_MS = 30 * 60_000;
const NOTE_MAX = 1_024;

interface Known {
  readonly event: Event;
  count: number;
  lastMs: number;
}

/** `host` is the reporting instance's second half. Without `run` nothing is written. */
export function createSeriesRecorder(
  client: Client,
  options: EventRecorderOptions,
  ctx: Pick<Ctx, 'clock'>,
): RunningEventRecorder {
  return new SeriesRecorder(client, options, ctx);
}

class SeriesRecorder implements RunningEventRecorder {
  readonly #client: Client;
  readonly #options: EventRecorderOptions;
  readonly #clock: Ctx['clock'];
  /** Insertion order is order of use. */
  readonly #known = new Map<string, Known>();
  /** Taken from the front in batches. */
  #waiting: Event[] = [];
  #first = 0;
  readonly #writing = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #idle: (() => void)[] = [];
  #sequence = 0;

  constructor(client: Client, options: EventRecorderOptions, ctx: Pick<Ctx, 'clock'>) {
    this.#client = client;
    this.#options = options;
    this.#clock = ctx.clock;
  }

  event(about: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string, options: EventOptions = {}) {
    if (this.#waiting.length - this.#first >= WAITING_MAX) {
      this.#options.dropped?.('queue');
      return;
    }
    const nowMs = this.#clock.nowMs();
    const event = this.#build(about, type, reason, message, options, nowMs);
    const key = keyOf(event);
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#remember(key, { event, count: 1, lastMs: nowMs });
      this.#enqueue(event);
      return;
    }
    known.count++;
    known.lastMs = nowMs;
    this.#remember(key, known);
    // Later ones are counted; the count is written when the series is refreshed or over.
    if (known.count === 2) this.#enqueue(seriesOf(known));
  }

  async run(ctx: Ctx): Promise<void> {
    const wake = () => this.#wake();
    ctx.signal.addEventListener('abort', wake, { once: true });
    const timers = [every(FINISH_MS, () => this.#finish(), ctx), every(REFRESH_MS, () => this.#refresh(), ctx)];
    while (!ctx.signal.aborted) {
      while (this.#first < this.#waiting.length && this.#writing.size < WRITES_AT_ONCE) this.#start(this.#next(), ctx);
      if (this.#writing.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (ctx.signal.aborted) resolve();
      });
    }
    for (const stop of timers) stop();
    ctx.signal.removeEventListener('abort', wake);
    await Promise.all(this.#writing);
  }

  flushed(): Promise<void> {
    if (this.#writing.size === 0 && this.#first === this.#waiting.length) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #enqueue(event: Event): void {
    this.#waiting.push(event);
    if (this.#writing.size < WRITES_AT_ONCE) this.#wake();
  }

  #next(): Event {
    const event = this.#waiting[this.#first++] as Event;
    if (this.#first === this.#waiting.length || this.#first > KNOWN_MAX) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }

  #start(event: Event, ctx: Ctx): void {
    const writing = this.#write(event, ctx).then(() => {
      this.#writing.delete(writing);
      this.#wake();
    });
    this.#writing.add(writing);
  }

  #build(
    about: EventSubject,
    type: string,
    reason: string,
    message: string,
    options: EventOptions,
    nowMs: number,
  ): Event {
    const { component, host } = this.#options;
    const { action = '', related, fieldPath, annotations, reporter = component } = options;
    const { name, namespace } = about.metadata;
    // Nanoseconds in upstream; the low digits count, so that two events of one millisecond differ.
    const stamp = (BigInt(Math.floor(nowMs)) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    const metadata = { name: `${name}.${stamp}`, namespace: namespace || 'default', annotations };
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: metadata as Event['metadata'],
      eventTime: formatMicroTime(nowMs),
      reportingController: reporter,
      reportingInstance: host === undefined ? reporter : `${reporter}-${host}`,
      action,
      reason,
      regarding: { ...referenceOf(about), ...(fieldPath !== undefined && { fieldPath }) },
      ...(related !== undefined && { related: referenceOf(related) }),
      note: message.slice(0, NOTE_MAX),
      type,
    };
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #finish(): void {
    const before = this.#clock.nowMs() - FINISH_MS;
    for (const [key, known] of this.#known) {
      if (known.lastMs >= before) break; // the others were seen later
      if (known.count > 1) this.#enqueue(seriesOf(known));
      this.#known.delete(key);
    }
  }

  #refresh(): void {
    for (const known of this.#known.values()) if (known.count > 1) this.#enqueue(seriesOf(known));
  }

  async #write(event: Event, ctx: Ctx): Promise<void> {
    for (let attempt = 1; !ctx.signal.aborted; attempt++) {
      try {
        await this.#writeOnce(event, ctx);
        return;
      } catch (error) {
        if (ctx.signal.aborted) return;
        const isTaken = event.series !== undefined && isReason(error, 'AlreadyExists');
        if ((error instanceof ApiError && !isTaken) || attempt >= ATTEMPTS_MAX) {
          this.#options.dropped?.('refused');
          giveUp(event, error, ctx);
          return;
        }
        await sleep(RETRY_MS * (1 + RETRY_JITTER * ctx.random.float()), ctx).catch(() => {});
      }
    }
  }

  async #writeOnce(event: Event, ctx: Ctx): Promise<void> {
    if (event.series === undefined) {
      await this.#client.create(eventsV1.Event, event, ctx);
      return;
    }
    try {
      const body = { series: event.series };
      await this.#client.patch(eventsV1.Event, event, { type: 'strategic', body }, ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      await this.#client.create(eventsV1.Event, event, ctx); // it has expired
    }
  }
}

function every(ms: number, work: () => void, { clock }: Ctx): () => void {
  const again = () => {
    work();
    timer = clock.setTimer(ms, again);
  };
  let timer = clock.setTimer(ms, again);
  return () => timer.cancel();
}

function seriesOf({ event, count, lastMs }: Known): Event {
  return { ...event, series: { count, lastObservedTime: formatMicroTime(lastMs) } };
}

function referenceOf({ kind, apiVersion, metadata }: EventSubject) {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { kind, namespace, name, uid, apiVersion, resourceVersion };
}

/** Events that agree in all this are one. */
function keyOf({ type, action, reason, reportingController, reportingInstance, regarding, related }: Event): string {
  return JSON.stringify([type, action, reason, reportingController, reportingInstance, regarding, related]);
}

function giveUp({ reason, note }: Event, failure: unknown, ctx: Ctx): void {
  // A namespace that goes away refuses its last events: nothing to worry anyone with.
  const expected = isReason(failure, 'AlreadyExists', 'Forbidden', 'NotFound');
  ctx.log[expected ? 'debug' : 'warn']('event not recorded', { reason, message: note, cause: describeError(failure) });
}
