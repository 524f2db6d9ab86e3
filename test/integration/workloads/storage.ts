/** Claims: the default class of a new cluster. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PersistentVolume } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { startLoopDriver } from '../../support/csi.ts';
import { IDLE, podSpec } from '../../support/manifests.ts';
import { snapshotClass, snapshotKinds, snapshotOf } from '../../support/snapshots.ts';
import { openSession } from '../../support/session.ts';

export function storageTests(cluster: () => TestCluster): void {
  test('a claim without a class gets a directory of the node, which goes with it', async () => {
    const s = await openSession(cluster(), 'claim');
    assert.match(
      await s.k('get storageclass'),
      /local-path \(default\)\s+local-path\.kapella\.io\s+Delete\s+WaitForFirstConsumer\s+false/,
    );
    const capacity = await s.k(
      `get csistoragecapacity -n kube-system local-path-${cluster().name} -o jsonpath={.capacity}`,
    );
    assert.match(capacity, /^\d+Mi$/);
    await s.apply(
      claim('data', '1Gi'),
      claim('huge', '1000Ti'),
      user('writer', 'data', 'echo kept > /v/file'),
      user('waits', 'huge', 'true'),
    );
    assert.equal((await s.finished('writer')).status?.phase, 'Succeeded');
    const name = await s.k('get pvc data -o jsonpath={.spec.volumeName}');
    const { spec } = JSON.parse(await s.k(`get pv ${name} -o json`)) as PersistentVolume;
    const path = spec.local?.path ?? '';
    assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'kept\n');
    await s.apply(user('reader', 'data', 'cat /v/file'));
    await s.finished('reader');
    assert.equal(await s.k('logs reader'), 'kept\n');
    await s.eventOf('waits', 'FailedScheduling', /node\(s\) did not have enough free storage/);
    await s.k('delete pod writer reader waits --force');
    await s.k('delete pvc data huge');
    await eventually('the directory is gone', async () => !existsSync(path));
    await eventually('the volume is gone', async () => (await s.try(`get pv ${name}`)).code !== 0);
    assert.deepEqual(readdirSync(join(path, '..')), []);
  });
  test('a CSI driver: provisioned, mounted, grown while mounted, snapshot, restored, cloned, a device, deleted', async () => {
    await using driver = await startLoopDriver(cluster());
    const s = await openSession(cluster(), 'csi');
    await eventually('the driver is on the node', async () => {
      const keys = await s.k(`get csinode ${cluster().name} -o jsonpath={.spec.drivers[*].topologyKeys}`);
      return keys.includes('topology.loop.csi.kapella.io/node');
    });
    const loop = { storageClassName: 'loop' };
    await s.apply(claim('data', '1Gi', loop), user('first', 'data', `echo one > /v/file; ${IDLE}`, '/v'));
    await s.ready('first');
    assert.match(await s.exec('first', 'df -h /v | tail -n 1; stat -c %g /v'), /\/dev\/loop\d+ +\d+\.\dM .*\n2000$/);

    await s.k(`patch pvc data -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'`);
    await eventually(
      'the claim has grown',
      async () => (await s.k('get pvc data -o jsonpath={.status.capacity.storage}')) === '2Gi',
      GROWTH_MS_MAX,
    );
    assert.match(await s.exec('first', 'df -h /v | tail -n 1'), /\/dev\/loop\d+ +1\.9G /);
    assert.equal(await s.k('get pvc data -o jsonpath={.status.conditions}'), '');

    await cluster().apply(snapshotKinds());
    await s.k('wait --for=condition=Established crd/volumesnapshots.snapshot.storage.k8s.io --timeout=30s');
    await cluster().apply(snapshotClass);
    await s.apply(snapshotOf('data'));
    await eventually(
      'the snapshot is ready',
      async () => (await s.k('get volumesnapshot data -o jsonpath={.status.readyToUse}')) === 'true',
      GROWTH_MS_MAX,
    );
    await s.exec('first', 'echo two > /v/file; sync');
    const restored = {
      ...loop,
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'data' },
    };
    const cloned = { ...loop, dataSource: { kind: 'PersistentVolumeClaim', name: 'data' } };
    const raw = { ...loop, volumeMode: 'Block' };
    await s.apply(claim('restored', '2Gi', restored), user('second', 'restored', 'cat /v/file', '/v'));
    await s.apply(claim('cloned', '2Gi', cloned), user('third', 'cloned', 'cat /v/file', '/v'));
    await s.apply(claim('raw', '1Gi', raw), deviceUser('fourth', 'raw'));
    for (const name of ['second', 'third', 'fourth']) await s.finished(name);
    assert.equal(await s.k('logs second'), 'one\n');
    assert.equal(await s.k('logs third'), 'two\n');
    assert.equal(await s.k('logs fourth'), 'raw\n');

    await s.k('delete pod first second third fourth --force');
    await s.k('delete volumesnapshot data');
    await s.k('delete pvc --all');
    await eventually('all images are gone', async () => driver.images().length === 0, GROWTH_MS_MAX);
    assert.equal(await s.k('get pv -o jsonpath={.items[?(@.spec.storageClassName=="loop")].metadata.name}'), '');
  });
}

/** The node looks for growth three times a minute. */
const GROWTH_MS_MAX = 120_000;

const claim = (name: string, storage: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
});

const podOn = (name: string, claimName: string, script: string, container: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: podSpec({
    script,
    container: { ...container },
    spec: {
      securityContext: { runAsUser: 1000, fsGroup: 2000 },
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
      restartPolicy: 'Never',
    },
  }),
});

const user = (name: string, claimName: string, script: string, mountPath = '/v') =>
  podOn(name, claimName, script, { volumeMounts: [{ name: 'v', mountPath }] });

const deviceUser = (name: string, claimName: string) =>
  podOn(name, claimName, 'echo raw > /dev/data; head -c 4 /dev/data', {
    volumeDevices: [{ name: 'v', devicePath: '/dev/data' }],
    securityContext: { runAsUser: 0 },
  });
