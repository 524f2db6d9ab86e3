/** What is done in which situation: one line each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '@kapella/api/types/core-v1';
import type { ProbeResult } from '../prober.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { containerHash } from './labels.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observed.ts';
import { planPod } from './plan.ts';

/** `main:running`, `main:exited(1)`, `init:exited(0,OOMKilled)`, `main:unknown`; newest first. */
function container(text: string, pod: Pod): ObservedContainer {
  const match = /^([\w-]+):(\w+)(?:\((\d+)(?:,(\w+))?\))?(!)?$/.exec(text);
  assert.ok(match, text);
  const [, name = '', state = '', code = '0', reason = '', changed] = match;
  const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((c) => c.name === name) as Container;
  return {
    id: `${name}-id`,
    name,
    state: state as ObservedContainer['state'],
    hash: changed ? 'other' : containerHash(spec),
    restartCount: 0,
    createdAtMs: 1,
    startedAtMs: 1,
    finishedAtMs: 2,
    exitCode: Number(code),
    reason,
    message: '',
    image: '',
    imageRef: '',
    logPath: '',
    sandboxId: 's1',
  };
}

const sandbox = (more: Partial<ObservedSandbox> = {}): ObservedSandbox => ({
  id: 's1',
  attempt: 0,
  ready: true,
  hostNetwork: false,
  ips: ['10.0.0.1'],
  ...more,
});

const image = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'app:1', ...more });
const sidecar = (name: string, more: Partial<Container> = {}) => image(name, { restartPolicy: 'Always', ...more });
const probe = { exec: { command: ['true'] } };

interface Row {
  readonly when: string;
  readonly spec?: Partial<PodSpec>;
  readonly meta?: object;
  readonly sandboxes?: readonly ObservedSandbox[];
  readonly has: readonly string[];
  /** `main/liveness=failure` */
  readonly probes?: readonly string[];
  /** `sandbox`, `killPod`, `kill main`, `init a`, `main`, `ephemeral d`; in this order. */
  readonly does: readonly string[];
}

const two = { containers: [image('a'), image('b')] };
const inits = { initContainers: [image('i'), image('j')] };
const side = { initContainers: [sidecar('s'), image('i')] };

const rows: readonly Row[] = [
  { when: 'nothing is there', has: [], sandboxes: [], does: ['killPod', 'sandbox 0', 'main main'] },
  {
    when: 'nothing is there, with init containers',
    spec: inits,
    has: [],
    sandboxes: [],
    does: ['killPod', 'sandbox 0', 'init i'],
  },
  { when: 'the sandbox is new', has: [], does: ['main main'] },
  { when: 'several containers', spec: two, has: [], does: ['main a', 'main b'] },
  { when: 'it runs', has: ['main:running'], does: [] },
  { when: 'one of two has ended, Always', spec: two, has: ['a:running', 'b:exited(0)'], does: ['main b'] },
  {
    when: 'one of two has ended well, OnFailure',
    spec: { ...two, restartPolicy: 'OnFailure' },
    has: ['a:running', 'b:exited(0)'],
    does: [],
  },
  {
    when: 'one of two has failed, OnFailure',
    spec: { ...two, restartPolicy: 'OnFailure' },
    has: ['a:running', 'b:exited(1)'],
    does: ['main b'],
  },
  {
    when: 'one of two has failed, Never',
    spec: { ...two, restartPolicy: 'Never' },
    has: ['a:running', 'b:exited(1)'],
    does: [],
  },
  {
    when: 'all have ended, Never',
    spec: { ...two, restartPolicy: 'Never' },
    has: ['a:exited(0)', 'b:exited(1)'],
    does: ['killPod'],
  },
  {
    when: 'all have ended well, OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    has: ['main:exited(0)'],
    does: ['killPod'],
  },
  {
    when: 'a rule restarts this exit code',
    spec: {
      restartPolicy: 'Never',
      containers: [
        image('main', {
          restartPolicy: 'Never',
          restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        }),
      ],
    },
    has: ['main:exited(42)'],
    does: ['main main'],
  },
  {
    when: 'a rule does not fit this exit code',
    spec: {
      restartPolicy: 'Never',
      containers: [
        image('main', {
          restartPolicy: 'Never',
          restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        }),
      ],
    },
    has: ['main:exited(1)'],
    does: ['killPod'],
  },
  { when: 'the state is unknown', has: ['main:unknown'], does: ['kill main', 'main main'] },
  { when: 'it was only created', has: ['main:created'], does: ['main main'] },
  { when: 'the image was changed', has: ['main:running!'], does: ['kill main', 'main main'] },
  {
    when: 'liveness fails',
    spec: { containers: [image('main', { livenessProbe: probe })] },
    has: ['main:running'],
    probes: ['main/liveness=failure'],
    does: ['kill main', 'main main'],
  },
  {
    when: 'liveness fails, Never',
    spec: { restartPolicy: 'Never', containers: [image('main', { livenessProbe: probe })] },
    has: ['main:running'],
    probes: ['main/liveness=failure'],
    does: ['killPod', 'kill main'],
  },
  {
    when: 'startup fails',
    spec: { containers: [image('main', { startupProbe: probe })] },
    has: ['main:running'],
    probes: ['main/startup=failure'],
    does: ['kill main', 'main main'],
  },
  {
    when: 'a failure is of a probe that is not there',
    has: ['main:running'],
    probes: ['main/liveness=failure'],
    does: [],
  },
  { when: 'the first init container runs', spec: inits, has: ['i:running'], does: [] },
  { when: 'the first init container is done', spec: inits, has: ['i:exited(0)'], does: ['init j'] },
  { when: 'the first init container has failed, Always', spec: inits, has: ['i:exited(1)'], does: ['init i'] },
  {
    when: 'the first init container has failed, Never',
    spec: { ...inits, restartPolicy: 'Never' },
    has: ['i:exited(1)'],
    does: ['killPod'],
  },
  {
    when: 'an init container was killed for its memory but says 0',
    spec: inits,
    has: ['i:exited(0,OOMKilled)'],
    does: ['init i'],
  },
  { when: 'all init containers are done', spec: inits, has: ['j:exited(0)', 'i:exited(0)'], does: ['main main'] },
  { when: 'init containers were forgotten while main runs', spec: inits, has: ['main:running'], does: [] },
  {
    when: 'init containers stay done when main ends',
    spec: inits,
    has: ['main:exited(1)', 'j:exited(0)', 'i:exited(0)'],
    does: ['main main'],
  },
  { when: 'a sidecar runs: the next starts', spec: side, has: ['s:running'], does: ['init i'] },
  {
    when: 'a sidecar has not started up yet',
    spec: { initContainers: [sidecar('s', { startupProbe: probe }), image('i')] },
    has: ['s:running'],
    does: [],
  },
  {
    when: 'a sidecar has started up',
    spec: { initContainers: [sidecar('s', { startupProbe: probe }), image('i')] },
    has: ['s:running'],
    probes: ['s/startup=success'],
    does: ['init i'],
  },
  { when: 'a sidecar has ended while init runs', spec: side, has: ['i:running', 's:exited(0)'], does: ['init s'] },
  {
    when: 'a sidecar has ended while main runs',
    spec: side,
    has: ['main:running', 'i:exited(0)', 's:exited(1)'],
    does: ['init s'],
  },
  { when: 'a sidecar is lost while main runs', spec: side, has: ['main:running', 'i:exited(0)'], does: ['init s'] },
  {
    when: 'a sidecar fails liveness',
    spec: { initContainers: [sidecar('s', { livenessProbe: probe })] },
    has: ['main:running', 's:running'],
    probes: ['s/liveness=failure'],
    does: ['kill s', 'init s'],
  },
  {
    when: 'main has ended for good, a sidecar runs',
    spec: { ...side, restartPolicy: 'Never' },
    has: ['main:exited(0)', 'i:exited(0)', 's:running'],
    does: ['killPod'],
  },
  {
    when: 'the last init container is a sidecar that runs',
    spec: { initContainers: [sidecar('s')] },
    has: ['s:running'],
    does: ['main main'],
  },
  {
    when: 'the sandbox is dead',
    has: ['main:exited(137)'],
    sandboxes: [sandbox({ ready: false })],
    does: ['killPod', 'sandbox 1', 'main main'],
  },
  {
    when: 'the sandbox is dead, Never',
    spec: { restartPolicy: 'Never' },
    has: ['main:exited(137)'],
    sandboxes: [sandbox({ ready: false })],
    does: ['killPod'],
  },
  {
    when: 'the sandbox is dead, all done, OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    has: ['main:exited(0)'],
    sandboxes: [sandbox({ ready: false })],
    does: ['killPod'],
  },
  {
    when: 'the sandbox is dead, one of two done, OnFailure',
    spec: { ...two, restartPolicy: 'OnFailure' },
    has: ['a:exited(0)', 'b:exited(1)'],
    sandboxes: [sandbox({ ready: false })],
    does: ['killPod', 'sandbox 1', 'main b'],
  },
  {
    when: 'the sandbox is dead, init first',
    spec: inits,
    has: ['main:exited(0)', 'j:exited(0)', 'i:exited(0)'],
    sandboxes: [sandbox({ ready: false })],
    does: ['killPod', 'sandbox 1', 'init i'],
  },
  {
    when: 'two sandboxes are ready',
    has: [],
    sandboxes: [sandbox({ id: 's2', attempt: 1 }), sandbox()],
    does: ['killPod', 'sandbox 2', 'main main'],
  },
  {
    when: 'the sandbox has no address',
    has: [],
    sandboxes: [sandbox({ ips: [] })],
    does: ['killPod', 'sandbox 1', 'main main'],
  },
  {
    when: 'the sandbox needs none on the host network',
    spec: { hostNetwork: true },
    has: [],
    sandboxes: [sandbox({ ips: [], hostNetwork: true })],
    does: ['main main'],
  },
  {
    when: 'an ephemeral container was added',
    spec: { ephemeralContainers: [{ name: 'd', image: 'app:1' }] },
    has: ['main:running'],
    does: ['ephemeral d'],
  },
  {
    when: 'it is being deleted: nothing is started',
    meta: { deletionTimestamp: '2024-01-01T00:00:00Z' },
    has: ['main:exited(1)'],
    does: ['killPod'],
  },
];

for (const row of rows) {
  test(`plan: ${row.when}`, () => {
    const pod = testPod('web', row.spec ?? {}, row.meta ?? {});
    const observed: ObservedPod = {
      sandboxes: row.sandboxes ?? [sandbox()],
      containers: row.has.map((text) => container(text, pod)),
    };
    const results = new Map((row.probes ?? []).map((text) => text.split('=') as [string, ProbeResult]));
    const probes = (id: string, kind: string) => results.get(`${id.replace(/-id$/, '')}/${kind}`);
    const plan = planPod({ pod, observed, probes });
    assert.deepEqual(
      [
        ...(plan.killPod ? ['killPod'] : []),
        ...(plan.createSandbox ? [`sandbox ${plan.attempt}`] : []),
        ...plan.kill.map(({ name }) => `kill ${name}`),
        ...plan.startInit.map((name) => `init ${name}`),
        ...plan.startMain.map((name) => `main ${name}`),
        ...plan.startEphemeral.map((name) => `ephemeral ${name}`),
      ],
      row.does,
    );
  });
}
