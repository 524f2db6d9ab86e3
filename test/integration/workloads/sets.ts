/** StatefulSet and DaemonSet. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DaemonSet, StatefulSet } from '@kapella/api/types/apps-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { IDLE, podSpec } from '../../support/manifests.ts';
import { openSession, type Session } from '../../support/session.ts';

const LABELS = { app: 'db' };

export function setTests(cluster: () => TestCluster): void {
  test('StatefulSet: one after the other, names and volumes that stay, updates from the last', async () => {
    const s = await openSession(cluster(), 'stateful');
    await s.apply(...[0, 1].map((index) => volume(cluster(), s, index)), headless(), statefulSet());
    await s.k('rollout status statefulset/db --timeout=60s');
    const [first, second] = [await s.pod('db-0'), await s.pod('db-1')];
    assert.ok(createdMs(second) >= readyMs(first), 'db-1 waited for db-0');
    assert.equal(first.metadata.labels?.['apps.kubernetes.io/pod-index'], '0');
    assert.match(await s.k('get pvc'), /data-db-0\s+Bound[\s\S]*data-db-1\s+Bound/);
    assert.equal(await s.exec('db-1', 'hostname; cat /data/born'), 'db-1\ndb-1');
    const ping = await s.exec('db-1', 'ping -c 1 -W 1 db-0.db | head -1');
    assert.ok(ping.startsWith(`PING db-0.db (${first.status?.podIP})`), ping);

    await s.exec('db-0', 'echo precious > /data/file');
    await s.k('delete pod db-0');
    const again = await s.podUntil('db-0', 'is a new Pod', (seen) => seen.metadata.uid !== first.metadata.uid);
    assert.notEqual(again.metadata.uid, first.metadata.uid);
    await s.ready('db-0');
    assert.equal(await s.exec('db-0', 'cat /data/file'), 'precious');

    await s.k('set env statefulset/db VERSION=2');
    await s.k('rollout status statefulset/db --timeout=60s');
    assert.ok(createdMs(await s.pod('db-0')) >= readyMs(await s.pod('db-1')), 'the highest ordinal is updated first');
    const { status } = await s.get<StatefulSet>('apps/v1', 'statefulsets', 'db');
    assert.equal(status?.currentRevision, status?.updateRevision);

    await s.k('scale statefulset/db --replicas=1');
    await eventually('db-1 is gone', async () => (await s.try('get pod db-1')).stderr.includes('not found'));
    assert.match(await s.k('get pods -o name'), /^pod\/db-0\n$/);
    assert.match(await s.k('get pvc -o name'), /data-db-1/, 'claims stay');
  });

  test('DaemonSet: one Pod on each node, updated, removed', async () => {
    const s = await openSession(cluster(), 'daemon');
    await s.apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: { metadata: { labels: { app: 'agent' } }, spec: podSpec({ script: IDLE }) },
      },
    });
    await s.k('rollout status daemonset/agent --timeout=60s');
    const { status } = await s.get<DaemonSet>('apps/v1', 'daemonsets', 'agent');
    assert.deepEqual([status?.desiredNumberScheduled, status?.numberReady, status?.numberMisscheduled], [1, 1, 0]);
    assert.match(await s.k('get daemonset agent'), /agent\s+1\s+1\s+1\s+1\s+1\s+<none>/);
    const [before] = await s.pods('app=agent');
    assert.equal(before?.spec.nodeName, cluster().name);
    await s.k('set env daemonset/agent VERSION=2');
    await s.k('rollout status daemonset/agent --timeout=60s');
    const [after] = (await s.pods('app=agent')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    assert.notEqual(after?.metadata.uid, before?.metadata.uid);
    await s.k(`patch daemonset agent -p '{"spec":{"template":{"spec":{"nodeSelector":{"none":"such"}}}}}'`);
    await eventually('no node is selected', async () => (await s.pods('app=agent')).length === 0);
    await s.k('delete daemonset agent');
  });
}

const createdMs = ({ metadata }: Pod) => Date.parse(metadata.creationTimestamp ?? '');
const readyMs = ({ status }: Pod) =>
  Date.parse(status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');

const headless = () => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'db' },
  spec: { clusterIP: 'None', selector: LABELS, ports: [{ name: 'db', port: 1234 }] },
});

function statefulSet(): object {
  const container = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const script = `test -e /data/born || hostname > /data/born; ${IDLE}`;
  const spec = { storageClassName: '', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      serviceName: 'db',
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: podSpec({ script, container }) },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec }],
    },
  };
}

/** A volume for exactly one claim. */
function volume(cluster: TestCluster, s: Session, index: number): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${s.ns}-${index}` },
    spec: {
      capacity: { storage: '1Mi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: '',
      claimRef: { namespace: s.ns, name: `data-db-${index}` },
      hostPath: { path: join(cluster.dataDir, 'volumes', `${s.ns}-${index}`), type: 'DirectoryOrCreate' },
    },
  };
}
