/** CSI on a node: registration, the order of calls, what is written down, and what a new agent makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { CsiError } from '@kapella/csi';
import { createTestCsi, DRIVER, persistentVolume, podOf } from '../testing/csi.test-support.ts';
import { type CsiVolume, csiVolumeOf, inlineCsiVolume } from './csi-volume.ts';
import { topologyConflict } from './csi-node.ts';
import { isSpoken } from './drivers.ts';

const volumeOf = (pv: PersistentVolume, readOnly = false) => csiVolumeOf(pv, readOnly) as CsiVolume;
const HASH = '84a8a5f5'; // the first letters of sha256('handle-data')

test('a driver that registers is in the CSINode and on the Node, and gone when it goes', async () => {
  const bed = createTestCsi();
  const agent = await bed.agentWithDriver();
  const csiNode = () => bed.api.objects(storageV1.CSINode)[0];
  const entry = { name: DRIVER, nodeID: 'id-1', topologyKeys: ['example.com/rack'], allocatable: { count: 5 } };
  assert.deepEqual(csiNode()?.spec.drivers, [entry]);
  assert.equal(csiNode()?.metadata.ownerReferences?.[0]?.kind, 'Node');
  const node = () => bed.api.objects(coreV1.Node)[0]?.metadata;
  assert.equal(node()?.annotations?.['csi.volume.kubernetes.io/nodeid'], `{"${DRIVER}":"id-1"}`);
  assert.equal(node()?.labels?.['example.com/rack'], 'r1');
  await agent.handler.deregister(bed.plugin, bed.ctx);
  assert.deepEqual(csiNode()?.spec.drivers, []);
  assert.equal(node()?.annotations?.['csi.volume.kubernetes.io/nodeid'], undefined);
  assert.throws(() => agent.support.volumes.drivers.get(DRIVER), /not found in the list of registered CSI drivers/);
});

test('another version of CSI, no node id and another place are refused', async () => {
  assert.deepEqual([['1.0.0'], ['0.3.0', '1.12.0'], ['0.3.0'], ['2.0.0'], []].map(isSpoken), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.match(topologyConflict({ a: '1' }, { a: '2' }) ?? '', /driver reported "a":"2" but existing label is "a":"1"/);
  const bed = createTestCsi();
  const agent = bed.createAgent();
  await assert.rejects(agent.handler.register({ ...bed.plugin, supportedVersions: ['2.0.0'] }, bed.ctx), /supported/);
  bed.driver.info = { ...bed.driver.info, nodeId: '' };
  await assert.rejects(agent.handler.register(bed.plugin, bed.ctx), /driverNodeID must not be empty/);
});

test('two Pods: staged once, published each, unstaged after the last; the node says that it is in use', async () => {
  const bed = createTestCsi();
  const agent = await bed.agentWithDriver();
  const { volumes } = agent.support;
  const pv = persistentVolume(
    'data',
    { fsType: 'xfs', volumeAttributes: { tier: 'gold' } },
    { mountOptions: ['noatime'] },
  );
  bed.attach(pv);
  const [a, b] = [podOf('a'), podOf('b')];
  const seen = await volumes.mount(a, volumeOf(pv), bed.ctx);
  assert.equal(seen.hostPath, '/data/pods/uid-a/volumes/kubernetes.io~csi/data/mount');
  await volumes.mount(b, volumeOf(pv), bed.ctx);
  await volumes.mount(a, volumeOf(pv), bed.ctx);
  assert.deepEqual(bed.methods(), ['stage', 'publish', 'publish']);
  const { request: stage } = bed.calls[0] ?? assert.fail();
  assert.match(
    stage.stagingTargetPath,
    new RegExp(`^/var/lib/kubelet/plugins/kubernetes.io/csi/${DRIVER}/[0-9a-f]{64}/globalmount$`),
  );
  assert.deepEqual(stage.publishContext, { device: '/dev/x' });
  assert.deepEqual(stage.volumeContext, { tier: 'gold' });
  assert.deepEqual(stage.volumeCapability, {
    mount: { fsType: 'xfs', mountFlags: ['noatime'] },
    accessMode: { mode: 'SINGLE_NODE_WRITER' },
  });
  assert.equal(bed.calls[1]?.request.targetPath, '/var/lib/kubelet/pods/uid-a/volumes/kubernetes.io~csi/data/mount');
  assert.equal(bed.calls[1]?.request.stagingTargetPath, stage.stagingTargetPath);
  assert.deepEqual(agent.inUse.list(), [`kubernetes.io/csi/${DRIVER}^handle-data`]);

  await volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods().slice(3), ['unpublish']);
  await volumes.unmount('uid-b', bed.ctx);
  assert.deepEqual(bed.methods().slice(3), ['unpublish', 'unpublish', 'unstage']);
  assert.deepEqual(agent.inUse.list(), []);
  assert.deepEqual(
    bed.files.paths().filter((path) => path.includes('handle') || path.endsWith('.json') || path.includes(HASH)),
    [],
  );
});

test('a volume that is not attached is waited for, and the error of the attacher is passed on', async () => {
  const bed = createTestCsi();
  const agent = await bed.agentWithDriver();
  const pv = persistentVolume('data');
  let done = false;
  const mounted = agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx).then(() => {
    done = true;
  });
  await bed.clock.advance(5_000);
  assert.equal(done, false);
  bed.attach(pv);
  await bed.clock.advance(5_000);
  await mounted;
  const lost = agent.support.volumes.mount(podOf('b'), volumeOf(persistentVolume('lost')), bed.ctx);
  const refused = assert.rejects(
    lost,
    /timed out waiting for external-attacher of disk.example.com CSI driver to attach volume handle-lost/,
  );
  await bed.clock.advance(130_000);
  await refused;
  await agent.support.volumes.unmount('uid-b', bed.ctx);
  assert.deepEqual(agent.inUse.list(), [`kubernetes.io/csi/${DRIVER}^handle-data`]);
});

test('what CSIDriver asks for: Pod, tokens, secrets, no attachment, publishing again', async () => {
  const bed = createTestCsi();
  bed.csiDriver({
    attachRequired: false,
    podInfoOnMount: true,
    requiresRepublish: true,
    tokenRequests: [{ audience: 'vault' }],
  });
  bed.api.intercept = ({ subresource }) =>
    subresource === 'token' ? { status: { token: 't', expirationTimestamp: '2100-01-01T00:00:00Z' } } : undefined;
  bed.api.seed({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'keys' },
    data: { k: btoa('v') },
  });
  const agent = await bed.agentWithDriver();
  const ref = { name: 's', namespace: 'keys' };
  const pv = persistentVolume('data', { nodePublishSecretRef: ref, nodeStageSecretRef: ref });
  const { refreshAtMs } = await agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx);
  const { request } = bed.calls[1] ?? assert.fail();
  assert.deepEqual(bed.calls[0]?.request.secrets, { k: 'v' });
  assert.deepEqual(request.secrets, { k: 'v' });
  assert.deepEqual(request.volumeContext, {
    'csi.storage.k8s.io/pod.name': 'a',
    'csi.storage.k8s.io/pod.namespace': 'default',
    'csi.storage.k8s.io/pod.uid': 'uid-a',
    'csi.storage.k8s.io/serviceAccount.name': 'robot',
    'csi.storage.k8s.io/ephemeral': 'false',
    'csi.storage.k8s.io/serviceAccount.tokens': '{"vault":{"token":"t","expirationTimestamp":"2100-01-01T00:00:00Z"}}',
  });
  assert.equal(refreshAtMs, bed.clock.nowMs() + 60_000);
  await bed.clock.advance(60_000);
  await agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx);
  assert.deepEqual(bed.methods(), ['stage', 'publish', 'publish']);
  assert.deepEqual(agent.inUse.list(), []);
});

test('access modes and the fsGroup that the driver applies itself', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  for (const one of ['SINGLE_NODE_MULTI_WRITER', 'VOLUME_MOUNT_GROUP'] as const) bed.driver.capabilities.add(one);
  const agent = await bed.agentWithDriver();
  const pod = podOf('a', { securityContext: { fsGroup: 77 } });
  for (const mode of ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']) {
    const pv = persistentVolume(mode.toLowerCase(), {}, { accessModes: [mode] });
    await agent.support.volumes.mount(pod, volumeOf(pv), bed.ctx);
  }
  const stages = bed.calls.filter(({ method }) => method === 'stage').map(({ request }) => request.volumeCapability);
  assert.deepEqual(
    stages.map(({ accessMode }) => accessMode.mode),
    ['SINGLE_NODE_MULTI_WRITER', 'MULTI_NODE_READER_ONLY', 'MULTI_NODE_MULTI_WRITER', 'SINGLE_NODE_SINGLE_WRITER'],
  );
  assert.equal(stages[0].mount.volumeMountGroup, '77');
  const once = persistentVolume('readwriteoncepod', {}, { accessModes: ['ReadWriteOncePod'] });
  await assert.rejects(
    agent.support.volumes.mount(podOf('b'), volumeOf(once), bed.ctx),
    /uses the ReadWriteOncePod access mode and is already in use by another pod/,
  );
});

test('inline volumes need a driver that says so, and are not staged', async () => {
  const bed = createTestCsi();
  const agent = await bed.agentWithDriver();
  const pod = podOf('a');
  const inline = inlineCsiVolume(pod, { name: 'v', csi: { driver: DRIVER, readOnly: true } }) as CsiVolume;
  await assert.rejects(
    agent.support.volumes.mount(pod, inline, bed.ctx),
    /volume mode "Ephemeral" not supported by driver/,
  );
  bed.csiDriver({ volumeLifecycleModes: ['Ephemeral'] });
  await agent.support.volumes.mount(pod, inline, bed.ctx);
  await agent.support.volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods(), ['publish', 'unpublish']);
  assert.match(bed.calls[0]?.request.volumeId, /^csi-[0-9a-f]{64}$/);
  assert.equal(bed.calls[0]?.request.readonly, true);
});

test('a block volume is published to a file of its own and linked for the container', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  const agent = await bed.agentWithDriver();
  const pv = persistentVolume('raw', {}, { volumeMode: 'Block' });
  const { hostPath, block } = await agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx);
  assert.equal(block, true);
  const root = '/plugins/kubernetes.io/csi/volumeDevices';
  assert.equal(await bed.files.readlink(hostPath), `/data${root}/publish/raw/uid-a`);
  assert.equal(bed.calls[0]?.request.stagingTargetPath, `/var/lib/kubelet${root}/staging/raw`);
  assert.deepEqual(bed.calls[0]?.request.volumeCapability.block, {});
  await agent.support.volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods(), ['stage', 'publish', 'unpublish', 'unstage']);
  assert.deepEqual(
    bed.files.paths().filter((path) => path.includes('/raw')),
    [],
  );
});

test('a new agent leaves what runs alone, and unstages what nobody uses', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  const first = await bed.agentWithDriver();
  const pv = persistentVolume('data');
  await first.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx);
  const orphan = persistentVolume('orphan');
  bed.driver.fails.set('publish', new CsiError('DeadlineExceeded', 'slow'));
  await assert.rejects(
    first.support.volumes.mount(podOf('b'), volumeOf(orphan), bed.ctx),
    /MountVolume.SetUp failed for volume "orphan" : rpc error: code = DeadlineExceeded desc = slow/,
  );
  bed.calls.length = 0;

  const next = bed.createAgent();
  await next.support.volumes.recover();
  assert.deepEqual(next.inUse.list().length, 2);
  // The driver is not back yet: the Pod's volume is there all the same.
  await next.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx);
  await next.start(bed.ctx);
  await next.handler.register(bed.plugin, bed.ctx);
  await bed.clock.settle();
  assert.deepEqual(bed.methods(), []);
  await next.support.volumes.unmount('uid-b', bed.ctx);
  await next.support.volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods(), ['unpublish', 'unstage', 'unpublish', 'unstage']);
  assert.deepEqual(next.inUse.list(), []);
});

test('what is known to have failed needs no undoing; what may still be at work is undone', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  const agent = await bed.agentWithDriver();
  const pv = persistentVolume('data');
  bed.driver.fails.set('stage', new CsiError('Internal', 'no disk'));
  await assert.rejects(
    agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx),
    /^MountError: MountVolume.MountDevice failed for volume "data" : rpc error: code = Internal desc = no disk$/,
  );
  await agent.support.volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods(), ['stage']);
  bed.driver.fails.set('stage', new CsiError('Unavailable', 'later'));
  await assert.rejects(agent.support.volumes.mount(podOf('a'), volumeOf(pv), bed.ctx), /later/);
  await agent.support.volumes.unmount('uid-a', bed.ctx);
  assert.deepEqual(bed.methods(), ['stage', 'stage', 'unpublish', 'unstage']);
});

test('a claim that grew: the driver is asked, the claim says its new size', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  const agent = await bed.agentWithDriver();
  const pv = persistentVolume('data', {}, { capacity: { storage: '2Gi' } });
  const pod = podOf('a');
  bed.api.seed({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c', namespace: 'default' },
    spec: { volumeName: 'data' },
    status: {
      capacity: { storage: '1Gi' },
      conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
      allocatedResourceStatuses: { storage: 'NodeResizePending' },
    },
  });
  const claim = () => bed.api.objects(coreV1.PersistentVolumeClaim)[0] as PersistentVolumeClaim;
  await agent.support.volumes.mount(pod, volumeOf(pv), bed.ctx);
  bed.driver.fails.set('expand', new CsiError('Internal', 'busy'));
  await agent.support.expandIfDue(pod, claim(), pv, volumeOf(pv), bed.ctx);
  assert.equal(claim().status?.capacity?.['storage'], '1Gi');
  assert.match(bed.told[0] ?? '', /^Warning VolumeResizeFailed: .*busy/);
  await agent.support.expandIfDue(pod, claim(), pv, volumeOf(pv), bed.ctx);
  const { request } = bed.calls.at(-1) ?? assert.fail();
  assert.deepEqual(request.capacityRange, { requiredBytes: 2 * 1024 ** 3 });
  assert.equal(request.volumePath, '/var/lib/kubelet/pods/uid-a/volumes/kubernetes.io~csi/data/mount');
  assert.deepEqual(claim().status, { capacity: { storage: '2Gi' }, conditions: [] });
  await agent.support.expandIfDue(pod, claim(), pv, volumeOf(pv), bed.ctx);
  assert.equal(bed.methods().filter((method) => method === 'expand').length, 2);
});

test('a driver that measures is asked where the volume is, at most once a minute', async () => {
  const bed = createTestCsi();
  bed.csiDriver({ attachRequired: false });
  const agent = await bed.agentWithDriver();
  const volume = volumeOf(persistentVolume('data'));
  await agent.support.volumes.mount(podOf('a'), volume, bed.ctx);
  assert.equal(await agent.support.measure(podOf('a'), volume, bed.ctx), undefined);
  bed.driver.capabilities.add('GET_VOLUME_STATS');
  const wanted = { availableBytes: 7, capacityBytes: 10, usedBytes: 3 };
  assert.deepEqual(await agent.support.measure(podOf('a'), volume, bed.ctx), wanted);
  assert.deepEqual(await agent.support.measure(podOf('a'), volume, bed.ctx), wanted);
  assert.deepEqual(bed.methods(), ['stage', 'publish', 'stats']);
  assert.equal(
    bed.calls.at(-1)?.request.volumePath,
    '/var/lib/kubelet/pods/uid-a/volumes/kubernetes.io~csi/data/mount',
  );
});
