/** What every waiting function takes as its last argument. A function without a Ctx is synchronous and pure. */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

export interface Ctx {
  /** Aborted when the work is no longer wanted. A loop settles only when all it started has settled. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** The same context under a narrower signal and, where given, more log fields. */
export function childCtx(ctx: Ctx, signal: AbortSignal, fields?: Readonly<Record<string, unknown>>): Ctx {
  return {
    signal: signal === ctx.signal ? signal : AbortSignal.any([ctx.signal, signal]),
    log: fields === undefined ? ctx.log : ctx.log.child(fields),
    clock: ctx.clock,
    random: ctx.random,
  };
}
