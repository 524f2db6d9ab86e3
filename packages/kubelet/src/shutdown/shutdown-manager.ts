/** Ends the Pods of a machine that is told to go down, while its init system waits. Source: kubernetes pkg/kubelet/nodeshutdown. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, formatTime, sleep } from '@kapella/base';
import type { ShutdownPeriod } from '../config/kubelet-config.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { AdmissionGate } from '../pods/pod-manager.ts';
import type { Verdict } from '../pods/verdict.ts';
import { groupForShutdown, type ShutdownGroup, totalSeconds } from './plan-shutdown.ts';

const STATE_FILE = 'graceful_node_shutdown_state';
const WATCH_AGAIN_MS = 1_000;
const REFUSED = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' } as const;
const VERDICT = {
  reason: 'Terminated',
  message: 'Pod was terminated in response to imminent node shutdown.',
  disruption: true,
} as const;

/** What tells of the machine's end, and can hold it up. */
export interface ShutdownHost {
  /**
   * Asks for `delaySeconds`, then tells of each change: true = the machine goes down as soon as the promise is settled,
   * false = not after all. Settles when nobody can tell any more; rejects when nobody could.
   */
  watch(delaySeconds: number, onShutdown: (isGoingDown: boolean) => Promise<void>, ctx: Ctx): Promise<void>;
}

export interface ShutdownWorker {
  readonly pod: Pod;
  readonly isActive: boolean;
  /** Settles when nothing of the Pod runs and its volumes are unmounted. */
  readonly roomGivenBack: Promise<void>;
  fail(verdict: Verdict): void;
}

export interface ShutdownDeps {
  readonly periods: readonly ShutdownPeriod[];
  readonly host: ShutdownHost;
  readonly files: HostFiles;
  /** Of the agent: when the last graceful shutdown began and ended is kept there. */
  readonly dir: string;
  workers(): readonly ShutdownWorker[];
  /** An event of the node. */
  tell(message: string): void;
  /** The node is, or is no longer, going down. */
  onChange(): void;
  /** Seconds since 1970; 0 = not yet. */
  readonly times?: (startSeconds: number, endSeconds: number) => void;
}

export interface ShutdownManager {
  readonly isShuttingDown: boolean;
  readonly gate: AdmissionGate;
  run(ctx: Ctx): Promise<void>;
}

export function createShutdownManager(deps: ShutdownDeps): ShutdownManager {
  const { periods, host, files, dir } = deps;
  let isShuttingDown = false;

  const keepTimes = async (startMs: number, endMs: number | undefined): Promise<void> => {
    deps.times?.(Math.floor(startMs / 1000), Math.floor((endMs ?? 0) / 1000));
    const state = { startTime: formatTime(startMs), endTime: formatTime(endMs ?? 0) };
    await files.write(`${dir}/.${STATE_FILE}`, JSON.stringify(state), 0o644);
    await files.rename(`${dir}/.${STATE_FILE}`, `${dir}/${STATE_FILE}`);
  };
  const tryKeepTimes = (startMs: number, endMs: number | undefined, ctx: Ctx) =>
    keepTimes(startMs, endMs).catch((error: unknown) => {
      ctx.log.warn('times of the shutdown not kept', { error: describeError(error) });
    });

  const onShutdown = async (isGoingDown: boolean, ctx: Ctx): Promise<void> => {
    isShuttingDown = isGoingDown;
    deps.tell(`Shutdown manager detected shutdown ${isGoingDown ? 'event' : 'cancellation'}`);
    deps.onChange();
    if (!isGoingDown) return;
    const startMs = ctx.clock.nowMs();
    await tryKeepTimes(startMs, undefined, ctx);
    const active = deps.workers().filter((worker) => worker.isActive);
    for (const group of groupForShutdown(periods, active)) await endGroup(group, ctx);
    await tryKeepTimes(startMs, ctx.clock.nowMs(), ctx);
  };

  return {
    get isShuttingDown() {
      return isShuttingDown;
    },
    gate: () => (isShuttingDown ? REFUSED : undefined),
    async run(ctx) {
      if (periods.length === 0) return;
      await showLast(deps, ctx);
      while (!ctx.signal.aborted) {
        await host
          .watch(totalSeconds(periods), (isGoingDown) => onShutdown(isGoingDown, ctx), ctx)
          .catch((error: unknown) => {
            if (!ctx.signal.aborted) ctx.log.warn('shutdown is not watched', { error: describeError(error) });
          });
        await sleep(WATCH_AGAIN_MS, ctx).catch(() => {});
      }
    },
  };
}

/** Waits for all of them, as long as they may take together. */
async function endGroup({ graceSeconds, members }: ShutdownGroup<ShutdownWorker>, ctx: Ctx): Promise<void> {
  for (const worker of members) worker.fail({ ...VERDICT, graceSeconds });
  const enough = new AbortController();
  const ended = Promise.all(members.map(({ roomGivenBack }) => roomGivenBack)).then(() => enough.abort());
  await sleep(graceSeconds * 1000, { ...ctx, signal: AbortSignal.any([ctx.signal, enough.signal]) }).catch(() => {});
  if (enough.signal.aborted) await ended;
}

async function showLast({ files, dir, times }: ShutdownDeps, ctx: Ctx): Promise<void> {
  const bytes = await files.read(`${dir}/${STATE_FILE}`);
  if (bytes === undefined) return;
  try {
    const { startTime, endTime } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>;
    times?.(Date.parse(startTime ?? '') / 1000 || 0, Date.parse(endTime ?? '') / 1000 || 0);
  } catch (error) {
    ctx.log.warn('times of the last shutdown not read', { error: describeError(error) });
  }
}
