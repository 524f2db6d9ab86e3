/** Leader election over a Lease. Source: client-go/tools/leaderelection. */
import { coordinationV1, type KindRef } from '@kapella/api';
import { childCtx, type Ctx, describeError, formatMicroTime, isReason, jitter, sleep } from '@kapella/base';
import type { Client, EventRecorder } from '../client.ts';

type Lease = (typeof coordinationV1)['Lease'] extends KindRef<infer T> ? T : never;

export interface LeaderElectionOptions {
  readonly namespace: string;
  /** Name of the Lease, e.g. `kube-controller-manager`. */
  readonly name: string;
  /** Unique per candidate: `<host>_<uuid>`. */
  readonly identity: string;
  /** Others wait this long after the last renewal they saw. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for this long stops leading. Shorter than the lease. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Gives the lease up at the end, so that the next one need not wait. */
  readonly releaseOnCancel?: boolean;
  readonly events?: EventRecorder;
  readonly onNewLeader?: (identity: string) => void;
}

/** What the last look at the lease showed, and when, by our own clock: clocks of others are not trusted. */
interface Observed {
  lease: Lease | undefined;
  atMs: number;
}

const JITTER_FACTOR = 1.2;

/**
 * Waits to become leader, then runs `lead`, whose ctx aborts when leadership is lost. Settles when `lead` has settled:
 * resolves when ctx aborted or `lead` returned, rejects when leadership was lost.
 */
export async function runAsLeader(
  client: Client,
  options: LeaderElectionOptions,
  lead: (ctx: Ctx) => Promise<void>,
  ctx: Ctx,
): Promise<void> {
  const { retryPeriodMs = 2_000, renewDeadlineMs = 10_000 } = options;
  const observed: Observed = { lease: undefined, atMs: 0 };
  ctx.log.info('waiting for leadership', { lease: options.name, identity: options.identity });
  while (!(await tryAcquire(client, options, observed, ctx))) {
    try {
      await sleep(jitter(retryPeriodMs, JITTER_FACTOR, ctx.random), ctx);
    } catch {
      return;
    }
  }
  if (ctx.signal.aborted) return;
  ctx.log.info('became leader', { lease: options.name, identity: options.identity });
  if (observed.lease !== undefined) {
    options.events?.event(observed.lease, 'Normal', 'LeaderElection', `${options.identity} became leader`);
  }
  const stop = new AbortController();
  const leading = childCtx(ctx, stop.signal);
  let lost: Error | undefined;
  const renewing = renewLoop(client, options, observed, retryPeriodMs, renewDeadlineMs, leading).then((error) => {
    lost = error;
    stop.abort(error ?? new Error('no longer leading'));
  });
  try {
    await lead(leading);
  } finally {
    stop.abort(new Error('no longer leading'));
    await renewing;
    if (lost === undefined && options.releaseOnCancel !== false) await release(client, observed, ctx);
  }
  if (lost !== undefined) throw lost;
}

/** Answers the reason why leadership was lost; undefined when ctx aborted. */
async function renewLoop(
  client: Client,
  options: LeaderElectionOptions,
  observed: Observed,
  retryPeriodMs: number,
  renewDeadlineMs: number,
  ctx: Ctx,
): Promise<Error | undefined> {
  let renewedMs = ctx.clock.monotonicMs();
  for (;;) {
    try {
      await sleep(retryPeriodMs, ctx);
    } catch {
      return undefined;
    }
    const leftMs = renewedMs + renewDeadlineMs - ctx.clock.monotonicMs();
    if (await tryWithin(leftMs, client, options, observed, ctx)) renewedMs = ctx.clock.monotonicMs();
    else if (ctx.signal.aborted) return undefined;
    else if (ctx.clock.monotonicMs() - renewedMs >= renewDeadlineMs) {
      if (observed.lease !== undefined) {
        options.events?.event(observed.lease, 'Normal', 'LeaderElection', `${options.identity} stopped leading`);
      }
      return new Error(`leader election lost: the lease ${options.name} could not be renewed`);
    }
  }
}

/** False once `ms` have passed, answer or not: a server that hangs must not let us go on leading. */
function tryWithin(
  ms: number,
  client: Client,
  options: LeaderElectionOptions,
  observed: Observed,
  ctx: Ctx,
): Promise<boolean> {
  const giveUp = new AbortController();
  return new Promise((resolve) => {
    const timer = ctx.clock.setTimer(Math.max(0, ms), () => {
      giveUp.abort(new Error('the renewal took too long'));
      resolve(false);
    });
    tryAcquire(client, options, observed, childCtx(ctx, giveUp.signal)).then((held) => {
      timer.cancel();
      resolve(held);
    });
  });
}

async function tryAcquire(
  client: Client,
  options: LeaderElectionOptions,
  observed: Observed,
  ctx: Ctx,
): Promise<boolean> {
  try {
    return await acquireOrRenew(client, options, observed, ctx);
  } catch (error) {
    if (!ctx.signal.aborted) {
      ctx.log.warn('lease not written', { lease: options.name, cause: describeError(error) });
    }
    return false;
  }
}

async function acquireOrRenew(
  client: Client,
  options: LeaderElectionOptions,
  observed: Observed,
  ctx: Ctx,
): Promise<boolean> {
  const { leaseDurationMs = 15_000, identity } = options;
  const now = formatMicroTime(ctx.clock.nowMs());
  const fresh = { holderIdentity: identity, leaseDurationSeconds: Math.round(leaseDurationMs / 1000), renewTime: now };
  const lease = await client.get(coordinationV1.Lease, options, ctx);
  if (lease === undefined) {
    const metadata = { namespace: options.namespace, name: options.name };
    const spec = { ...fresh, acquireTime: now, leaseTransitions: 0 };
    see(observed, await client.create(coordinationV1.Lease, { metadata, spec }, ctx), options, ctx);
    return true;
  }
  see(observed, lease, options, ctx);
  const { holderIdentity = '', leaseTransitions = 0, acquireTime } = lease.spec ?? {};
  const ours = holderIdentity === identity;
  const heldMs = ctx.clock.monotonicMs() - observed.atMs;
  const theirsMs = (lease.spec?.leaseDurationSeconds ?? 15) * 1000;
  if (!ours && holderIdentity !== '' && heldMs < theirsMs) return false;
  const spec = ours
    ? { ...lease.spec, ...fresh, acquireTime, leaseTransitions }
    : { ...lease.spec, ...fresh, acquireTime: now, leaseTransitions: leaseTransitions + 1 };
  see(observed, await client.update(coordinationV1.Lease, { ...lease, spec }, ctx), options, ctx);
  return true;
}

function see(observed: Observed, lease: Lease, options: LeaderElectionOptions, ctx: Ctx): void {
  if (observed.lease?.metadata.resourceVersion === lease.metadata.resourceVersion) return;
  const before = observed.lease?.spec?.holderIdentity;
  observed.lease = lease;
  observed.atMs = ctx.clock.monotonicMs();
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder !== before && holder !== '') options.onNewLeader?.(holder);
}

async function release(client: Client, observed: Observed, ctx: Ctx): Promise<void> {
  const { lease } = observed;
  if (lease === undefined) return;
  // The context we led under is gone; the release itself is one short request.
  const brief: Ctx = { ...ctx, signal: new AbortController().signal };
  // Left out, not empty: the server refuses an empty holder.
  const { holderIdentity: _, ...rest } = lease.spec ?? {};
  const spec = { ...rest, leaseDurationSeconds: 1 };
  try {
    await client.update(coordinationV1.Lease, { ...lease, spec }, brief);
  } catch (error) {
    if (!isReason(error, 'Conflict')) ctx.log.debug('lease not released', { cause: describeError(error) });
  }
}
