/** Makes faults of a plan happen. Each is over after its time; none outlasts the plan. */
import { ApiError } from '@kapella/base';
import type { Fault, RequestView } from '../network.ts';
import type { FaultStep } from './plan.ts';
import { COMPONENTS, type World } from './world.ts';

const LATENCY_MS_MAX = 3_000;
const SKEW_MS_MAX = 60_000;
const DISK_MS_MAX = 2_000;
const DOWN_MS_MIN = 500;
const LAG_MS_MAX = 5_000;
/** A write takes some tens of turns from its arrival to its answer. */
const TICKS_MAX = 97;

/** Begins the fault now. */
export function beginFault(step: FaultStep, world: World): void {
  world.log(`fault ${step.fault} ${step.target} for ${step.forMs} ms amount ${step.amount}`);
  const calm = world.disturb();
  const end = FAULTS[step.fault](step, world);
  world.clock.setTimer(step.forMs, () => {
    world.log(`fault ${step.fault} ${step.target} over`);
    end();
    calm();
  });
}

type Begin = (step: FaultStep, world: World) => () => void;

const share = (amount: number) => 0.05 + amount * 0.3;
const network =
  (fault: (step: FaultStep) => Fault): Begin =>
  (step, world) =>
    world.network.add(fault(step));

const FAULTS: Readonly<Record<FaultStep['fault'], Begin>> = {
  latency: network(({ amount }) => ({ delayMs: amount * LATENCY_MS_MAX, share: 0.5 })),
  'lose-requests': network(({ amount }) => ({ lose: 'request', share: share(amount) })),
  'lose-answers': network(({ amount }) => ({ lose: 'answer', share: share(amount), when: isWrite })),
  'server-errors': network(({ amount }) => ({
    answer: new ApiError('InternalError', 'planned by the simulation'),
    share: share(amount),
  })),
  'cut-watches': network(({ amount }) => ({ cutAfterMs: amount * 5_000, when: ({ isWatch }) => isWatch })),
  'stale-reads': (_step, world) => {
    // As another server behind the same address would: what it serves is as old as its last event.
    world.network.dropWatches();
    return world.network.add({
      delayMs: 2_000,
      share: 0.7,
      when: ({ isWatch, method }) => isWatch || method === 'GET',
    });
  },
  partition(step, world) {
    const name = world.networkName(step.target);
    world.network.partition(name);
    return () => world.network.heal(name);
  },
  'drop-watches'(_step, world) {
    world.network.dropWatches();
    return nothing;
  },
  compact(_step, world) {
    world.compact();
    world.network.dropWatches();
    return nothing;
  },
  'api-crash'(_step, world) {
    world.crashApi();
    return () => restartApi(world);
  },
  'api-crash-mid-write'({ amount }, world) {
    const count = 1 + Math.floor(amount * 50);
    world.disk.crashAtAppend(count, (amount * 1000) % 2 < 1, () => {
      world.note('fault');
      world.crashApi();
      world.clock.setTimer(DOWN_MS_MIN, () => restartApi(world));
    });
    return nothing;
  },
  'component-crash'(step, world) {
    const name = componentOf(step);
    world.crashComponent(name);
    return () => world.startComponent(name);
  },
  'component-crash-mid-request'(step, world) {
    const name = componentOf(step);
    let left = 1 + Math.floor(step.amount * 30);
    let hasCrashed = false;
    const before = world.network.onAnswer;
    const incarnation = world.networkName(name);
    world.network.onAnswer = (view, status, tookMs) => {
      before?.(view, status, tookMs);
      if (hasCrashed || !isWrite(view) || !isOf(name, view) || --left > 0) return;
      hasCrashed = true;
      // Carried out, but whoever asked never hears of it.
      if (world.networkName(name) === incarnation) world.crashComponent(name);
      world.clock.setTimer(DOWN_MS_MIN, () => world.startComponent(name));
    };
    return () => {
      world.network.onAnswer = before;
    };
  },
  'lagging-watches'({ amount }, world) {
    // What is open goes on as it was: everyone begins anew, and sees the past.
    const end = world.network.add({ lagMs: 500 + amount * LAG_MS_MAX, when: ({ isWatch }) => isWatch });
    world.network.dropWatches();
    return () => {
      end();
      world.network.dropWatches();
    };
  },
  'late-answers': network(({ amount }) => ({ lateMs: amount * LATENCY_MS_MAX, share: 0.5 })),
  'repeated-reads': network(() => ({ twice: true, when: ({ method, isWatch }) => method === 'GET' && !isWatch })),
  'api-crash-any-await'({ amount }, world) {
    let left = 1 + Math.floor(amount * 80);
    world.onRequest = () => {
      if (--left > 0) return;
      world.onRequest = undefined;
      void ticks(Math.floor(amount * 1000) % TICKS_MAX).then(() => {
        world.note('fault');
        world.crashApi();
        world.clock.setTimer(DOWN_MS_MIN, () => restartApi(world));
      });
    };
    return () => {
      world.onRequest = undefined;
    };
  },
  'component-crash-any-await'(step, world) {
    const name = componentOf(step);
    const incarnation = world.networkName(name);
    let left = 1 + Math.floor(step.amount * 60);
    world.onRequest = (view) => {
      if (!isOf(name, view) || --left > 0) return;
      world.onRequest = undefined;
      void ticks(Math.floor(step.amount * 1000) % TICKS_MAX).then(() => {
        if (world.networkName(name) === incarnation) world.crashComponent(name);
        world.clock.setTimer(DOWN_MS_MIN, () => world.startComponent(name));
      });
    };
    return () => {
      world.onRequest = undefined;
    };
  },
  'node-agent-restart'({ target }, world) {
    world.fleet.restart(target).catch((error: unknown) => world.violate('no-component-fails', `${target}: ${error}`));
    return nothing;
  },
  'slow-disk'({ amount }, world) {
    world.disk.latencyMaxMs = amount * DISK_MS_MAX;
    return () => {
      world.disk.latencyMaxMs = 0;
    };
  },
  'full-disk'({ amount }, world) {
    world.disk.failuresLeft = 1 + Math.floor(amount * 10);
    return () => {
      world.disk.failuresLeft = 0;
    };
  },
  'clock-skew'(step, world) {
    const name = componentOf(step);
    world.skewMs.set(name, (step.amount - 0.5) * 2 * SKEW_MS_MAX);
    return () => world.skewMs.delete(name);
  },
};

const ticks = async (count: number) => {
  for (let i = 0; i < count; i++) await undefined;
};

const nothing = () => {};
const isWrite = ({ method }: RequestView) => method !== 'GET';

function componentOf({ target }: FaultStep): string {
  return (COMPONENTS as readonly string[]).includes(target) ? target : 'kube-controller-manager';
}

function isOf(component: string, { user }: RequestView): boolean {
  return component === 'kube-scheduler'
    ? user.username === 'system:kube-scheduler'
    : user.username.startsWith('system:serviceaccount:kube-system:');
}

function restartApi(world: World): void {
  world.startApi().catch((error: unknown) => world.violate('no-component-fails', `api: ${error}`));
}
