/** The controller contract: key-only reconcilers over shared informers. Shape of controller-runtime's, in TypeScript. */
import type { KindRef } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';

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
}

export interface ControllerSpec<T> {
  readonly name: string;
  readonly primary: KindRef<T>;
  /** An event on an object whose controller reference names a primary queues that primary's key. */
  readonly owns?: readonly KindRef<any>[];
  readonly watches?: readonly WatchSource<any>[];
  /** Keys in flight; a key is never reconciled twice at once. */
  readonly concurrencyMax?: number;
  /** Anything thrown is logged once by the loop and retried with exponential back-off; TerminalError is not retried. */
  reconcile(key: string, ctx: Ctx): Promise<ReconcileResult>;
  /** Runs beside the queue, e.g. for periodic work. */
  readonly background?: (ctx: Ctx, queue: { add(key: string): void }) => Promise<void>;
}

export interface Controller {
  readonly name: string;
  /** Every kind the controller reads: its informers are started before it runs. */
  readonly reads: readonly KindRef<unknown>[];
  /** Settles after all workers have settled. */
  run(ctx: Ctx): Promise<void>;
}

/** Do not retry: the object must change first. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}
