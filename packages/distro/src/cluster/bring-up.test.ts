/** The flow of `up` over a machine that is made up: order, questions, and what is left when something fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ctx, createVirtualClock, silentLogger } from '@kapella/base';
import { CliError, createReporter } from '@kapella/cli';
import type { DoctorResult } from '../host/doctor.ts';
import type { HostStep } from '../host/step.ts';
import { type BringUpOptions, bringUp, type Machine, type Part, type PartName } from './bring-up.ts';

interface Fake {
  running?: readonly PartName[];
  further?: number;
  failing?: PartName;
  findings?: readonly DoctorResult[];
  missingPackage?: boolean;
  answer?: boolean;
  mayAsk?: boolean;
}

async function play(fake: Fake) {
  const events: string[] = [];
  const part = (name: PartName): Part => ({
    name,
    text: name,
    isRunning: async () => fake.running?.includes(name) === true,
    start: async () => void events.push(`start ${name}`),
    async ready() {
      if (fake.failing === name) throw new CliError('Runtime', `${name} broke`, 'mend it');
      events.push(`ready ${name}`);
      return 'ok';
    },
    stop: async () => void events.push(`stop ${name}`),
  });
  const install: HostStep = {
    name: 'debian-packages',
    why: 'they are needed',
    check: async () => fake.missingPackage !== true,
    plan: async () => ['apt-get install x'],
    apply: async () => void events.push('install'),
  };
  const machine: Machine = {
    findings: async () => fake.findings ?? [],
    steps: [install],
    parts: { containerd: part('containerd'), server: part('server'), node: part('node') },
    further: Array.from({ length: fake.further ?? 0 }, (_, i) => ({
      containerd: part(`containerd-${i + 2}`),
      node: part(`node-${i + 2}`),
    })),
    keysWritten: async () => void events.push('keys'),
  };
  const options: BringUpOptions = {
    mayAsk: fake.mayAsk === true,
    wait: true,
    beforeStart: async () => void events.push('save'),
    async ask(question) {
      events.push(`ask ${question.trim()}`);
      return fake.answer === true;
    },
  };
  let text = '';
  const reporter = createReporter({ json: false, isTerminal: false, write: (t) => (text += t), monotonicMs: () => 0 });
  const random = { float: () => 0, bytes: (n: number) => new Uint8Array(n), uuid: () => '' };
  const ctx: Ctx = { signal: new AbortController().signal, log: silentLogger, clock: createVirtualClock(), random };
  const outcome = await bringUp(machine, options, reporter, ctx).then(
    (started) => ({ started }),
    (error: Error) => ({ error }),
  );
  return { events, text, ...outcome } as {
    events: string[];
    text: string;
    started?: readonly PartName[];
    error?: CliError;
  };
}

test('starts runtime and server at once, the node when the runtime and its keys are there', async () => {
  const { events, started } = await play({});
  assert.deepEqual(started, ['containerd', 'server', 'node']);
  assert.deepEqual(events.slice(0, 3), ['save', 'start containerd', 'start server']);
  const at = (event: string) => events.indexOf(event);
  assert.ok(at('start node') > at('ready containerd') && at('start node') > at('keys'));
  assert.ok(at('ready node') > at('ready server'));
});

test('further nodes come when the server is there, and go with a start that fails', async () => {
  const { events, started } = await play({ further: 2 });
  assert.deepEqual(started, ['containerd', 'server', 'node', 'containerd-2', 'node-2', 'containerd-3', 'node-3']);
  const at = (event: string) => events.indexOf(event);
  assert.ok(at('start node-3') > at('ready containerd-3') && at('start node-3') > at('ready server'));
  const failed = await play({ further: 1, failing: 'node-2' });
  const stops = failed.events.filter((event) => event.startsWith('stop'));
  assert.deepEqual(stops, ['stop node-2', 'stop containerd-2', 'stop node', 'stop server', 'stop containerd']);
});

test('when all run, looks only whether they are ready', async () => {
  const fatal: DoctorResult = { name: 'disk', status: 'fail', detail: 'full', fix: 'free some' };
  const { events, started } = await play({ running: ['containerd', 'server', 'node'], findings: [fatal] });
  assert.deepEqual(started, []);
  assert.ok(!events.some((event) => event.startsWith('start')));
  assert.ok(events.includes('ready node'));
});

test('starts only what does not run', async () => {
  const { events, started } = await play({ running: ['containerd', 'server'] });
  assert.deepEqual(started, ['node']);
  assert.deepEqual(
    events.filter((event) => event.startsWith('start')),
    ['start node'],
  );
});

test('a failure stops what this call started and nothing else', async () => {
  const { events, error } = await play({ running: ['containerd'], failing: 'node' });
  assert.equal(error?.message, 'node broke');
  assert.deepEqual(
    events.filter((event) => event.startsWith('stop')),
    ['stop node', 'stop server'],
  );
});

test('a machine that is not fit is not touched', async () => {
  const fatal: DoctorResult = { name: 'port-6443', status: 'fail', detail: 'in use by nginx', fix: 'ss -ltnp' };
  const { events, error } = await play({ findings: [fatal], missingPackage: true });
  assert.equal(error?.family, 'Host');
  assert.equal(error?.message, 'port-6443: in use by nginx');
  assert.equal(error?.fix, 'ss -ltnp');
  assert.deepEqual(events, []);
});

test('missing packages are no reason to stop: they are shown with why, and installed', async () => {
  const missing: DoctorResult = { name: 'packages', status: 'fail', detail: 'missing: x', fix: 'apt-get' };
  const { events, text } = await play({ findings: [missing], missingPackage: true });
  assert.match(text, /debian-packages: they are needed\n {4}apt-get install x/);
  assert.equal(events[0], 'install');
  assert.ok(!events.some((event) => event.startsWith('ask')));
});

test('asks on a terminal, and a no changes nothing', async () => {
  const { events, error } = await play({ missingPackage: true, mayAsk: true, answer: false });
  assert.deepEqual(events, ['ask Do this now? [Y/n]']);
  assert.equal(error?.family, 'Failed');
  assert.ok((await play({ missingPackage: true, mayAsk: true, answer: true })).events.includes('install'));
  assert.ok(!(await play({ mayAsk: true })).events.some((event) => event.startsWith('ask')), 'nothing to ask for');
});
