/** Whatever containers do and whenever the agent dies: one instance at a time, and everything comes to its end. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Container, PodSpec, RestartPolicy } from '@kapella/api/types/core-v1';
import type { FakeExit } from '../cri/fake-cri.ts';
import { createTestNode, testPod, type TestNode } from '../testing/test-node.test-support.ts';

const settle = async () => {
  for (let i = 0; i < 25; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
};

const exit: fc.Arbitrary<FakeExit | undefined> = fc.option(
  fc.record({ afterMs: fc.constantFrom(0, 10, 700, 4000), exitCode: fc.constantFrom(0, 0, 1, 137) }),
  { nil: undefined },
);

interface Case {
  readonly policy: RestartPolicy;
  readonly inits: readonly (FakeExit | undefined)[];
  readonly sidecars: readonly (FakeExit | undefined)[];
  readonly mains: readonly (FakeExit | undefined)[];
  /** What happens, in order, one second apart and more. */
  readonly acts: readonly ('wait' | 'restart' | 'break' | 'exit' | 'fail')[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
  inits: fc.array(exit, { maxLength: 2 }),
  sidecars: fc.array(exit, { maxLength: 2 }),
  mains: fc.array(exit, { minLength: 1, maxLength: 3 }),
  acts: fc.array(fc.constantFrom('wait', 'restart', 'break', 'exit', 'fail'), { maxLength: 6 }),
});

function specOf({ policy, inits, sidecars, mains }: Case): Partial<PodSpec> {
  const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'app:1', ...more });
  return {
    restartPolicy: policy,
    initContainers: [
      ...sidecars.map((_, i) => container(`side-${i}`, { restartPolicy: 'Always' })),
      ...inits.map((_, i) => container(`init-${i}`)),
    ],
    containers: mains.map((_, i) => container(`main-${i}`)),
  };
}

test('one instance of a container at a time; a deleted Pod goes with all its traces', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (c) => {
      const scripts = new Map<string, FakeExit | undefined>();
      for (const [i, e] of c.inits.entries()) scripts.set(`init-${i}`, e);
      for (const [i, e] of c.sidecars.entries()) scripts.set(`side-${i}`, e);
      for (const [i, e] of c.mains.entries()) scripts.set(`main-${i}`, e);
      let failNext = false;
      let node: TestNode;
      node = createTestNode(settle, {
        script: ({ metadata }) => scripts.get(metadata.name),
        onCall(method, subject) {
          if (method === 'startContainer') {
            assert.ok(!node.cri.running().includes(subject), `a second instance of ${subject} was started`);
          }
          if (failNext && ['createContainer', 'startContainer', 'runPodSandbox'].includes(method)) {
            failNext = false;
            throw new Error('the runtime has a bad day');
          }
        },
      });
      node.api.add(testPod('web', specOf(c)));
      await node.clock.advance(300);
      for (const act of c.acts) {
        if (act === 'restart') node = await node.restart();
        else if (act === 'break') node.cri.breakSandbox('web');
        else if (act === 'exit') node.cri.exit('web', 'main-0', 1);
        else if (act === 'fail') failNext = true;
        await node.clock.advance(1300);
      }
      const counts = (node.api.statuses.get('web') ?? []).map((s) => s.containerStatuses?.[0]?.restartCount ?? 0);
      assert.deepEqual(
        counts,
        counts.toSorted((a, b) => a - b),
        'restart counts go up',
      );
      node.api.remove('web', 1);
      await node.clock.advance(60_000);
      assert.deepEqual(node.cri.running(), []);
      assert.equal(node.cri.sandboxCount(), 0);
      assert.equal(node.api.get('web'), undefined);
      assert.deepEqual(node.manager.workers(), []);
      assert.deepEqual(
        node.files.paths().filter((path) => path.includes('uid-web')),
        [],
      );
      await node.stop();
    }),
    { numRuns: 40 },
  );
});

test('a Pod that may end does end, by the exit codes of its main containers', async () => {
  const ending = fc.record({ afterMs: fc.constantFrom(0, 50, 900), exitCode: fc.constantFrom(0, 1, 3) });
  await fc.assert(
    fc.asyncProperty(fc.array(ending, { minLength: 1, maxLength: 3 }), fc.boolean(), async (mains, withSidecar) => {
      const node = createTestNode(settle, {
        script: ({ metadata }) => (metadata.name === 'side' ? undefined : mains[Number(metadata.name.slice(5))]),
      });
      const side: Container = { name: 'side', image: 'app:1', restartPolicy: 'Always' };
      node.api.add(
        testPod('job', {
          restartPolicy: 'Never',
          initContainers: withSidecar ? [side] : [],
          containers: mains.map((_, i) => ({ name: `main-${i}`, image: 'app:1' })),
        }),
      );
      await node.clock.advance(40_000);
      const expected = mains.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
      assert.equal(node.api.get('job')?.status?.phase, expected);
      assert.deepEqual(node.cri.running(), []);
      const phases = (node.api.statuses.get('job') ?? []).map(({ phase }) => phase);
      const order = ['Pending', 'Running', expected];
      assert.deepEqual(
        phases,
        phases.toSorted((a, b) => order.indexOf(a ?? '') - order.indexOf(b ?? '')),
      );
      await node.stop();
    }),
    { numRuns: 25 },
  );
});
