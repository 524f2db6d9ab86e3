/** What falls is raised, once, with growing pauses, and never against a command that is at work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ctx, createVirtualClock, silentLogger } from '@kapella/base';
import type { Part } from './bring-up.ts';
import { keepAlive } from './keep-alive.ts';

function stage(fallen: () => boolean, onStart: () => void, locked = () => false) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const random = { float: () => 0, bytes: (n: number) => new Uint8Array(n), uuid: () => '' };
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random };
  const part: Part = {
    name: 'server',
    text: 'server',
    isRunning: async () => !fallen(),
    start: async () => onStart(),
    ready: async () => '',
    stop: async () => {},
  };
  const done = keepAlive(
    {
      parts: [part],
      hasFallen: async () => fallen(),
      exclusively: async (work) => (locked() ? Promise.reject(new Error('at work')) : work()),
    },
    ctx,
  );
  const end = async () => {
    stop.abort();
    await clock.advance(0);
    await done;
  };
  return { clock, end };
}

test('what was killed runs again within about a second', async () => {
  let alive = false;
  let starts = 0;
  const { clock, end } = stage(
    () => !alive,
    () => {
      starts++;
      alive = true;
    },
  );
  await clock.advance(1_000);
  assert.equal(starts, 1);
  await clock.advance(10_000);
  assert.equal(starts, 1);
  alive = false;
  await clock.advance(180_000);
  assert.equal(starts, 2);
  await end();
});

test('what falls at once is tried ever more seldom', async () => {
  let starts = 0;
  const { clock, end } = stage(
    () => true,
    () => starts++,
  );
  await clock.advance(60_000);
  assert.ok(starts >= 4 && starts <= 8, `${starts} starts in a minute`);
  const before = starts;
  await clock.advance(600_000);
  assert.ok(starts - before <= 11, `${starts - before} starts in ten minutes`);
  await end();
});

test('nothing is started while a command is at work', async () => {
  let starts = 0;
  let isLocked = true;
  const { clock, end } = stage(
    () => starts === 0,
    () => starts++,
    () => isLocked,
  );
  await clock.advance(5_000);
  assert.equal(starts, 0);
  isLocked = false;
  await clock.advance(2_000);
  assert.equal(starts, 1);
  await end();
});
