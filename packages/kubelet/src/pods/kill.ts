/** Ends containers: hook, signal, grace period, in the right order. Source: kuberuntime_container.go, …_termination_order.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import { childCtx, type Ctx, describeError } from '@kapella/base';
import { graceSeconds } from '../lifecycle/activity.ts';
import { findContainer, isSidecar, type ObservedContainer, type ObservedPod } from '../lifecycle/observed.ts';
import type { Kill, KillReason } from '../lifecycle/plan.ts';
import type { PodDeps } from './deps.ts';
import { podEvents } from './events.ts';
import { runHook } from './hooks.ts';

const GRACE_SECONDS_MIN = 1;

export interface KillInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly podIp: string;
  /** The agent's own limit, in seconds. */
  readonly graceOverride?: number;
  /** Containers whose hook has been started already: it is not run twice. */
  readonly hooked: Set<string>;
}

/** All that may run, sidecars after main containers. Settles when all are gone. */
export async function killAll(input: KillInput, deps: PodDeps, ctx: Ctx): Promise<void> {
  const victims = input.observed.containers.filter(({ state }) => state === 'running' || state === 'unknown');
  const order = terminationOrder(input.pod, victims);
  await settleAll(
    victims.map(async ({ id, name }) => {
      await killOne(input, { containerId: id, name, message: '', reason: 'Unknown' }, deps, ctx, (graceMs) =>
        order.turn(name, graceMs, ctx),
      );
      order.ended(name);
    }),
  );
}

async function settleAll(tasks: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

export async function killOne(
  input: KillInput,
  kill: Kill,
  deps: PodDeps,
  ctx: Ctx,
  waitForTurn: (graceMs: number) => Promise<void> = async () => {},
): Promise<void> {
  const { pod } = input;
  const event = podEvents(deps.recorder, pod);
  const again = input.hooked.has(kill.containerId);
  if (!again) event('Normal', 'Killing', kill.message || `Stopping container ${kill.name}`, kill.name);
  const totalMs = graceOf(pod, kill.name, kill.reason, input.graceOverride) * 1000;
  const startMs = ctx.clock.monotonicMs();
  const leftMs = () => totalMs - (ctx.clock.monotonicMs() - startMs);
  input.hooked.add(kill.containerId);
  if (!again) await preStop(input, kill, totalMs, deps, ctx);
  if (leftMs() > 0) await waitForTurn(leftMs());
  const seconds = Math.max(GRACE_SECONDS_MIN, Math.ceil(leftMs() / 1000));
  await deps.cri.stopContainer(kill.containerId, seconds, ctx);
}

function graceOf(pod: Pod, name: string, reason: KillReason, override: number | undefined): number {
  const container = findContainer(pod.spec, name)?.container;
  const probe = reason === 'LivenessProbe' ? container?.livenessProbe : container?.startupProbe;
  const own = probe?.terminationGracePeriodSeconds;
  const byProbe = (reason === 'LivenessProbe' || reason === 'StartupProbe') && own !== undefined;
  if (byProbe && pod.metadata.deletionGracePeriodSeconds === undefined) return Math.max(own, GRACE_SECONDS_MIN);
  return graceSeconds(pod, override);
}

/** Runs at most as long as the grace period; its failure stops nothing. */
async function preStop(input: KillInput, kill: Kill, graceMs: number, deps: PodDeps, ctx: Ctx): Promise<void> {
  const { pod, podIp } = input;
  const container = findContainer(pod.spec, kill.name)?.container;
  const handler = container?.lifecycle?.preStop;
  if (container === undefined || handler === undefined || graceMs <= 0) return;
  const timeOut = new AbortController();
  const timer = ctx.clock.setTimer(graceMs, () => timeOut.abort());
  const call = { cri: deps.cri, http: deps.httpHook, pod, container, containerId: kill.containerId, podIp };
  try {
    await runHook(handler, call, childCtx(ctx, timeOut.signal));
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (timeOut.signal.aborted) return;
    ctx.log.info('preStop hook failed', { container: kill.name, error: describeError(error) });
    podEvents(deps.recorder, pod)('Warning', 'FailedPreStopHook', 'PreStopHook failed', kill.name);
  } finally {
    timer.cancel();
  }
}

interface Order {
  /** Resolves when all that must go first are gone, or after `graceMs`. */
  turn(name: string, graceMs: number, ctx: Ctx): Promise<void>;
  ended(name: string): void;
}

/** A sidecar waits for all main containers and for the sidecars that were started after it. */
function terminationOrder(pod: Pod, victims: readonly ObservedContainer[]): Order {
  const alive = new Set(victims.map(({ name }) => name));
  const waiting = new Set<() => void>();
  const mains = pod.spec.containers.map(({ name }) => name);
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const before = (name: string): readonly string[] => {
    const at = sidecars.indexOf(name);
    return at < 0 ? [] : [...mains, ...sidecars.slice(at + 1)];
  };
  return {
    async turn(name, graceMs, ctx) {
      const prerequisites = before(name);
      const ready = () => !prerequisites.some((other) => alive.has(other));
      if (ready()) return;
      await new Promise<void>((resolve, reject) => {
        const finish = (settle: () => void) => {
          waiting.delete(check);
          timer.cancel();
          ctx.signal.removeEventListener('abort', onAbort);
          settle();
        };
        const check = () => ready() && finish(resolve);
        const onAbort = () => finish(() => reject(ctx.signal.reason));
        const timer = ctx.clock.setTimer(graceMs, () => finish(resolve));
        ctx.signal.addEventListener('abort', onAbort, { once: true });
        waiting.add(check);
      });
    },
    ended(name) {
      alive.delete(name);
      for (const check of [...waiting]) check();
    },
  };
}
