/** Where events go: a file, a webhook; through a queue or not, whole or cut. Source: apiserver/plugin/pkg/audit. */
import { type Clock, type Ctx, describeError, sleep, stringifyExactJson } from '@kapella/base';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { HttpCaller } from '../outbound/http-caller.ts';
import type { KubeconfigTarget } from '../outbound/kubeconfig.ts';
import { type AuditEvent, type AuditFormat, auditLine, eventSize } from './event.ts';

export interface AuditBackend {
  /** log, webhook, buffered, truncate. */
  readonly name: string;
  /** false: at least one was not stored, which has been counted and logged. Never rejects. */
  process(events: readonly AuditEvent[]): boolean | Promise<boolean>;
  /** Stores what waits. Settles when all is stored or given up. */
  close(): Promise<void>;
}

export interface BackendDeps {
  readonly metrics: MetricsRegistry;
  readonly ctx: Ctx;
}

/** Counts and logs events that were lost; their content is for the audit log only. */
function lost({ metrics, ctx }: BackendDeps, plugin: string, events: readonly AuditEvent[], error: unknown): void {
  metrics
    .counter('apiserver_audit_error_total', 'Counter of audit events that failed to be audited properly.', ['plugin'])
    .add([plugin], events.length);
  const auditIds = events.slice(0, 10).map(({ auditID }) => auditID);
  ctx.log.error('audit events lost', { plugin, events: events.length, auditIds, error: describeError(error) });
}

/** Appends text; resolves when the host has taken it. Rejects when it could not. */
export interface AuditFile {
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

export function createLogBackend(file: AuditFile, format: AuditFormat, deps: BackendDeps): AuditBackend {
  return {
    name: 'log',
    async process(events) {
      try {
        await file.write(events.map((event) => auditLine(event, format)).join(''));
        return true;
      } catch (error) {
        lost(deps, 'log', events, error);
        return false;
      }
    },
    close: () => file.close(),
  };
}

export interface WebhookOptions {
  readonly target: KubeconfigTarget;
  readonly caller: HttpCaller;
  /** Default 10 s; half as much again after each of five tries. */
  readonly initialBackoffMs: number;
}

const WEBHOOK_MS_MAX = 30_000;
const WEBHOOK_TRIES_MAX = 5;
const BACKOFF_FACTOR = 1.5;
const JITTER = 0.2;
const ANSWER_BYTES_MAX = 1 << 20;
const encoder = new TextEncoder();

export function createWebhookBackend(options: WebhookOptions, deps: BackendDeps): AuditBackend {
  const { ctx } = deps;
  return {
    name: 'webhook',
    async process(events) {
      const list = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: events };
      const body = encoder.encode(stringifyExactJson(list));
      let waitMs = options.initialBackoffMs;
      for (let attempt = 1; ; attempt++) {
        try {
          await post(options, body, ctx);
          return true;
        } catch (error) {
          if (attempt >= WEBHOOK_TRIES_MAX || ctx.signal.aborted) {
            lost(deps, 'webhook', events, error);
            return false;
          }
          await sleep(waitMs * (1 + JITTER * ctx.random.float()), ctx).catch(() => undefined);
          waitMs *= BACKOFF_FACTOR;
        }
      }
    },
    close: async () => {},
  };
}

async function post({ target, caller }: WebhookOptions, body: Uint8Array, ctx: Ctx): Promise<void> {
  const { status } = await caller(
    {
      method: 'POST',
      url: target.url,
      headers: { ...target.headers(), 'content-type': 'application/json', accept: 'application/json' },
      body,
      ...{ timeoutMs: WEBHOOK_MS_MAX, bytesMax: ANSWER_BYTES_MAX, tls: target.tls },
    },
    ctx,
  );
  if (status < 200 || status > 299) throw new Error(`the audit webhook answered ${status}`);
}

export interface TruncateOptions {
  readonly eventBytesMax: number;
  readonly batchBytesMax: number;
}

/** Takes the objects out of events that are too large, and splits batches that are. */
export function truncating(inner: AuditBackend, options: TruncateOptions, deps: BackendDeps): AuditBackend {
  const { eventBytesMax, batchBytesMax } = options;
  return {
    name: 'truncate',
    async process(events) {
      let batch: AuditEvent[] = [];
      let batchBytes = 0;
      let isStored = true;
      for (const event of events) {
        const cut = eventSize(event) > eventBytesMax ? withoutObjects(event) : event;
        const bytes = eventSize(cut);
        if (bytes > eventBytesMax) {
          lost(deps, 'truncate', [event], new Error('event is too large even after truncating'));
          continue;
        }
        if (batch.length > 0 && batchBytes + bytes > batchBytesMax) {
          isStored = (await inner.process(batch)) && isStored;
          batch = [];
          batchBytes = 0;
        }
        batch.push(cut);
        batchBytes += bytes;
      }
      return (batch.length === 0 || (await inner.process(batch))) && isStored;
    },
    close: () => inner.close(),
  };
}

function withoutObjects(event: AuditEvent): AuditEvent {
  if (event.level !== 'Request' && event.level !== 'RequestResponse') return event;
  const { requestObject: _request, responseObject: _response, ...rest } = event;
  return { ...rest, annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' } };
}

export interface BatchOptions {
  /** Events that may wait; more are lost. */
  readonly bufferMax: number;
  readonly batchMax: number;
  readonly waitMsMax: number;
  /** Batches a second, and at once; undefined: no limit. */
  readonly throttle: { readonly qps: number; readonly burst: number } | undefined;
  /** Batches do not wait for each other. */
  readonly isConcurrent: boolean;
}

/** Takes events at once and stores them later, in batches. */
export function buffered(inner: AuditBackend, options: BatchOptions, deps: BackendDeps): AuditBackend {
  return new Buffered(inner, options, deps);
}

class Buffered implements AuditBackend {
  readonly name = 'buffered';
  readonly #inner: AuditBackend;
  readonly #options: BatchOptions;
  readonly #deps: BackendDeps;
  readonly #bucket: TokenBucket | undefined;
  readonly #running = new Set<Promise<unknown>>();
  #waiting: AuditEvent[] = [];
  #isSending = false;
  #isClosed = false;
  #timer: { cancel(): void } | undefined;

  constructor(inner: AuditBackend, options: BatchOptions, deps: BackendDeps) {
    this.#inner = inner;
    this.#options = options;
    this.#deps = deps;
    this.#bucket = options.throttle === undefined ? undefined : new TokenBucket(options.throttle, deps.ctx.clock);
  }

  process(events: readonly AuditEvent[]): boolean {
    const { bufferMax, batchMax, waitMsMax } = this.#options;
    if (this.#isClosed || this.#waiting.length + events.length > bufferMax) {
      lost(
        this.#deps,
        this.name,
        events,
        new Error(this.#isClosed ? 'audit backend shut down' : 'audit buffer queue blocked'),
      );
      return true;
    }
    this.#waiting.push(...events);
    if (this.#waiting.length >= batchMax) this.#send();
    else this.#timer ??= this.#deps.ctx.clock.setTimer(waitMsMax, () => this.#send());
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    while (this.#waiting.length > 0 || this.#running.size > 0) {
      if (this.#waiting.length > 0 && !this.#isSending) {
        const batch = this.#waiting.splice(0, this.#options.batchMax);
        await this.#inner.process(batch);
      } else await Promise.all(this.#running);
    }
    await this.#inner.close();
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isSending) return;
    this.#isSending = true;
    const work = this.#sendAll().finally(() => {
      this.#isSending = false;
      this.#running.delete(work);
      if (this.#waiting.length > 0 && !this.#isClosed && this.#timer === undefined) {
        this.#timer = this.#deps.ctx.clock.setTimer(this.#options.waitMsMax, () => this.#send());
      }
    });
    this.#running.add(work);
  }

  async #sendAll(): Promise<void> {
    const { batchMax, isConcurrent } = this.#options;
    let isFirst = true;
    while (this.#waiting.length > 0 && !this.#isClosed && (isFirst || this.#waiting.length >= batchMax)) {
      isFirst = false;
      await this.#bucket?.take();
      const batch = this.#waiting.splice(0, batchMax);
      const sending = Promise.resolve(this.#inner.process(batch));
      if (!isConcurrent) await sending;
      else {
        this.#running.add(sending);
        void sending.finally(() => this.#running.delete(sending));
      }
    }
  }
}

class TokenBucket {
  readonly #qps: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #lastMs: number;

  constructor({ qps, burst }: { readonly qps: number; readonly burst: number }, clock: Clock) {
    this.#qps = qps;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#lastMs = clock.monotonicMs();
  }

  /** Resolves when the next batch may go. */
  async take(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#lastMs) / 1000) * this.#qps);
    this.#lastMs = nowMs;
    this.#tokens--;
    if (this.#tokens >= 0) return;
    const waitMs = (-this.#tokens / this.#qps) * 1000;
    await new Promise<void>((resolve) => void this.#clock.setTimer(waitMs, resolve));
  }
}
