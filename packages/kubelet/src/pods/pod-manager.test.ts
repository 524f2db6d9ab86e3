/** Pods on an in-memory node: the whole way through workers, plan, fake runtime and fake API. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '@kapella/api/types/core-v1';
import { createTestNode, testPod } from '../testing/test-node.test-support.ts';

/** Enough turns of the event loop for all pending promises. */
const settle = async () => {
  for (let i = 0; i < 25; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
};

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'app:1', ...more });
const spec = (more: Partial<PodSpec>): Partial<PodSpec> => more;

test('a Pod comes up, is deleted and leaves nothing behind', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  node.api.add(testPod('web', {}));
  await node.clock.advance(100);
  const status = node.api.get('web')?.status;
  assert.equal(status?.phase, 'Running');
  assert.equal(status?.podIP, '10.88.0.1');
  assert.equal(status?.hostIP, '192.0.2.1');
  assert.equal(status?.containerStatuses?.[0]?.ready, true);
  assert.equal(status?.containerStatuses?.[0]?.containerID, 'fake://container-2');
  assert.deepEqual(
    status?.conditions?.map(({ type, status: s }) => `${type}=${s}`),
    ['PodReadyToStartContainers=True', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
  );
  const first = node.api.statuses.get('web')?.[0];
  assert.equal(first?.phase, 'Pending');
  assert.equal(first?.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating');
  assert.deepEqual(
    node.api.events.map(({ reason, fieldPath }) => `${reason} ${fieldPath}`),
    ['Pulled spec.containers{main}', 'Created spec.containers{main}', 'Started spec.containers{main}'],
  );

  node.api.remove('web');
  await node.clock.advance(1000);
  assert.equal(node.api.get('web'), undefined);
  assert.equal(node.cri.sandboxCount(), 0);
  assert.deepEqual(node.manager.workers(), []);
  assert.deepEqual(
    node.files.paths().filter((path) => path.includes('uid-web')),
    [],
  );
});

test('a Pod that the node controller made unready is ready again once its agent is heard', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  node.api.add(testPod('web', {}));
  await node.clock.advance(100);
  const readiness = () => node.api.get('web')?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  node.api.change('web', (pod) => {
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False' } : condition,
    );
    return { ...pod, status: { ...pod.status, conditions } };
  });
  assert.equal(readiness(), 'False');
  await node.clock.advance(100);
  assert.equal(readiness(), 'True');
});

test('init containers run in order before the main ones, sidecars stay and end last', async (t) => {
  const node = createTestNode(settle, {
    script: ({ metadata }) => (metadata.name.startsWith('init') ? { afterMs: 500, exitCode: 0 } : undefined),
  });
  t.after(() => node.stop());
  const initContainers = [container('init-a'), container('side', { restartPolicy: 'Always' }), container('init-b')];
  node.api.add(testPod('web', spec({ initContainers })));
  await node.clock.advance(200);
  assert.deepEqual(node.cri.running(), ['web/init-a']);
  assert.equal(node.api.get('web')?.status?.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
  await node.clock.advance(500);
  assert.deepEqual(node.cri.running(), ['web/side', 'web/init-b']);
  await node.clock.advance(500);
  assert.deepEqual(node.cri.running(), ['web/side', 'web/main']);
  assert.equal(node.api.get('web')?.status?.phase, 'Running');
  node.api.remove('web');
  await node.clock.advance(500);
  const stops = node.cri.calls.filter((call) => call.startsWith('stopContainer'));
  assert.deepEqual(stops, ['stopContainer web/main 30', 'stopContainer web/side 30']);
  assert.equal(node.api.get('web'), undefined);
});

test('a crashing container is restarted at once, then after 10, 20, 40 seconds', async (t) => {
  const node = createTestNode(settle, { script: () => ({ afterMs: 1000, exitCode: 3 }) });
  t.after(() => node.stop());
  node.api.add(testPod('bad', {}));
  const starts = () => node.cri.calls.filter((call) => call.startsWith('startContainer')).length;
  await node.clock.advance(1500);
  assert.equal(starts(), 2);
  await node.clock.advance(1000);
  const status = node.api.get('bad')?.status?.containerStatuses?.[0];
  assert.equal(status?.state?.waiting?.reason, 'CrashLoopBackOff');
  assert.equal(
    status?.state?.waiting?.message,
    'back-off 10s restarting failed container=main pod=bad_default(uid-bad)',
  );
  assert.equal(status?.lastState?.terminated?.exitCode, 3);
  assert.equal(status?.restartCount, 1);
  assert.equal(node.api.get('bad')?.status?.phase, 'Running');
  await node.clock.advance(10_000);
  assert.equal(starts(), 3);
  await node.clock.advance(11_000);
  assert.equal(starts(), 3);
  await node.clock.advance(11_000);
  assert.equal(starts(), 4);
});

test('a Pod that runs once succeeds or fails by its exit codes', async (t) => {
  const node = createTestNode(settle, {
    script: (_, { metadata }) => ({ afterMs: 100, exitCode: metadata.name === 'good' ? 0 : 2 }),
  });
  t.after(() => node.stop());
  node.api.add(testPod('good', { restartPolicy: 'Never' }));
  node.api.add(testPod('bad', { restartPolicy: 'Never' }));
  await node.clock.advance(2000);
  assert.equal(node.api.get('good')?.status?.phase, 'Succeeded');
  assert.equal(node.api.get('bad')?.status?.phase, 'Failed');
  const ended = node.api.get('bad')?.status?.containerStatuses?.[0]?.state?.terminated;
  assert.equal(ended?.reason, 'Error');
  assert.equal(ended?.exitCode, 2);
  const ready = node.api.get('good')?.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(ready?.reason, 'PodCompleted');
  node.api.remove('good');
  node.api.remove('bad');
  await node.clock.advance(100);
  assert.equal(node.cri.sandboxCount(), 0);
});

test('an agent that is restarted adopts what runs', async (t) => {
  const node = createTestNode(settle);
  node.api.add(testPod('web', {}));
  await node.clock.advance(100);
  const before = node.api.get('web')?.status;
  const calls = node.cri.calls.length;
  const next = await node.restart();
  t.after(() => next.stop());
  await next.clock.advance(5000);
  assert.equal(next.cri.calls.length, calls);
  assert.deepEqual(next.api.get('web')?.status, before);
});

test('an agent that is restarted ends what was deleted meanwhile', async (t) => {
  const node = createTestNode(settle);
  node.api.add(testPod('web', {}));
  await node.clock.advance(100);
  await node.stop();
  node.api.remove('web', 0);
  await node.clock.advance(10);
  const next = await node.restart();
  t.after(() => next.stop());
  await next.clock.advance(1000);
  assert.equal(next.cri.sandboxCount(), 0);
});

test('an image that cannot be pulled is asked for again after a growing pause', async (t) => {
  const node = createTestNode(settle, {
    onPull: () => {
      throw new Error('no such image');
    },
  });
  t.after(() => node.stop());
  node.api.add(testPod('web', { containers: [container('main', { image: 'gone:1' })] }));
  await node.clock.advance(100);
  const waiting = () => node.api.get('web')?.status?.containerStatuses?.[0]?.state?.waiting;
  assert.equal(waiting()?.reason, 'ErrImagePull');
  assert.equal(waiting()?.message, 'no such image');
  await node.clock.advance(2000);
  assert.equal(waiting()?.reason, 'ImagePullBackOff');
  assert.equal(waiting()?.message, 'Back-off pulling image "gone:1": ErrImagePull: no such image');
  const pulls = () => node.cri.calls.filter((call) => call.startsWith('pullImage')).length;
  assert.equal(pulls(), 1);
  await node.clock.advance(10_000);
  assert.equal(pulls(), 2);
  await node.clock.advance(17_000);
  assert.equal(pulls(), 2);
  await node.clock.advance(2000);
  assert.equal(pulls(), 3);
});

test('a failed liveness probe restarts the container', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const livenessProbe = { exec: { command: ['true'] } };
  node.api.add(testPod('web', { containers: [container('main', { livenessProbe })] }));
  await node.clock.advance(100);
  node.probe('uid-web', 'container-2', 'liveness', 'failure');
  await node.clock.advance(100);
  const status = node.api.get('web')?.status?.containerStatuses?.[0];
  assert.equal(status?.restartCount, 1);
  assert.notEqual(status?.state?.running, undefined);
  const killing = node.api.events.find(({ reason }) => reason === 'Killing');
  assert.equal(killing?.message, 'Container main failed liveness probe, will be restarted');
});

test('a shorter grace period ends the waiting', async (t) => {
  const node = createTestNode(settle, { stopMs: () => 3_600_000 });
  t.after(() => node.stop());
  node.api.add(testPod('web', { terminationGracePeriodSeconds: 600 }));
  await node.clock.advance(100);
  node.api.remove('web');
  await node.clock.advance(5000);
  assert.deepEqual(node.cri.running(), ['web/main']);
  node.api.remove('web', 2);
  await node.clock.advance(2500);
  assert.deepEqual(node.cri.running(), []);
  await node.clock.advance(100);
  assert.equal(node.api.get('web'), undefined);
});

test('a volume that is missing keeps the Pod waiting until it appears', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const volumes = [{ name: 'conf', configMap: { name: 'settings' } }];
  const volumeMounts = [{ name: 'conf', mountPath: '/conf' }];
  node.api.add(testPod('web', { volumes, containers: [container('main', { volumeMounts })] }));
  await node.clock.advance(100);
  assert.equal(node.cri.sandboxCount(), 0);
  assert.deepEqual(
    node.api.events[0]?.message,
    'MountVolume.SetUp failed for volume "conf" : configmap "settings" not found',
  );
  const metadata = { name: 'settings', namespace: 'default', uid: 'c', resourceVersion: '1', creationTimestamp: '' };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } };
  node.api.putObject('ConfigMap', configMap);
  await node.clock.advance(100);
  assert.deepEqual(node.cri.running(), ['web/main']);
  const read = async () => {
    const bytes = await node.files.read('/data/pods/uid-web/volumes/kubernetes.io~configmap/conf/a');
    return new TextDecoder().decode(bytes);
  };
  assert.equal(await read(), '1');
  node.api.putObject('ConfigMap', {
    ...configMap,
    ...{ metadata: { ...metadata, resourceVersion: '2' }, data: { a: '2' } },
  });
  await node.clock.advance(100);
  assert.equal(await read(), '2');
  assert.deepEqual(node.cri.running(), ['web/main']);
});

test('a Pod whose deadline has passed fails', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  node.api.add(testPod('job', { activeDeadlineSeconds: 5, restartPolicy: 'Never' }));
  await node.clock.advance(4000);
  assert.equal(node.api.get('job')?.status?.phase, 'Running');
  await node.clock.advance(2000);
  assert.equal(node.api.get('job')?.status?.phase, 'Failed');
  assert.equal(node.api.get('job')?.status?.reason, 'DeadlineExceeded');
  assert.deepEqual(node.cri.running(), []);
});

test('a sandbox that dies is replaced, with its containers', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  node.api.add(testPod('web', {}));
  await node.clock.advance(100);
  node.cri.breakSandbox('web');
  await node.clock.advance(1000);
  assert.deepEqual(node.cri.running(), ['web/main']);
  assert.equal(node.api.get('web')?.status?.podIP, '10.88.0.3');
  assert.ok(node.api.events.some(({ reason }) => reason === 'SandboxChanged'));
});

test('changed limits of a running container are applied in place, or by a restart where its policy says so', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const limits = (memory: string) => ({ resources: { limits: { cpu: '1', memory }, requests: { cpu: '1', memory } } });
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  const containers = (memory: string) => [
    container('soft', limits(memory)),
    container('hard', { ...limits(memory), resizePolicy }),
  ];
  node.api.add(testPod('web', { containers: containers('64Mi') }));
  await node.clock.advance(100);
  const updates = () => node.cri.calls.filter((call) => call.startsWith('updateContainerResources'));
  assert.deepEqual(updates(), []);
  node.api.change('web', (pod) => ({ ...pod, spec: { ...pod.spec, containers: containers('128Mi') } }));
  await node.clock.advance(100);
  assert.deepEqual(updates(), ['updateContainerResources container-2']);
  const counts = node.api
    .get('web')
    ?.status?.containerStatuses?.map(({ name, restartCount }) => `${name} ${restartCount}`);
  assert.deepEqual(counts, ['hard 1', 'soft 0']);
  assert.equal(node.api.get('web')?.status?.containerStatuses?.[1]?.resources?.limits?.['memory'], '128Mi');
  const told = node.api.events.filter(({ reason }) => reason.startsWith('Resize'));
  assert.deepEqual(
    told.map(({ type, reason }) => `${type} ${reason}`),
    ['Normal ResizeStarted', 'Normal ResizeCompleted'],
  );
  assert.match(
    told[1]?.message ?? '',
    /^Pod resize completed: {"containers":\[{"name":"soft","resources":{"limits":{"cpu":"1","memory":"128Mi"}/,
  );
  const inProgress = (status: Pod['status']) =>
    status?.conditions?.some(({ type }) => type === 'PodResizeInProgress') === true;
  assert.ok(node.api.statuses.get('web')?.some(inProgress), 'a condition while it lasts');
  assert.equal(inProgress(node.api.get('web')?.status), false);
  await node.clock.advance(30_000);
  assert.equal(updates().length, 1);
});

test('a sandbox that cannot be made is tried again soon, then less often', async (t) => {
  let failuresLeft = 3;
  const node = createTestNode(settle, {
    onCall(method) {
      if (method === 'runPodSandbox' && failuresLeft-- > 0) throw new Error('no network yet');
    },
  });
  t.after(() => node.stop());
  node.api.add(testPod('web', {}));
  await node.clock.advance(1500);
  assert.equal(node.cri.calls.filter((call) => call.startsWith('runPodSandbox')).length, 2);
  assert.equal(node.api.events[0]?.message, 'Failed to create pod sandbox: no network yet');
  await node.clock.advance(6000);
  assert.equal(node.api.get('web')?.status?.phase, 'Running');
});

test('a Pod that does not fit fails and runs nothing; the next one fits when the first is gone', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const listens = (name: string, ports: Container['ports']) =>
    testPod(name, spec({ containers: [container('main', { ports: ports ?? [] })] }));
  const port = [{ containerPort: 80, hostPort: 8080, protocol: 'TCP' as const }];
  node.api.add(listens('first', port));
  await node.clock.advance(1_000);
  node.api.add(listens('second', port));
  await node.clock.advance(1_000);
  const second = node.api.get('second');
  assert.equal(second?.status?.phase, 'Failed');
  assert.equal(second?.status?.reason, 'NodePorts');
  assert.match(second?.status?.message ?? '', /^Pod was rejected: Predicate NodePorts failed: /);
  assert.equal(node.api.get('first')?.status?.phase, 'Running');
  node.api.remove('first');
  await node.clock.advance(60_000);
  node.api.add(listens('third', port));
  await node.clock.advance(1_000);
  assert.equal(node.api.get('third')?.status?.phase, 'Running');
});

test('the image of a volume is pulled by the policy of the volume', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  node.cri.images.add('data:1');
  for (const pullPolicy of ['IfNotPresent', 'Always'] as const) {
    const volumes = [{ name: 'data', image: { reference: 'data:1', pullPolicy } }];
    const containers = [container('main', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })];
    node.api.add(testPod(pullPolicy.toLowerCase(), spec({ containers, volumes })));
    await node.clock.advance(1_000);
    const pulls = node.cri.calls.filter((call) => call === 'pullImage data:1').length;
    assert.equal(pulls, pullPolicy === 'Always' ? 1 : 0);
  }
  assert.deepEqual(node.cri.running().toSorted(), ['always/main', 'ifnotpresent/main']);
});

test('a resize that does not fit waits until another Pod has gone; one that never fits is told', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const asking = (name: string, cpu: string) =>
    testPod(name, spec({ containers: [container('main', { resources: { requests: { cpu } } })] }));
  const resize = (cpu: string) =>
    node.api.change('small', (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, generation: (pod.metadata.generation ?? 0) + 1 },
      spec: asking('small', cpu).spec,
    }));
  const pending = () => node.api.get('small')?.status?.conditions?.find(({ type }) => type === 'PodResizePending');
  const given = () => node.api.get('small')?.status?.containerStatuses?.[0]?.allocatedResources?.['cpu'];
  const updates = () => node.cri.calls.filter((call) => call.startsWith('updateContainerResources')).length;
  node.api.add(asking('large', '3'));
  node.api.add(asking('small', '1'));
  await node.clock.advance(1_000);

  resize('2');
  await node.clock.advance(1_000);
  assert.equal(pending()?.reason, 'Deferred');
  assert.equal(given(), '1');
  assert.equal(updates(), 0);
  assert.ok(node.api.events.some(({ reason }) => reason === 'ResizeDeferred'));

  node.api.remove('large');
  await node.clock.advance(60_000);
  assert.equal(pending(), undefined);
  assert.equal(given(), '2');
  assert.equal(updates(), 1);

  resize('9');
  await node.clock.advance(1_000);
  assert.equal(pending()?.reason, 'Infeasible');
  assert.equal(given(), '2');
  const restarted = await node.restart();
  t.after(() => restarted.stop());
  await restarted.clock.advance(1_000);
  assert.equal(pending()?.reason, 'Infeasible');
  assert.equal(updates(), 1);
});

test('the end of one container by its rule makes all of them begin anew, init containers first', async (t) => {
  const node = createTestNode(settle);
  t.after(() => node.stop());
  const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }] as const;
  const watched = container('watched', { restartPolicy: 'Never', restartPolicyRules });
  const side = container('side', { restartPolicy: 'Always' });
  node.api.add(
    testPod('web', { restartPolicy: 'Never', initContainers: [side], containers: [watched, container('other')] }),
  );
  await node.clock.advance(1_000);
  assert.deepEqual(node.cri.running().toSorted(), ['web/other', 'web/side', 'web/watched']);
  const condition = () =>
    node.api.get('web')?.status?.conditions?.find(({ type }) => type === 'AllContainersRestarting');
  assert.equal(condition()?.status, 'False');
  node.cri.exit('web', 'watched', 42);
  await node.clock.advance(5_000);
  assert.deepEqual(node.cri.running().toSorted(), ['web/other', 'web/side', 'web/watched']);
  assert.equal(node.cri.sandboxCount(), 1);
  const seen = (node.api.statuses.get('web') ?? []).map(
    ({ conditions = [] }) => conditions.find(({ type }) => type === 'AllContainersRestarting')?.status,
  );
  assert.ok(seen.includes('True'));
  assert.equal(condition()?.status, 'False');
  const status = node.api.get('web')?.status;
  assert.equal(status?.phase, 'Running');
  assert.deepEqual(
    status?.containerStatuses?.map(({ name, restartCount, lastState }) => [
      name,
      restartCount,
      lastState?.terminated?.reason,
    ]),
    [
      ['other', 1, 'RestartingAllContainers'],
      ['watched', 1, 'RestartingAllContainers'],
    ],
  );
  node.cri.exit('web', 'watched', 1);
  await node.clock.advance(5_000);
  assert.deepEqual(node.cri.running().toSorted(), ['web/other', 'web/side']);
});
