/** Writes Events in the background. Source: client-go/tools/record/event.go. */
import { coreV1 } from '@kapella/api';
import { ApiError, type Ctx, describeError, formatTime, isReason, sleep } from '@kapella/base';
import type { Client, EventOptions, EventRecorder, EventSubject } from '../client.ts';
import { type Correlated, type CoreEvent, EventCorrelator } from './correlator.ts';

const WAITING_MAX = 1000;
const ATTEMPTS_MAX = 12;
const RETRY_MS = 10_000;

export interface EventRecorderOptions {
  /** `deployment-controller`: shown as the event's source. */
  readonly component: string;
  /** The node that the component speaks for. */
  readonly host?: string;
  /** Told of each event that is not written: too many waited, its source told too much of one object, or the API refused. */
  readonly dropped?: (why: 'queue' | 'spam' | 'refused') => void;
}

export interface RunningEventRecorder extends EventRecorder {
  /** Writes what is recorded until ctx aborts; settles then. Without it nothing is written. */
  run(ctx: Ctx): Promise<void>;
  /** Resolves when all that was recorded so far is written or given up. */
  flushed(): Promise<void>;
}

/** `clock` of the context given to `run` is not known yet when events come early: hence `ctx` here, for time only. */
export function createEventRecorder(
  client: Client,
  options: EventRecorderOptions,
  ctx: Pick<Ctx, 'clock'>,
): RunningEventRecorder {
  return new Recorder(client, options, ctx);
}

class Recorder implements RunningEventRecorder {
  readonly #client: Client;
  readonly #options: EventRecorderOptions;
  readonly #clock: Ctx['clock'];
  readonly #correlator = new EventCorrelator();
  readonly #waiting: CoreEvent[] = [];
  #wake: (() => void) | undefined;
  #idle: (() => void)[] = [];
  #busy = false;
  #sequence = 0;

  constructor(client: Client, options: EventRecorderOptions, ctx: Pick<Ctx, 'clock'>) {
    this.#client = client;
    this.#options = options;
    this.#clock = ctx.clock;
  }

  event(
    about: EventSubject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options: EventOptions = {},
  ): void {
    // A burst beyond the bound loses its newest events, as upstream's does: recording never blocks.
    if (this.#waiting.length >= WAITING_MAX) {
      this.#options.dropped?.('queue');
      return;
    }
    const built = this.#build(about, type, reason, message, options.fieldPath);
    const { annotations = {} } = options;
    const hasNone = Object.keys(annotations).length === 0;
    this.#waiting.push(hasNone ? built : { ...built, metadata: { ...built.metadata, annotations } });
    this.#wake?.();
  }

  async run(ctx: Ctx): Promise<void> {
    const wake = () => this.#wake?.();
    ctx.signal.addEventListener('abort', wake, { once: true });
    while (!ctx.signal.aborted) {
      const event = this.#waiting.shift();
      if (event === undefined) {
        this.#busy = false;
        for (const resolve of this.#idle.splice(0)) resolve();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (this.#waiting.length > 0 || ctx.signal.aborted) resolve();
        });
        continue;
      }
      this.#busy = true;
      const correlated = this.#correlator.correlate(event, this.#clock.nowMs());
      if (correlated === undefined) this.#options.dropped?.('spam');
      else await this.#write(correlated, ctx);
    }
  }

  flushed(): Promise<void> {
    if (!this.#busy && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #build(
    about: EventSubject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ): CoreEvent {
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const { component, host } = this.#options;
    const nowMs = this.#clock.nowMs();
    const time = formatTime(nowMs);
    // Nanoseconds in upstream; the low digits count, so that two events of one millisecond differ.
    const stamp = (BigInt(Math.floor(nowMs)) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${stamp}`, namespace: namespace || 'default' } as CoreEvent['metadata'],
      involvedObject: {
        kind: about.kind,
        namespace,
        name,
        uid,
        apiVersion: about.apiVersion,
        resourceVersion,
        fieldPath,
      },
      reason,
      message: message.slice(0, 1024),
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  async #write(correlated: Correlated, ctx: Ctx): Promise<void> {
    for (let attempt = 1; !ctx.signal.aborted; attempt++) {
      const failure = await this.#writeOnce(correlated, ctx);
      if (failure === undefined) return;
      // A refusal stays one; without an answer it is worth another try.
      if (failure instanceof ApiError || attempt >= ATTEMPTS_MAX) {
        if (ctx.signal.aborted) return;
        this.#options.dropped?.('refused');
        giveUp(correlated.event, failure, ctx);
        return;
      }
      await sleep(RETRY_MS * (attempt === 1 ? ctx.random.float() : 1), ctx).catch(() => {});
    }
  }

  async #writeOnce({ event, patch, key }: Correlated, ctx: Ctx): Promise<unknown> {
    try {
      this.#correlator.written(key, await (patch ? this.#patch(event, ctx) : this.#create(event, ctx)));
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #create(event: CoreEvent, ctx: Ctx): Promise<CoreEvent> {
    return this.#client.create(coreV1.Event, event, ctx);
  }

  async #patch(event: CoreEvent, ctx: Ctx): Promise<CoreEvent> {
    const { count, lastTimestamp, message } = event;
    try {
      return await this.#client.patch(
        coreV1.Event,
        event,
        { type: 'merge', body: { count, lastTimestamp, message } },
        ctx,
      );
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      // Expired meanwhile: a new one, under a new name.
      const stamp = (
        BigInt(Math.floor(this.#clock.nowMs())) * 1_000_000n +
        BigInt(this.#sequence++ % 1_000_000)
      ).toString(16);
      return this.#create(
        { ...event, metadata: { ...event.metadata, name: `${event.involvedObject.name}.${stamp}` } },
        ctx,
      );
    }
  }
}

function giveUp({ reason, message }: CoreEvent, failure: unknown, ctx: Ctx): void {
  // A namespace that goes away refuses its last events: nothing to worry anyone with.
  const expected = isReason(failure, 'AlreadyExists', 'Forbidden', 'NotFound');
  ctx.log[expected ? 'debug' : 'warn']('event not recorded', { reason, message, cause: describeError(failure) });
}
