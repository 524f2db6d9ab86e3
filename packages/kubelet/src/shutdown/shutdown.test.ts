/** The machine goes down: Pods end by priority within their time, nothing new comes, and a cancellation undoes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { KUBELET_CONFIG_DEFAULTS } from '../config/kubelet-config.ts';
import { createMemoryFiles } from '../host/memory-files.ts';
import type { Verdict } from '../pods/verdict.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { groupForShutdown, shutdownPeriods, totalSeconds } from './plan-shutdown.ts';
import { createShutdownManager, type ShutdownHost } from './shutdown-manager.ts';
import { inhibitSeconds, prepareForShutdown, runLevelOf } from './shutdown-signals.ts';

const CRITICAL = 2_000_000_000;
const pod = (name: string, priority: number) => testPod(name, { priority });

test('one period with a part for critical Pods is two groups; by priority there are as many as are named', () => {
  const both = { shutdownGracePeriodMs: 30_000, shutdownGracePeriodCriticalPodsMs: 10_000 };
  const simple = shutdownPeriods({ ...KUBELET_CONFIG_DEFAULTS, ...both });
  assert.deepEqual(simple, [
    { priority: 0, shutdownGracePeriodSeconds: 20 },
    { priority: CRITICAL, shutdownGracePeriodSeconds: 10 },
  ]);
  assert.equal(totalSeconds(simple), 30);
  assert.deepEqual(shutdownPeriods(KUBELET_CONFIG_DEFAULTS), []);
});

test('a Pod goes with the highest priority that is not above its own, or the lowest there is', () => {
  const periods = [10, 100, 1000].map((priority) => ({ priority, shutdownGracePeriodSeconds: priority }));
  const members = [1, 10, 99, 100, 999, 1000, 5000].map((priority) => ({ pod: pod(`p${priority}`, priority) }));
  const groups = groupForShutdown(periods, members);
  assert.deepEqual(
    groups.map((group) => group.members.map((member) => member.pod.metadata.name)),
    [
      ['p1', 'p10', 'p99'],
      ['p100', 'p999'],
      ['p1000', 'p5000'],
    ],
  );
  assert.equal(groupForShutdown(periods, members.slice(0, 1)).length, 1);
});

function world() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = {
    ...{ signal: stop.signal, log: silentLogger, clock },
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  const told: string[] = [];
  const worker = (name: string, priority: number, endsAfterMs: number) => {
    const end = Promise.withResolvers<void>();
    return {
      pod: pod(name, priority),
      isActive: true,
      roomGivenBack: end.promise,
      fail({ graceSeconds, reason }: Verdict) {
        told.push(`${name} ${reason} ${graceSeconds}`);
        clock.setTimer(endsAfterMs, () => end.resolve());
      },
    };
  };
  const workers = [worker('web', 0, 3_000), worker('stubborn', 0, 100_000), worker('dns', CRITICAL, 1_000)];
  let signal: (isGoingDown: boolean) => Promise<void> = async () => {};
  const host: ShutdownHost = {
    watch: (seconds, onShutdown) => {
      told.push(`delay ${seconds}`);
      signal = onShutdown;
      return new Promise((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
  const files = createMemoryFiles();
  const both = { shutdownGracePeriodMs: 30_000, shutdownGracePeriodCriticalPodsMs: 10_000 };
  const manager = createShutdownManager({
    ...{ periods: shutdownPeriods({ ...KUBELET_CONFIG_DEFAULTS, ...both }), host, files, dir: '/data' },
    workers: () => workers,
    tell: (message) => void told.push(message),
    onChange: () => void told.push(`going down: ${manager.isShuttingDown}`),
    times: (start, end) => void told.push(`times ${start > 0} ${end > 0}`),
  });
  return { clock, ctx, told, files, manager, stop: () => stop.abort(), shutDown: (down: boolean) => signal(down) };
}

test('lesser Pods first, critical ones when these are gone or out of time; nothing new is taken', async () => {
  const { clock, ctx, told, files, manager, stop, shutDown } = world();
  await files.mkdir('/data', 0o755);
  const done = manager.run(ctx);
  await clock.advance(0);
  assert.equal(manager.gate(pod('new', 0)), undefined);
  const ended = shutDown(true);
  await clock.advance(5_000);
  assert.deepEqual(told, [
    ...['delay 30', 'Shutdown manager detected shutdown event', 'going down: true', 'times true false'],
    ...['web Terminated 20', 'stubborn Terminated 20'],
  ]);
  assert.equal(manager.gate(pod('new', 0))?.reason, 'NodeShutdown');
  await clock.advance(15_000);
  assert.equal(told.at(-1), 'dns Terminated 10');
  await clock.advance(1_000);
  await ended;
  assert.equal(told.at(-1), 'times true true');
  await shutDown(false);
  assert.equal(manager.gate(pod('new', 0)), undefined);
  stop();
  await clock.advance(2_000);
  await done;
});

test('signals of init systems are read, and other lines are not', () => {
  assert.equal(inhibitSeconds('t 5000000\n'), 5);
  assert.equal(inhibitSeconds('Failed to get property'), undefined);
  const signal = { type: 'signal', member: 'PrepareForShutdown', payload: { type: 'b', data: [true] } };
  assert.equal(prepareForShutdown(JSON.stringify(signal)), true);
  assert.equal(prepareForShutdown(JSON.stringify({ ...signal, member: 'SessionNew' })), undefined);
  assert.equal(prepareForShutdown('Monitoring bus message stream.'), undefined);
  const utmp = new Uint8Array(3 * 384);
  const view = new DataView(utmp.buffer);
  for (const [i, type, level] of [
    [0, 1, '2'],
    [1, 7, '9'],
    [2, 1, '0'],
  ] as const) {
    view.setInt16(i * 384, type, true);
    view.setInt32(i * 384 + 4, level.charCodeAt(0), true);
  }
  assert.equal(runLevelOf(utmp), '0');
  assert.equal(runLevelOf(new Uint8Array(10)), undefined);
});
