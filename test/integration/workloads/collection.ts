/** Garbage collection by owner, deletion of namespaces, events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Namespace } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { deployment, pod, service } from '../../support/manifests.ts';
import { openSession, type Session } from '../../support/session.ts';

const map = (name: string, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
});
const isGone = async (s: Session, what: string) => (await s.try(`get ${what}`)).stderr.includes('not found');
const ownerOf = ({ metadata }: ConfigMap, more: object = {}) => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid, ...more }],
});

export function collectionTests(cluster: () => TestCluster): void {
  test('what an owner owned goes with it; what had a second owner stays', async () => {
    const s = await openSession(cluster(), 'owner');
    await s.apply(map('one'), map('two'));
    const [one, two] = [
      await s.get<ConfigMap>('v1', 'configmaps', 'one'),
      await s.get<ConfigMap>('v1', 'configmaps', 'two'),
    ];
    const both = { ownerReferences: [...ownerOf(one).ownerReferences, ...ownerOf(two).ownerReferences] };
    await s.apply(map('child', ownerOf(one)), map('shared', both));
    await s.k('delete configmap one');
    await eventually('the child is gone', () => isGone(s, 'configmap child'));
    await eventually('the reference to the first owner is gone', async () => {
      const { metadata } = await s.get<ConfigMap>('v1', 'configmaps', 'shared');
      return metadata.ownerReferences?.length === 1 && metadata.ownerReferences[0]?.name === 'two';
    });
    await s.apply(
      map('stray', ownerOf({ metadata: { name: 'nobody', uid: '00000000-0000-4000-8000-000000000000' } } as ConfigMap)),
    );
    await eventually('who names an owner that never was is gone', () => isGone(s, 'configmap stray'));
  });

  test('foreground: the owner stays until what blocks it is gone', async () => {
    const s = await openSession(cluster(), 'foreground');
    await s.apply(map('owner'));
    const owner = await s.get<ConfigMap>('v1', 'configmaps', 'owner');
    await s.apply(
      map('blocker', { ...ownerOf(owner, { blockOwnerDeletion: true }), finalizers: ['kapella.test/hold'] }),
    );
    await s.k('delete configmap owner --cascade=foreground --wait=false');
    await eventually(
      'the blocker is being deleted',
      async () => (await s.get<ConfigMap>('v1', 'configmaps', 'blocker')).metadata.deletionTimestamp !== undefined,
    );
    const waiting = await s.get<ConfigMap>('v1', 'configmaps', 'owner');
    assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
    await s.k(`patch configmap blocker --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`);
    await eventually(
      'both are gone',
      async () => (await isGone(s, 'configmap owner')) && isGone(s, 'configmap blocker'),
    );
  });

  test('a namespace goes with everything in it, and takes nothing new meanwhile', async () => {
    const s = await openSession(cluster(), 'leaving');
    await s.apply(
      deployment('app', 2),
      service('app', { ports: [{ port: 80 }] }),
      map('held', { finalizers: ['kapella.test/hold'] }),
    );
    await s.k('rollout status deployment/app --timeout=60s');
    await s.k(`delete namespace ${s.ns} --wait=false`);
    const held = await eventually('it says what it waits for', async () => {
      const { status } = await s.api.get<Namespace>(`/api/v1/namespaces/${s.ns}`);
      const found = status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining');
      return found?.status === 'True' && status?.phase === 'Terminating' && found;
    });
    assert.match(held.message ?? '', /kapella\.test\/hold in 1 resource instances/);
    const refused = await s.try('create configmap more');
    assert.match(
      refused.stderr,
      new RegExp(`forbidden: unable to create new content in namespace ${s.ns} because it is being terminated`),
    );
    await s.k(`patch configmap held --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`);
    await eventually('the namespace is gone', () => isGone(s, `namespace ${s.ns}`));
    const left = await cluster().kubectl('get pods,deployments,services -A --no-headers');
    assert.doesNotMatch(left, new RegExp(`^${s.ns}\\s`, 'm'));
  });

  test('events tell the life of a Pod in order, and repeat as a count', async () => {
    const s = await openSession(cluster(), 'events');
    await s.apply(pod('main'));
    await s.ready('main');
    const created = await s.events('main');
    const told = created.map(({ type, reason }) => `${type} ${reason}`);
    for (const reason of ['Scheduled', 'Pulled', 'Created', 'Started'])
      assert.ok(told.includes(`Normal ${reason}`), `${reason} in ${told}`);
    const pulled = created.find(({ reason }) => reason === 'Pulled');
    assert.match(pulled?.message ?? '', /^Container image "busybox:1\.38" already present on machine/);
    assert.equal(pulled?.involvedObject.fieldPath, 'spec.containers{main}');
    assert.deepEqual([pulled?.source?.component, pulled?.source?.host], ['kubelet', cluster().name]);
    const scheduled = created.find(({ reason }) => reason === 'Scheduled');
    assert.equal(scheduled?.message, `Successfully assigned ${s.ns}/main to ${cluster().name}`);
    assert.match(await s.k('events --for pod/main'), /Normal\s+Started\s+Pod\/main/);
    assert.match(await s.k('get events --field-selector reason=Started'), /Started\s+pod\/main/);

    const container = { readinessProbe: { exec: { command: ['false'] }, periodSeconds: 1 } };
    await s.apply(pod('unready', { container }));
    const repeated = await eventually('the same event is counted', async () =>
      (await s.events('unready')).find(({ reason, count }) => reason === 'Unhealthy' && (count ?? 0) >= 3),
    );
    assert.equal((await s.events('unready')).filter(({ reason }) => reason === 'Unhealthy').length, 1);
    assert.ok(Date.parse(repeated.lastTimestamp ?? '') > Date.parse(repeated.firstTimestamp ?? ''));
  });
}
