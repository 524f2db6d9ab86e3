/** The drop-in's flags as upstream's users write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleSchedulerFlags, parseSchedulerFlags, schedulerFlagsHelp } from './flags.ts';

test('takes every way of writing a flag; the last value wins', () => {
  const flags = parseSchedulerFlags(['--config=a', '--config', 'b', '--leader-elect=false', '--profiling', '-v=2']);
  assert.equal(flags.get('config'), 'b');
  assert.equal(flags.get('leader-elect'), 'false');
  assert.deepEqual(idleSchedulerFlags(flags), ['profiling', 'v']);
});

test('refuses what it does not know, in upstream’s words', () => {
  assert.throws(() => parseSchedulerFlags(['--confg=x']), /unknown flag: --confg/);
  assert.throws(() => parseSchedulerFlags(['run']), /unknown command "run" for "kube-scheduler"/);
  assert.throws(() => parseSchedulerFlags(['--config']), /flag needs an argument: --config/);
});

test('its help leads with examples', () => {
  assert.match(schedulerFlagsHelp(), /Examples:\n {2}kapella kube-scheduler --kubeconfig/);
});
