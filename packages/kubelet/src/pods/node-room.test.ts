/** Who gets the room of a node: critical Pods before others, a static Pod after the one that it follows, a resize when it fits. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers';
import { test } from 'node:test';
import type { Container, PodSpec } from '@kapella/api/types/core-v1';
import { createVirtualClock, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { createTestNode, testPod } from '../testing/test-node.test-support.ts';
import { createAllocationStore } from './allocation-store.ts';

/** Enough turns of the event loop for all pending promises. */
const settle = async () => {
  for (let i = 0; i < 25; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
};

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'app:1', ...more });
const spec = (more: Partial<PodSpec>): Partial<PodSpec> => more;

test('a critical Pod is let in when a lesser one can go, and starts when that one has gone', async (t) => {
  const node = createTestNode(settle, { stopMs: () => 2_000 });
  t.after(() => node.stop());
  const asks = (name: string, cpu: string, priority: number) =>
    testPod(name, { priority, containers: [container('main', { resources: { requests: { cpu } } })] });
  node.api.add(asks('small', '1', 0));
  node.api.add(asks('large', '3', 0));
  await node.clock.advance(100);
  node.api.add(asks('critical', '500m', 2_000_000_000));
  await node.clock.advance(1_000);
  assert.deepEqual(node.cri.running().toSorted(), ['large/main', 'small/main']);
  await node.clock.advance(2_000);
  assert.deepEqual(node.cri.running().toSorted(), ['critical/main', 'large/main']);
  const gone = node.api.get('small')?.status;
  assert.deepEqual([gone?.phase, gone?.reason], ['Failed', 'Preempting']);
  const target = gone?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  assert.equal(target?.message, 'Pod was preempted by Kubelet to accommodate a critical pod.');
  assert.equal(target?.reason, 'TerminationByKubelet');
});

test('a critical Pod that no end of lesser ones can make fit is refused', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const resources = { requests: { cpu: '5' } };
  node.api.add(testPod('critical', { priority: 2_000_000_000, containers: [container('main', { resources })] }));
  await node.clock.advance(1_000);
  const status = node.api.get('critical')?.status;
  assert.deepEqual([status?.phase, status?.reason], ['Failed', 'UnexpectedAdmissionError']);
});

test('a static Pod whose file has changed begins when the one before has ended', async (t) => {
  const node = createTestNode(settle, { stopMs: () => 2_000 });
  t.after(() => node.stop());
  const annotations = { 'kubernetes.io/config.source': 'file' };
  const ports = [{ containerPort: 80, hostPort: 8080 }];
  const version = (uid: string) =>
    testPod('web', { containers: [container(uid, { ports })] }, { uid, annotations, resourceVersion: '' });
  node.api.add(version('one'));
  await node.clock.advance(100);
  assert.deepEqual(node.cri.running(), ['web/one']);
  const [before] = node.manager.workers();
  node.api.add(version('two'));
  before?.vanish();
  await node.clock.advance(1_000);
  assert.deepEqual(node.cri.running(), ['web/one']);
  await node.clock.advance(3_000);
  assert.deepEqual(node.cri.running(), ['web/two']);
});

test('a resize that comes while the agent is away is judged when it is back', async (t) => {
  const ctx = { signal: new AbortController().signal, log: silentLogger, clock: createVirtualClock() };
  const random = { float: () => 0, bytes: (n: number) => new Uint8Array(n), uuid: () => '' };
  const files = createMemoryFiles();
  await files.mkdir('/data', 0o755);
  const allocations = await createAllocationStore(files, '/data/state', { ...ctx, random });
  const node = createTestNode(settle, { allocations });
  const asking = (name: string, cpu: string) =>
    testPod(name, spec({ containers: [container('main', { resources: { requests: { cpu } } })] }));
  node.api.add(asking('large', '3'));
  node.api.add(asking('small', '1'));
  await node.clock.advance(1_000);
  await node.stop();
  node.api.change('small', (pod) => ({
    ...pod,
    metadata: { ...pod.metadata, generation: 2 },
    spec: asking('small', '2').spec,
  }));
  const restarted = await node.restart();
  t.after(() => restarted.stop());
  await restarted.clock.advance(1_000);
  const status = restarted.api.get('small')?.status;
  assert.equal(status?.conditions?.find(({ type }) => type === 'PodResizePending')?.reason, 'Deferred');
  assert.equal(status?.containerStatuses?.[0]?.allocatedResources?.['cpu'], '1');
});
