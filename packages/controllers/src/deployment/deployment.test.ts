/** Deployments with their ReplicaSets against an API in memory: rollouts, scaling, history, pausing, deadlines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1 } from '@kapella/api';
import type { ReplicaSet } from '@kapella/api/types/apps-v1';
import { ApiError } from '@kapella/base';
import { createReplicaSetController } from '../replicaset/replicaset.controller.ts';
import { createTestBed } from '../shared/test-bed.ts';
import { createDeploymentController } from './deployment.controller.ts';

const NAME = { namespace: 'default', name: 'web' };
const deployment = (replicas: number, spec: object = {}, image = 'v1') => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...NAME, uid: 'd-uid', labels: { app: 'web' }, annotations: { team: 'a' } },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    template: template(image),
    ...spec,
  },
});
const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

async function begin(object: object) {
  const bed = createTestBed('deployment-controller');
  bed.api.seed(object);
  await bed.start(createDeploymentController(bed.deps), createReplicaSetController(bed.deps));
  const current = () => {
    const found = bed.api.objects(appsV1.Deployment)[0];
    assert.ok(found);
    return found;
  };
  const sets = () => bed.api.objects(appsV1.ReplicaSet);
  const imageOf = (set: ReplicaSet) => set.spec.template?.spec.containers[0]?.image ?? '';
  return {
    ...bed,
    current,
    sets,
    set: (image: string) => sets().find((set) => imageOf(set) === image),
    sizes: () => Object.fromEntries(sets().map((set) => [imageOf(set), set.spec.replicas])),
    condition: (type: string) => current().status?.conditions?.find((c) => c.type === type),
    async patch(spec: object) {
      await bed.client.patch(appsV1.Deployment, NAME, { type: 'merge', body: { spec } }, bed.ctx);
      await bed.clock.advance(500);
    },
    /** Lets Pods run until nothing changes any more; `watch` sees every state in between. */
    async runOut(watch: () => void = () => {}) {
      for (let i = 0; i < 30; i++) {
        await bed.run();
        watch();
        await bed.clock.advance(1000);
        watch();
      }
    },
  };
}

test('the first rollout: one set with the hash, revision 1, conditions as upstream', async () => {
  const bed = await begin(deployment(3));
  const [set, ...others] = bed.sets();
  assert.equal(others.length, 0);
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
  assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  assert.equal(set?.metadata.name, `web-${hash}`);
  assert.deepEqual(set?.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
  assert.deepEqual(set?.metadata.annotations, {
    team: 'a',
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
  });
  assert.equal(bed.current().metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  assert.equal(bed.condition('Available')?.reason, 'MinimumReplicasUnavailable');
  assert.equal(bed.condition('Progressing')?.status, 'True');
  await bed.runOut();
  const { conditions, ...status } = bed.current().status ?? {};
  assert.deepEqual(status, {
    observedGeneration: 1,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    terminatingReplicas: 0,
  });
  assert.deepEqual(
    conditions?.map((c) => [c.type, c.status, c.reason, c.message]),
    [
      ['Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
      ['Progressing', 'True', 'NewReplicaSetAvailable', `ReplicaSet "web-${hash}" has successfully progressed.`],
    ],
  );
  assert.ok(bed.told('web').includes(`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`));
  const writes = bed.api.writes.length;
  await bed.clock.advance(120_000);
  assert.equal(bed.api.writes.length, writes, 'at rest nothing is written');
  await bed.stop();
});

test('a rolling update stays within surge and unavailability all the way', async () => {
  const bed = await begin(deployment(8));
  await bed.runOut();
  let most = 0;
  let least = 8;
  await bed.patch({ template: template('v2') });
  await bed.runOut(() => {
    const pods = bed.api.objects(coreV1.Pod);
    most = Math.max(most, pods.length);
    least = Math.min(least, pods.filter((p) => p.status?.conditions?.some((c) => c.status === 'True')).length);
  });
  assert.deepEqual(bed.sizes(), { v1: 0, v2: 8 });
  assert.ok(most <= 10, `at most 10 Pods, saw ${most}`);
  assert.ok(least >= 6, `at least 6 available, saw ${least}`);
  assert.equal(bed.current().metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  assert.equal(bed.condition('Progressing')?.reason, 'NewReplicaSetAvailable');
  await bed.stop();
});

test('going back takes up the old set with a new revision and keeps its history', async () => {
  const bed = await begin(deployment(2));
  await bed.runOut();
  await bed.patch({ template: template('v2') });
  await bed.runOut();
  await bed.patch({ template: template('v1') });
  await bed.runOut();
  assert.equal(bed.sets().length, 2);
  assert.deepEqual(bed.sizes(), { v1: 2, v2: 0 });
  const annotations = bed.set('v1')?.metadata.annotations;
  assert.equal(annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(annotations?.['deployment.kubernetes.io/revision-history'], '1');
  assert.equal(bed.current().metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  await bed.stop();
});

test('Recreate: no new Pod before the last old one is gone', async () => {
  const bed = await begin(deployment(3, { strategy: { type: 'Recreate' } }));
  await bed.runOut();
  await bed.client.patch(
    coreV1.Pod,
    bed.api.objects(coreV1.Pod)[0] as never,
    { type: 'merge', body: { metadata: { finalizers: ['test/hold'] } } },
    bed.ctx,
  );
  await bed.patch({ template: template('v2') });
  await bed.clock.advance(5000);
  assert.deepEqual(bed.sizes(), { v1: 0 });
  const held = bed.api.objects(coreV1.Pod);
  assert.equal(held.length, 1);
  await bed.client.patch(
    coreV1.Pod,
    held[0] as never,
    { type: 'merge', body: { metadata: { finalizers: [] } } },
    bed.ctx,
  );
  await bed.runOut();
  assert.deepEqual(bed.sizes(), { v1: 0, v2: 3 });
  await bed.stop();
});

test('paused: a new template waits, scaling does not; resumed: it rolls', async () => {
  const bed = await begin(deployment(2));
  await bed.runOut();
  await bed.patch({ paused: true });
  assert.equal(bed.condition('Progressing')?.reason, 'DeploymentPaused');
  await bed.patch({ template: template('v2'), replicas: 4 });
  await bed.runOut();
  assert.deepEqual(bed.sizes(), { v1: 4 });
  await bed.patch({ paused: false });
  await bed.runOut();
  assert.deepEqual(bed.sizes(), { v1: 0, v2: 4 });
  assert.equal(bed.condition('Progressing')?.reason, 'NewReplicaSetAvailable');
  await bed.stop();
});

test('scaling amid a rollout is in proportion', async () => {
  const bed = await begin(
    deployment(10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }),
  );
  await bed.runOut();
  await bed.patch({ template: template('broken') });
  await bed.clock.advance(2000);
  assert.deepEqual(bed.sizes(), { v1: 8, broken: 5 });
  await bed.patch({ replicas: 15 });
  await bed.clock.advance(2000);
  assert.deepEqual(bed.sizes(), { v1: 11, broken: 7 });
  await bed.stop();
});

test('no progress within the deadline is told, and progress afterwards takes it back', async () => {
  const bed = await begin(deployment(1, { progressDeadlineSeconds: 60 }));
  await bed.clock.advance(58_000);
  assert.equal(bed.condition('Progressing')?.status, 'True');
  await bed.clock.advance(10_000);
  const name = bed.sets()[0]?.metadata.name;
  const told = bed.condition('Progressing');
  assert.deepEqual(
    [told?.status, told?.reason, told?.message],
    ['False', 'ProgressDeadlineExceeded', `ReplicaSet "${name}" has timed out progressing.`],
  );
  await bed.runOut();
  assert.equal(bed.condition('Progressing')?.reason, 'NewReplicaSetAvailable');
  await bed.stop();
});

test('history beyond the limit goes, oldest first', async () => {
  const bed = await begin(deployment(1, { revisionHistoryLimit: 2 }));
  for (const image of ['v2', 'v3', 'v4', 'v5']) {
    await bed.runOut();
    await bed.patch({ template: template(image) });
  }
  await bed.runOut();
  assert.deepEqual(bed.sizes(), { v3: 0, v4: 0, v5: 1 });
  await bed.stop();
});

test('a name that is taken by another template gets another hash', async () => {
  const probe = await begin(deployment(1));
  const name = probe.sets()[0]?.metadata.name ?? '';
  await probe.stop();
  const bed = createTestBed();
  const foreign = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default', labels: { other: 'x' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { other: 'x' } },
      template: { metadata: { labels: { other: 'x' } }, spec: { containers: [] } },
    },
  };
  bed.api.seed(deployment(1), foreign);
  await bed.start(createDeploymentController(bed.deps), createReplicaSetController(bed.deps));
  await bed.clock.advance(1000);
  const owned = bed.api.objects(appsV1.ReplicaSet).filter((set) => set.metadata.ownerReferences !== undefined);
  assert.equal(owned.length, 1);
  assert.notEqual(owned[0]?.metadata.name, name);
  assert.equal(bed.api.objects(appsV1.Deployment)[0]?.status?.collisionCount, 1);
  await bed.stop();
});

test('a set that cannot be made is told as event and condition', async () => {
  const bed = createTestBed();
  bed.api.intercept = ({ method, plural }) => {
    if (method === 'POST' && plural === 'replicasets') throw new ApiError('Forbidden', 'exceeded quota');
    return undefined;
  };
  bed.api.seed(deployment(1));
  await bed.start(createDeploymentController(bed.deps));
  const progressing = bed.api.objects(appsV1.Deployment)[0]?.status?.conditions?.find((c) => c.type === 'Progressing');
  assert.deepEqual([progressing?.status, progressing?.reason], ['False', 'ReplicaSetCreateError']);
  assert.match(progressing?.message ?? '', /^Failed to create new replica set "web-[a-z0-9]+": exceeded quota$/);
  assert.match(bed.told('web')[0] ?? '', /^ReplicaSetCreateError: Failed to create new replica set/);
  await bed.stop();
});

test('a Pod that cannot be made shows on the Deployment too', async () => {
  const bed = createTestBed();
  bed.api.intercept = ({ method, plural }) => {
    if (method === 'POST' && plural === 'pods') throw new ApiError('Forbidden', 'exceeded quota');
    return undefined;
  };
  bed.api.seed(deployment(1));
  await bed.start(createDeploymentController(bed.deps), createReplicaSetController(bed.deps));
  await bed.clock.advance(2000);
  const failure = bed.api.objects(appsV1.Deployment)[0]?.status?.conditions?.find((c) => c.type === 'ReplicaFailure');
  assert.deepEqual([failure?.status, failure?.reason, failure?.message], ['True', 'FailedCreate', 'exceeded quota']);
  await bed.stop();
});
