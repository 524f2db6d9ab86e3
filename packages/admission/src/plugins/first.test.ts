/** The plugins without which no Pod runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { fakeServer, requestFor, testCtx } from '../testing/fake-server.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds/default-toleration-seconds.plugin.ts';
import { namespaceLifecycle } from './namespace-lifecycle/namespace-lifecycle.plugin.ts';
import { priority } from './priority/priority.plugin.ts';
import { serviceAccount } from './service-account/service-account.plugin.ts';

const meta = (name: string, namespace = '') => ({
  name,
  namespace,
  uid: '1',
  resourceVersion: '1',
  creationTimestamp: '',
});
const pod = (spec: object = {}, metadata: object = {}) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { ...meta('web', 'apps'), ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const namespace = (name: string, phase = 'Active') => ({ kind: 'Namespace', metadata: meta(name), status: { phase } });
const account = (part: object = {}) => ({ kind: 'ServiceAccount', metadata: meta('default', 'apps'), ...part });
const run = async (
  plugin: AdmissionPlugin,
  request: ReturnType<typeof requestFor>,
  objects: readonly never[] | readonly object[],
) => {
  const server = fakeServer(objects as never);
  assert.ok(plugin.handles(request));
  if (plugin.isIdle?.(request, server) === true) return request.object; // as the chain, so that being idle is tested too
  const object = (await plugin.admit?.(request, server, testCtx())) ?? request.object;
  await plugin.validate?.({ ...request, object }, server, testCtx());
  return object;
};

test('a namespace must exist and live', async () => {
  const create = requestFor('configmaps', { object: { ...pod(), kind: 'ConfigMap' } });
  await run(namespaceLifecycle, create, [namespace('apps')]);
  await assert.rejects(run(namespaceLifecycle, create, []), { message: 'namespaces "apps" not found', code: 404 });
  await assert.rejects(run(namespaceLifecycle, create, [namespace('apps', 'Terminating')]), (error: never) => {
    const { message, code, details } = error as { message: string; code: number; details: { causes: object[] } };
    const why = 'unable to create new content in namespace apps because it is being terminated';
    assert.equal(message, `configmaps "web" is forbidden: ${why}`);
    assert.equal(code, 403);
    const text = 'namespace apps is being terminated';
    assert.deepEqual(details.causes, [{ reason: 'NamespaceTerminating', message: text, field: 'metadata.namespace' }]);
    return true;
  });
});

test('default namespaces are not deleted, others and their content are', async () => {
  const remove = (name: string) => requestFor('namespaces', { operation: 'DELETE', name });
  await assert.rejects(run(namespaceLifecycle, remove('kube-system'), []), {
    message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
  });
  await run(namespaceLifecycle, remove('apps'), []);
  await run(namespaceLifecycle, requestFor('pods', { operation: 'DELETE', namespace: 'apps', name: 'x' }), []);
});

test('a Pod gets the default account and its token', async () => {
  const object = await run(serviceAccount, requestFor('pods', { object: pod() as never }), [
    account({ imagePullSecrets: [{ name: 'reg' }] }),
  ]);
  assert.deepEqual(object?.spec.imagePullSecrets, [{ name: 'reg' }]);
  assert.equal(object?.spec.serviceAccountName, 'default');
  assert.equal(object?.spec.serviceAccount, 'default');
  const [volume] = object?.spec.volumes ?? [];
  assert.match(volume.name, /^kube-api-access-[a-z0-9]{5}$/);
  assert.deepEqual(volume.projected, {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  });
  const mount = { name: volume.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
  assert.deepEqual(object?.spec.containers[0].volumeMounts, [mount]);
});

test('no token where Pod or account says so, the Pod having the last word', async () => {
  const off = await run(serviceAccount, requestFor('pods', { object: pod() as never }), [
    account({ automountServiceAccountToken: false }),
  ]);
  assert.equal(off?.spec.volumes, undefined);
  const on = await run(
    serviceAccount,
    requestFor('pods', { object: pod({ automountServiceAccountToken: true }) as never }),
    [account({ automountServiceAccountToken: false })],
  );
  assert.equal(on?.spec.volumes.length, 1);
});

test('an account that does not exist refuses the Pod', async () => {
  const request = requestFor('pods', { object: pod({ serviceAccountName: 'robot' }) as never });
  await assert.rejects(run(serviceAccount, request, []), {
    message: 'pods "web" is forbidden: error looking up service account apps/robot: serviceaccount "robot" not found',
  });
});

test('secrets are limited to those of the account where it asks for that', async () => {
  const strict = { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } };
  const objects = [account({ metadata: { ...meta('default', 'apps'), ...strict }, secrets: [{ name: 'mine' }] })];
  const volumes = (secretName: string) => ({
    object: pod({ volumes: [{ name: 'v', secret: { secretName } }] }) as never,
  });
  await run(serviceAccount, requestFor('pods', volumes('mine')), objects);
  await assert.rejects(run(serviceAccount, requestFor('pods', volumes('theirs')), objects), {
    message:
      'pods "web" is forbidden: volume with secret.secretName="theirs" is not allowed because service account ' +
      'default does not reference that secret',
  });
});

test('tolerations for nodes that went away are added where missing', async () => {
  const own = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', operator: 'Exists', tolerationSeconds: 5 };
  const object = await run(
    defaultTolerationSeconds,
    requestFor('pods', { object: pod({ tolerations: [own] }) as never }),
    [],
  );
  const added = {
    key: 'node.kubernetes.io/unreachable',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  };
  assert.deepEqual(object?.spec.tolerations, [own, added]);
  const all = [{ operator: 'Exists' }];
  const same = requestFor('pods', { object: pod({ tolerations: all }) as never });
  assert.equal(await defaultTolerationSeconds.admit?.(same, fakeServer([]), testCtx()), undefined);
});

const priorityClass = (name: string, value: number, part: object = {}) => ({
  kind: 'PriorityClass',
  metadata: meta(name),
  value,
  ...part,
});

test('a Pod gets the priority of its class, or of the default class, or zero', async () => {
  const high = priorityClass('high', 1000, { preemptionPolicy: 'Never' });
  const normal = priorityClass('normal', 10, { globalDefault: true });
  const of = async (spec: object, objects: readonly object[]) => {
    const object = await run(priority, requestFor('pods', { object: pod(spec) as never }), objects);
    return [object?.spec.priorityClassName, object?.spec.priority, object?.spec.preemptionPolicy];
  };
  assert.deepEqual(await of({ priorityClassName: 'high' }, [high, normal]), ['high', 1000, 'Never']);
  assert.deepEqual(await of({}, [high, normal]), ['normal', 10, 'PreemptLowerPriority']);
  assert.deepEqual(await of({}, [high]), [undefined, 0, 'PreemptLowerPriority']);
  await assert.rejects(of({ priorityClassName: 'none' }, []), {
    message: 'pods "web" is forbidden: no PriorityClass with name none was found',
  });
  await assert.rejects(of({ priority: 5 }, []), {
    message:
      'pods "web" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority ' +
      'admission controller computed 0 from the given PriorityClass name',
  });
});

test('only one class is the default', async () => {
  const object = priorityClass('b', 1, { globalDefault: true });
  await assert.rejects(
    run(priority, requestFor('priorityclasses', { object: object as never }), [{ ...object, metadata: meta('a') }]),
    {
      message:
        'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass a is already marked as default. Only one default can exist',
    },
  );
});
