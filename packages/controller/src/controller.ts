/** The controller contract: key-only reconcilers over shared informers. Shape of controller-runtime's, in TypeScript. */
import type { KindRef } from '@kapella/api';
import type { Ctx, MetricsRegistry } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import type { Expectations } from './expectations.ts';

export interface ReconcileResult {
  /** Reconcile the key again after this long, even if nothing happens. */
  readonly requeueAfterMs?: number;
}

/** Runs `task` `count` times in growing batches (1, 2, 4, …), stopping at the first failing batch, as upstream's slow start. */
export type SlowStart = (count: number, task: (index: number) => Promise<unknown>, ctx: Ctx) => Promise<void>;

export interface ControllerDeps {
  readonly cache: Cache;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly batch: SlowStart;
}

/** Which keys of the primary kind an event on another kind concerns. */
export interface WatchSource<T> {
  readonly kind: KindRef<T>;
  /** Pure. `old` is undefined on add; `deleted` true on delete. */
  keysOf(object: T, old: T | undefined, deleted: boolean): readonly string[];
  /** So long the keys wait for further events; absent or 0: not at all. */
  readonly delayMs?: number;
}

/** What a controller may do to its own queue. */
export interface KeyQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
}

export interface ControllerSpec<T> {
  readonly name: string;
  readonly primary: KindRef<T>;
  /** Which changes of a primary queue it; absent: all. Pure. What comes or goes always does. */
  readonly primaryChanged?: (next: T, old: T) => boolean;
  /** So long a primary's event waits for further ones; absent or 0: not at all. */
  readonly primaryDelayMs?: number;
  /** An event on an object whose controller reference names a primary queues that primary's key. */
  readonly owns?: readonly KindRef<unknown>[];
  // biome-ignore lint/suspicious/noExplicitAny: each is of a kind of its own
  readonly watches?: readonly WatchSource<any>[];
  /** Further kinds that `reconcile` reads from the cache: they are synced first, but their events queue nothing. */
  readonly reads?: readonly KindRef<unknown>[];
  /** Told of each creation and deletion of an owned object, so that a slow cache never makes one twice. */
  readonly expectations?: Expectations;
  /** Queues every primary again so often, whatever happened. */
  readonly resyncMs?: number;
  /** First delay of a failing key, doubled each time up to `retryMaxMs`; 5 ms and 1000 s where absent. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
  /** Keys in flight; a key is never reconciled twice at once. */
  readonly concurrencyMax?: number;
  /** Anything thrown is logged once by the loop and retried with exponential back-off; TerminalError is not retried. */
  reconcile(key: string, ctx: Ctx): Promise<ReconcileResult>;
  /** Runs beside the queue once all that is read is synced, e.g. for periodic work. Begun again when it throws. */
  readonly background?: (ctx: Ctx, queue: KeyQueue) => Promise<void>;
}

export interface Controller {
  readonly name: string;
  /** Every kind the controller reads: its informers are started before it runs. */
  readonly reads: readonly KindRef<unknown>[];
  /** Waits until all that is read is synced, works until ctx aborts, settles after all workers have settled. */
  run(runtime: ControllerRuntime, ctx: Ctx): Promise<void>;
}

/** What one process gives all its controllers. */
export interface ControllerRuntime {
  readonly cache: Cache;
  readonly hooks?: ControllerHooks;
  /** Keys in flight of a controller, where its user wants another number than its own. */
  readonly concurrencyOf?: (controller: string) => number | undefined;
  /** Where queues are counted, and which controllers run. */
  readonly metrics?: MetricsRegistry;
  /** Whose controllers these are, as metrics tell it: `kube-controller-manager`. */
  readonly manager?: string;
  /** What metrics call a controller's queue; default: as the controller. */
  readonly queueNameOf?: (controller: string) => string;
}

/** For metrics; must be quick and not throw. */
export interface ControllerHooks {
  /** A key was worked on; `error` undefined when that went well. */
  reconciled?(controller: string, durationMs: number, error: unknown): void;
  /** Keys waiting, told after each change that a worker makes. */
  queueLength?(controller: string, length: number): void;
}

/** Do not retry: the object must change first. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}
