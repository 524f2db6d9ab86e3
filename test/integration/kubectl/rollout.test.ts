/** kubectl rollout, scale, expose, run, set image, taint, cordon, drain, autoscale, wait. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, startCluster, type TestCluster } from '../../support/cluster.ts';
import { deployment, pod, WEB } from '../../support/manifests.ts';

let cluster: TestCluster;
let ns: string;
before(async () => {
  cluster = await startCluster({
    name: 't-rollout',
    apiPort: 16444,
    podCidr: '10.112.0.0/16',
    serviceCidr: '10.113.0.0/16',
  });
  ns = await cluster.namespace('roll');
});
after(() => cluster?.[Symbol.asyncDispose]());
const k = (args: string) => cluster.kubectl(`-n ${ns} ${args}`);

describe('rollouts', () => {
  test('history, undo, restart, pause and resume', async () => {
    await cluster.apply(deployment('app', 2, { ...WEB, namespace: ns }));
    await k('rollout status deployment/app --timeout=90s');
    await k('set env deployment/app VERSION=2');
    await k('annotate deployment/app kubernetes.io/change-cause=second');
    await k('rollout status deployment/app --timeout=90s');
    assert.match(await k('rollout history deployment/app'), /REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+second\n/);
    assert.match(await k('rollout undo deployment/app'), /deployment.apps\/app rolled back/);
    await k('rollout status deployment/app --timeout=90s');
    assert.equal(await k("get deployment app -o jsonpath='{.spec.template.spec.containers[0].env}'"), '');
    assert.match(await k('rollout history deployment/app'), /2\s+second\n3\s+<none>/);
    const before = await k('get pods -l app=app -o name');
    await k('rollout restart deployment/app');
    await k('rollout status deployment/app --timeout=90s');
    assert.notEqual(await k('get pods -l app=app -o name'), before);
    await k('rollout pause deployment/app');
    await k('set env deployment/app VERSION=3');
    const replicaSets = await k('get replicasets -l app=app -o name');
    await k('rollout resume deployment/app');
    await k('rollout status deployment/app --timeout=90s');
    assert.notEqual(await k('get replicasets -l app=app -o name'), replicaSets);
  });

  test('a bad image stops the rollout and leaves the old Pods serving', async () => {
    await k('set image deployment/app main=nowhere.invalid/none:1');
    await eventually('the new Pod says why', async () =>
      /ErrImagePull|ImagePullBackOff/.test(await k('get pods -l app=app')),
    );
    assert.equal(await k("get deployment app -o jsonpath='{.status.availableReplicas}'"), '2');
    await k('rollout undo deployment/app');
    await k('rollout status deployment/app --timeout=90s');
  });

  test('scales, exposes, autoscales', async () => {
    await k('scale deployment/app --replicas=3');
    await k('rollout status deployment/app --timeout=90s');
    await k('expose deployment/app --port=80 --target-port=http --name=app');
    await eventually('the endpoints are there', async () => {
      const addresses = await k(
        "get endpointslices -l kubernetes.io/service-name=app -o jsonpath='{.items[*].endpoints[*].addresses[0]}'",
      );
      return addresses.split(' ').length === 3;
    });
    assert.match(
      await k('autoscale deployment app --min=1 --max=5 --cpu=80%'),
      /horizontalpodautoscaler.autoscaling\/app autoscaled/,
    );
    assert.match(await k('get hpa app'), /Deployment\/app\s+cpu: <unknown>\/80%\s+1\s+5/);
    await k('delete hpa app');
  });

  test('runs a Pod and waits for it', async () => {
    await k('run once --image=busybox:1.38 --restart=Never -- sh -c "echo done"');
    await k("wait --for=jsonpath='{.status.phase}'=Succeeded pod/once --timeout=60s");
    assert.equal(await k('logs once'), 'done\n');
  });
});

describe('nodes', () => {
  test('taint, cordon and drain with a budget', async () => {
    const node = 't-rollout';
    await cluster.kubectl(`taint node ${node} test=1:NoSchedule`);
    await cluster.apply(pod('blocked', { namespace: ns }));
    await eventually('the Pod says why it waits', async () =>
      /untolerated taint/.test(await k("get pod blocked -o jsonpath='{.status.conditions[0].message}'")),
    );
    await cluster.kubectl(`taint node ${node} test:NoSchedule-`);
    await k('wait --for=condition=Ready pod/blocked --timeout=60s');
    await cluster.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'keep', namespace: ns },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'blocked' } } },
    });
    await eventually(
      'the budget is counted',
      async () => (await k("get pdb keep -o jsonpath='{.status.currentHealthy}'")) === '1',
    );
    const refused = await cluster.tryKubectl(
      `drain ${node} --force --ignore-daemonsets --delete-emptydir-data --timeout=8s`,
    );
    assert.match(refused.stderr, /Cannot evict pod as it would violate the pod's disruption budget/);
    assert.match(await cluster.kubectl(`get node ${node}`), /Ready,SchedulingDisabled/);
    await k('delete pdb keep');
    await cluster.kubectl(`drain ${node} --force --ignore-daemonsets --delete-emptydir-data --timeout=90s`);
    await cluster.kubectl(`uncordon ${node}`);
    await k('rollout status deployment/app --timeout=90s');
  });
});
