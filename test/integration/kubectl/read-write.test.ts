/** Real kubectl 1.36 against Kapella: reading, writing, patching, applying, deleting. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, startCluster, type TestCluster, writeFiles } from '../../support/cluster.ts';
import { deployment, pod } from '../../support/manifests.ts';

let cluster: TestCluster;
let ns: string;
before(async () => {
  cluster = await startCluster({
    name: 't-kubectl',
    apiPort: 16443,
    podCidr: '10.110.0.0/16',
    serviceCidr: '10.111.0.0/16',
  });
  ns = await cluster.namespace('rw');
});
after(() => cluster?.[Symbol.asyncDispose]());

const k = (args: string, input?: string) => cluster.kubectl(`-n ${ns} ${args}`, input === undefined ? {} : { input });

describe('kubectl get', () => {
  before(async () => {
    await cluster.apply(deployment('web', 2, { namespace: ns }));
    await k('rollout status deployment/web --timeout=60s');
  });

  test('prints tables as upstream does, wide and across namespaces', async () => {
    assert.match(
      await k('get deployments'),
      /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2\s+2\s+2\s+\d+s\n$/,
    );
    assert.match(
      await k('get deployments -o wide'),
      /CONTAINERS\s+IMAGES\s+SELECTOR\nweb .* main\s+busybox:1.38\s+app=web/,
    );
    assert.match(
      await k('get pods -o wide'),
      /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES/,
    );
    assert.match(await k('get all'), /pod\/web-[\s\S]*deployment.apps\/web[\s\S]*replicaset.apps\/web-/);
    assert.match(await cluster.kubectl('get pods -A'), /NAMESPACE\s+NAME[\s\S]*rw-1\s+web-/);
    assert.match(await cluster.kubectl('get nodes'), /t-kubectl\s+Ready\s+\S+\s+\d+\w*\s+v1\.36/);
  });

  test('prints yaml, json, jsonpath, custom columns, names', async () => {
    assert.match(await k('get deployment web -o yaml'), /^apiVersion: apps\/v1\nkind: Deployment\nmetadata:/);
    assert.equal(JSON.parse(await k('get deployment web -o json')).spec.strategy.type, 'RollingUpdate');
    assert.equal(await k("get deployment web -o jsonpath='{.status.readyReplicas}'"), '2');
    assert.equal(await k('get deployments -o custom-columns=N:.metadata.name,R:.spec.replicas'), 'N     R\nweb   2\n');
    assert.equal(await k('get deployments -o name'), 'deployment.apps/web\n');
  });

  test('selects by label and field', async () => {
    assert.equal((await k('get pods -l app=web -o name')).trim().split('\n').length, 2);
    assert.equal(await k("get pods -l 'app notin (web)' -o name"), '');
    assert.equal((await k('get pods --field-selector status.phase=Running -o name')).trim().split('\n').length, 2);
    const refused = await cluster.tryKubectl(`-n ${ns} get pods --field-selector spec.bogus=1`);
    assert.match(refused.stderr, /field label not supported: spec.bogus/);
  });

  test('watches', async () => {
    const watch = cluster.spawnKubectl(`-n ${ns} get configmaps -w -o name`);
    let seen = '';
    watch.stdout?.on('data', (text) => (seen += text));
    await eventually('the first list is printed', async () => seen.includes('kube-root-ca.crt'));
    await k('create configmap watched --from-literal=a=b');
    await eventually('the new object is printed', async () => seen.includes('configmap/watched'));
    watch.kill();
  });

  test('describes with events', async () => {
    const text = await k('describe deployment web');
    assert.match(text, /Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/);
    assert.match(text, /ScalingReplicaSet\s+\S+\s+deployment-controller\s+Scaled up replica set web-\w+ from 0 to 2/);
    const podName = (await k('get pods -l app=web -o name')).trim().split('\n')[0] ?? '';
    assert.match(await k(`describe ${podName}`), /Scheduled[\s\S]*Pulled[\s\S]*Created[\s\S]*Started/);
    assert.match(await cluster.kubectl('describe node t-kubectl'), /Allocatable:[\s\S]*Non-terminated Pods:/);
    assert.match(await k('events'), /Normal\s+ScalingReplicaSet\s+Deployment\/web/);
  });
});

describe('kubectl writes', () => {
  test('labels, annotates, and removes them again', async () => {
    await k('create configmap marks');
    await k('label configmap marks tier=front');
    await k('annotate configmap marks note=x');
    assert.equal(
      await k("get configmap marks -o jsonpath='{.metadata.labels.tier}{.metadata.annotations.note}'"),
      'frontx',
    );
    await k('label configmap marks tier-');
    assert.equal(await k("get configmap marks -o jsonpath='{.metadata.labels}'"), '');
  });

  test('patches in all four ways', async () => {
    await cluster.apply(deployment('patched', 0, { namespace: ns }));
    await k(
      'patch deployment patched --type strategic -p ' +
        `'{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox:1.38"}]}}}}'`,
    );
    assert.equal(await k("get deployment patched -o jsonpath='{.spec.template.spec.containers[*].name}'"), 'side main');
    await k(`patch deployment patched --type merge -p '{"metadata":{"labels":{"merged":"yes"}}}'`);
    await k(
      'patch deployment patched --type json -p ' +
        `'[{"op":"replace","path":"/spec/minReadySeconds","value":3},{"op":"test","path":"/metadata/labels/merged","value":"yes"}]'`,
    );
    assert.equal(await k("get deployment patched -o jsonpath='{.spec.minReadySeconds}'"), '3');
    const failed = await cluster.tryKubectl(
      `-n ${ns} patch deployment patched --type json -p '[{"op":"remove","path":"/spec/nope"}]'`,
    );
    assert.match(failed.stderr, /the server rejected our request due to an error in our request/);
    await k('patch deployment patched --subresource=scale --type merge -p \'{"spec":{"replicas":1}}\'');
    assert.equal(await k("get deployment patched -o jsonpath='{.spec.replicas}'"), '1');
  });

  test('applies, diffs, prunes; server-side with conflicts', async () => {
    const map = (data: object, labels = { set: 'p' }) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'applied', namespace: ns, labels },
        data,
      });
    assert.match(await k('apply -f -', map({ a: '1', b: '1' })), /configmap\/applied created/);
    assert.match(await k('apply -f -', map({ a: '1', b: '1' })), /configmap\/applied unchanged/);
    const diff = await cluster.tryKubectl(`-n ${ns} diff -f -`, { input: map({ a: '2' }) });
    assert.equal(diff.code, 1);
    assert.match(diff.stdout, /- {2}a: "1"[\s\S]*\+ {2}a: "2"/);
    assert.match(await k('apply -f -', map({ a: '2' })), /configmap\/applied configured/);
    assert.equal(await k("get configmap applied -o jsonpath='{.data}'"), '{"a":"2"}');
    const other = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'other', namespace: ns, labels: { set: 'p' } },
    });
    assert.match(
      await k('apply --prune -l set=p --prune-allowlist=core/v1/ConfigMap -f -', other),
      /configmap\/applied pruned/,
    );

    const served = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { x: '1' } });
    assert.match(await k('apply --server-side --field-manager=one -f -', served), /serverside-applied/);
    const changed = served.replace('"1"', '"2"');
    const conflict = await cluster.tryKubectl(`-n ${ns} apply --server-side --field-manager=two -f -`, {
      input: changed,
    });
    assert.match(conflict.stderr, /conflict with "one": .data.x/);
    assert.match(
      await k('apply --server-side --field-manager=two --force-conflicts -f -', changed),
      /serverside-applied/,
    );
    assert.match(await k('get configmap ssa -o yaml --show-managed-fields'), /manager: two\n\s+operation: Apply/);
  });

  test('applies a kustomization, creates, edits', async () => {
    const directory = writeFiles({
      'kustomization.yaml': `namespace: ${ns}\nresources: [map.yaml]\nnamePrefix: k-\n`,
      'map.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: b}\n',
    });
    assert.match(await k(`apply -k ${directory}`), /configmap\/k-map created/);
    await k('create secret generic top --from-literal=pass=word');
    assert.equal(await k("get secret top -o jsonpath='{.data.pass}'"), 'd29yZA==');
    const edited = await cluster.tryKubectl(`-n ${ns} edit configmap k-map`, {
      env: { KUBE_EDITOR: 'sed -i /a:/s/b$/c/' },
    });
    assert.match(edited.stdout, /configmap\/k-map edited/);
    assert.equal(await k("get configmap k-map -o jsonpath='{.data.a}'"), 'c');
  });

  test('deletes in foreground, background, orphaning, with grace and by force', async () => {
    const gone = (kind: string, selector: string) =>
      eventually(`${kind} ${selector} are gone`, async () => (await k(`get ${kind} -l ${selector} -o name`)) === '');
    for (const how of ['foreground', 'background']) {
      await cluster.apply(deployment(`del-${how}`, 1, { namespace: ns }));
      await k(`rollout status deployment/del-${how} --timeout=60s`);
      await k(`delete deployment del-${how} --cascade=${how}`);
      await gone('replicasets,pods', `app=del-${how}`);
    }
    await cluster.apply(deployment('del-orphan', 1, { namespace: ns }));
    await k('rollout status deployment/del-orphan --timeout=60s');
    await k('delete deployment del-orphan --cascade=orphan');
    assert.match(await k('get replicasets -l app=del-orphan -o name'), /replicaset/);
    assert.equal(await k("get replicasets -l app=del-orphan -o jsonpath='{.items[0].metadata.ownerReferences}'"), '');
    await k('delete replicaset -l app=del-orphan');
    await cluster.apply(
      pod('stubborn', {
        namespace: ns,
        script: "trap '' TERM; sleep 1000",
        spec: { terminationGracePeriodSeconds: 600 },
      }),
    );
    await k('wait --for=condition=Ready pod/stubborn --timeout=60s');
    await k('delete pod stubborn --grace-period=1');
    await cluster.apply(
      pod('forced', {
        namespace: ns,
        script: "trap '' TERM; sleep 1000",
        spec: { terminationGracePeriodSeconds: 600 },
      }),
    );
    await k('wait --for=condition=Ready pod/forced --timeout=60s');
    await k('delete pod forced --force --grace-period=0');
    assert.match((await cluster.tryKubectl(`-n ${ns} get pod forced`)).stderr, /pods "forced" not found/);
  });
});

describe('kubectl asks', () => {
  test('explains, lists resources and versions, checks access, shows the cluster', async () => {
    assert.match(await cluster.kubectl('explain deployment.spec.replicas'), /FIELD: replicas <integer>/);
    assert.match(await cluster.kubectl('explain pods --recursive'), /containers\s+<\[\]Container> -required-/);
    assert.match(await cluster.kubectl('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
    assert.match(await cluster.kubectl('api-versions'), /^admissionregistration.k8s.io\/v1\n/);
    assert.equal(await cluster.kubectl('auth can-i create pods'), 'yes\n');
    const no = await cluster.tryKubectl('auth can-i create pods --as=nobody');
    assert.equal(no.stdout, 'no\n');
    assert.match(await cluster.kubectl('auth whoami'), /Username\s+kubernetes-admin/);
    assert.match(
      await cluster.kubectl('cluster-info'),
      /Kubernetes control plane.* is running at .*https:\/\/127.0.0.1:16443/,
    );
    assert.match(await cluster.kubectl('config get-contexts -o name'), /t-kubectl/);
    assert.match(await cluster.kubectl('version'), /Server Version: v1\.36/);
    const top = await cluster.tryKubectl('top nodes');
    assert.match(top.stderr, /Metrics API not available/);
  });
});
