/** Garbage is collected when there is some and nothing else to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { collectWhenQuiet } from './quiet-garbage.ts';

test('once after a burst, not while it lasts, and not again for little', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = {
    ...{ signal: stop.signal, log: silentLogger, clock },
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  const machine = { usedBytes: 30e6, cpuMs: 0, collections: 0 };
  const done = collectWhenQuiet(
    {
      usedBytes: () => machine.usedBytes,
      cpuMs: () => machine.cpuMs,
      collect() {
        machine.collections++;
        machine.usedBytes = 25e6;
      },
    },
    ctx,
  );
  machine.cpuMs = 4_000;
  await clock.advance(10_000);
  assert.equal(machine.collections, 0);
  await clock.advance(10_000);
  assert.equal(machine.collections, 1);
  machine.usedBytes = 28e6;
  await clock.advance(60_000);
  assert.equal(machine.collections, 1);
  machine.usedBytes = 30e6;
  await clock.advance(10_000);
  assert.equal(machine.collections, 2);
  machine.usedBytes = 100e6;
  await clock.advance(10_000);
  assert.equal(machine.collections, 2);
  stop.abort(new Error('enough'));
  await clock.advance(10_000);
  await done;
});
