/** Plugins that keep users and nodes within their bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { fakeServer, requestFor, testCtx } from '../testing/fake-server.ts';
import { certificateApproval, certificateSubjectRestriction } from './certificates/certificates.plugin.ts';
import { defaultStorageClass } from './default-storage-class/default-storage-class.plugin.ts';
import { admissionPlugins } from './index.ts';
import { limitRanger } from './limit-ranger/limit-ranger.plugin.ts';
import { nodeRestriction } from './node-restriction/node-restriction.plugin.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize/persistent-volume-claim-resize.plugin.ts';
import { podSecurity } from './pod-security/pod-security.plugin.ts';
import { resourceQuota } from './resource-quota/resource-quota.plugin.ts';
import { runtimeClass } from './runtime-class/runtime-class.plugin.ts';

const meta = (name: string, namespace = '', part: object = {}) => ({
  name,
  namespace,
  uid: 'u1',
  resourceVersion: '1',
  creationTimestamp: '',
  ...part,
});
const pod = (spec: object = {}, metadata: object = {}) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { ...meta('web', 'apps'), ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const asked = (resource: string, object: object, part: object = {}) =>
  requestFor(resource, { object: object as never, ...part });

async function run(plugin: AdmissionPlugin, request: ReturnType<typeof requestFor>, server = fakeServer([])) {
  assert.ok(plugin.handles(request), 'not handled');
  const object = (await plugin.admit?.(request, server, testCtx())) ?? request.object;
  await plugin.validate?.({ ...request, object }, server, testCtx());
  return object;
}
const refuses = (promise: Promise<unknown>, message: string) => assert.rejects(promise, { message, code: 403 });

test('plugins run in upstream order, each name once', () => {
  assert.deepEqual(
    admissionPlugins.map(({ plugin }) => plugin.name),
    [
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'NodeRestriction',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'DefaultStorageClass',
      'StorageObjectInUseProtection',
      'OwnerReferencesPermissionEnforcement',
      'PersistentVolumeClaimResize',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'CertificateSubjectRestriction',
      'DefaultIngressClass',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionWebhook',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionWebhook',
      'ResourceQuota',
    ],
  );
});

const range = (limits: readonly object[]) => ({
  kind: 'LimitRange',
  metadata: meta('bounds', 'apps'),
  spec: { limits },
});

test('LimitRanger fills in what a container leaves out and says so', async () => {
  const server = fakeServer([
    range([{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '500m', memory: '1Mi' } }]),
  ]);
  const object = await run(limitRanger, asked('pods', pod()), server);
  assert.deepEqual(object?.spec.containers[0].resources, {
    limits: { cpu: '1' },
    requests: { cpu: '500m', memory: '1Mi' },
  });
  assert.equal(
    object?.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container c; cpu limit for container c',
  );
});

test('LimitRanger names all bounds that are broken', async () => {
  const server = fakeServer([range([{ type: 'Container', min: { memory: '1Gi' }, max: { cpu: '1' } }])]);
  const resources = { limits: { cpu: '2', memory: '1Mi' }, requests: { memory: '1Mi' } };
  await refuses(
    run(limitRanger, asked('pods', pod({ containers: [{ name: 'c', resources }] })), server),
    'pods "web" is forbidden: [minimum memory usage per Container is 1Gi, but request is 1Mi, maximum cpu usage ' +
      'per Container is 1, but limit is 2]',
  );
});

const quota = (hard: object, used: object = {}) => ({
  kind: 'ResourceQuota',
  metadata: meta('q', 'apps'),
  spec: { hard },
  status: { hard, used },
});

test('ResourceQuota counts and refuses with the numbers', async () => {
  const server = fakeServer([quota({ pods: '2', 'requests.cpu': '1' }, { pods: '1', 'requests.cpu': '800m' })]);
  const of = (cpu: string) => asked('pods', pod({ containers: [{ name: 'c', resources: { requests: { cpu } } }] }));
  await refuses(
    run(resourceQuota, of('300m'), server),
    'pods "web" is forbidden: exceeded quota: q, requested: requests.cpu=300m, used: requests.cpu=800m, limited: requests.cpu=1',
  );
  await run(resourceQuota, of('200m'), server);
  await refuses(
    run(resourceQuota, of('0'), server),
    'pods "web" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
  );
  await refuses(
    run(resourceQuota, asked('pods', pod()), server),
    'pods "web" is forbidden: failed quota: q: must specify requests.cpu for: c',
  );
});

test('ResourceQuota counts other kinds by name and a dry run counts nothing', async () => {
  const server = fakeServer([quota({ 'count/deployments.apps': '1' })]);
  const deployment = { kind: 'Deployment', metadata: meta('d', 'apps'), spec: {} };
  await run(resourceQuota, asked('deployments', deployment, { dryRun: true }), server);
  await run(resourceQuota, asked('deployments', deployment), server);
  await refuses(
    run(resourceQuota, asked('deployments', deployment), server),
    'deployments.apps "d" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: ' +
      'count/deployments.apps=1, limited: count/deployments.apps=1',
  );
});

const namespaceWith = (labels: object) => ({ kind: 'Namespace', metadata: meta('apps', '', { labels }) });
const level = (mode: string, value: string) => ({ [`pod-security.kubernetes.io/${mode}`]: value });

test('PodSecurity refuses with every violation, in upstream wording', async () => {
  await refuses(
    run(podSecurity, asked('pods', pod()), fakeServer([namespaceWith(level('enforce', 'restricted'))])),
    'pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false ' +
      '(container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities ' +
      '(container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container ' +
      '"c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set ' +
      'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const bad = pod({
    hostNetwork: true,
    volumes: [{ name: 'h', hostPath: { path: '/' } }],
    containers: [
      {
        name: 'a',
        ports: [{ hostPort: 80 }],
        securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
      },
    ],
  });
  await refuses(
    run(podSecurity, asked('pods', bad), fakeServer([namespaceWith(level('enforce', 'baseline'))])),
    'pods "web" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "a" ' +
      'must not include "SYS_ADMIN" in securityContext.capabilities.add), host namespaces (hostNetwork=true), ' +
      'hostPath volumes (volume "h"), hostPort (container "a" uses hostPort 80), privileged (container "a" must ' +
      'not set securityContext.privileged=true)',
  );
});

test('PodSecurity lets a restricted Pod pass and only warns about workloads', async () => {
  const good = pod({
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  });
  const server = fakeServer([namespaceWith({ ...level('enforce', 'restricted'), ...level('warn', 'baseline') })]);
  await run(podSecurity, asked('pods', good), server);
  const request = asked('deployments', {
    kind: 'Deployment',
    metadata: meta('d', 'apps'),
    spec: { template: pod({ hostPID: true }) },
  });
  await run(podSecurity, request, server);
  assert.deepEqual(request.warnings, ['would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)']);
});

const node = { user: { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] } };

test('a node agent writes its own Node, leases and the status of its Pods only', async () => {
  const ownPod = pod({ nodeName: 'n1' });
  const server = fakeServer([ownPod, pod({ nodeName: 'n2' }, { name: 'other' })]);
  const nodeObject = (name: string, part: object = {}) => ({ kind: 'Node', metadata: meta(name, '', part), spec: {} });
  await run(
    nodeRestriction,
    asked('nodes', nodeObject('n1', { labels: { 'kubernetes.io/arch': 'arm64', mine: '1' } }), node),
    server,
  );
  await refuses(
    run(nodeRestriction, asked('nodes', nodeObject('n2'), node), server),
    'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
  );
  await refuses(
    run(
      nodeRestriction,
      asked('nodes', nodeObject('n1', { labels: { 'node-role.kubernetes.io/x': '' } }), node),
      server,
    ),
    'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: node-role.kubernetes.io/x',
  );
  const status = { ...node, operation: 'UPDATE' as const, subresource: 'status' };
  await run(nodeRestriction, asked('pods', ownPod, { ...status, oldObject: ownPod }), server);
  await refuses(
    run(nodeRestriction, asked('pods', ownPod, { ...status, oldObject: pod({ nodeName: 'n2' }) }), server),
    'pods "web" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
  );
  await run(
    nodeRestriction,
    requestFor('pods', { ...node, operation: 'DELETE', namespace: 'apps', name: 'web' }),
    server,
  );
  await refuses(
    run(
      nodeRestriction,
      requestFor('pods', { ...node, operation: 'DELETE', namespace: 'apps', name: 'other' }),
      server,
    ),
    'pods "other" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
  );
  await refuses(
    run(nodeRestriction, asked('pods', pod(), node), server),
    'pods "web" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  );
  assert.equal(nodeRestriction.handles(requestFor('pods', {})), false);
});

test('tokens only for Pods of the node', async () => {
  const server = fakeServer([pod({ nodeName: 'n2' })]);
  const token = (boundObjectRef: object | undefined) =>
    asked(
      'serviceaccounts',
      { kind: 'TokenRequest', metadata: meta('default', 'apps'), spec: { boundObjectRef } },
      { ...node, subresource: 'token' },
    );
  await refuses(
    run(nodeRestriction, token(undefined), server),
    'serviceaccounts "default" is forbidden: node requested token not bound to a pod',
  );
  await refuses(
    run(nodeRestriction, token({ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1' }), server),
    'serviceaccounts "default" is forbidden: node requested token bound to a pod scheduled on a different node',
  );
});

const claim = (part: object = {}, size = '1Gi') => ({
  kind: 'PersistentVolumeClaim',
  metadata: meta('data', 'apps'),
  spec: { resources: { requests: { storage: size } }, ...part },
  status: { phase: 'Bound' },
});
const storageClass = (name: string, part: object = {}) => ({
  kind: 'StorageClass',
  metadata: meta(name, '', {
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  }),
  ...part,
});

test('claims get the default class; an empty name means none', async () => {
  const server = fakeServer([storageClass('b'), storageClass('a')]);
  const of = async (part: object) =>
    (await run(defaultStorageClass, asked('persistentvolumeclaims', claim(part)), server))?.spec.storageClassName;
  assert.equal(await of({}), 'a');
  assert.equal(await of({ storageClassName: '' }), '');
  assert.equal(await of({ storageClassName: 'x' }), 'x');
});

test('claims grow only where their class allows it', async () => {
  const grow = (server: ReturnType<typeof fakeServer>) =>
    run(
      persistentVolumeClaimResize,
      asked('persistentvolumeclaims', claim({ storageClassName: 'a' }, '2Gi'), {
        operation: 'UPDATE',
        oldObject: claim({ storageClassName: 'a' }),
      }),
      server,
    );
  await grow(fakeServer([storageClass('a', { allowVolumeExpansion: true })]));
  await refuses(
    grow(fakeServer([storageClass('a')])),
    'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the ' +
      'storageclass that provisions the pvc must support resize',
  );
});

test('a runtime class brings its overhead and placement', async () => {
  const server = fakeServer([
    {
      kind: 'RuntimeClass',
      metadata: meta('vm'),
      handler: 'vm',
      overhead: { podFixed: { cpu: '250m' } },
      scheduling: { nodeSelector: { vm: 'yes' } },
    } as never,
  ]);
  const object = await run(runtimeClass, asked('pods', pod({ runtimeClassName: 'vm' })), server);
  assert.deepEqual(object?.spec.overhead, { cpu: '250m' });
  assert.deepEqual(object?.spec.nodeSelector, { vm: 'yes' });
  await refuses(
    run(runtimeClass, asked('pods', pod({ runtimeClassName: 'x' }))),
    'pods "web" is forbidden: pod rejected: RuntimeClass "x" not found',
  );
});

/** DER of one attribute `organization` inside otherwise meaningless bytes: all that the plugin reads. */
function requestOf(organization: string): string {
  const der = String.fromCharCode(0x30, 0x1b, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, organization.length) + organization;
  return btoa(`-----BEGIN CERTIFICATE REQUEST-----\n${btoa(der)}\n-----END CERTIFICATE REQUEST-----\n`);
}

test('certificates: nobody asks to be an administrator, and approval needs the right', async () => {
  const csr = (organization: string) => ({
    kind: 'CertificateSigningRequest',
    metadata: meta('r'),
    spec: { signerName: 'kubernetes.io/kube-apiserver-client', request: requestOf(organization) },
  });
  await run(certificateSubjectRestriction, asked('certificatesigningrequests', csr('devs')));
  await refuses(
    run(certificateSubjectRestriction, asked('certificatesigningrequests', csr('system:masters'))),
    'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of kubernetes.io/kube-apiserver-client ' +
      'signer with system:masters group is not allowed',
  );
  const questions: { name: string; verb: string }[] = [];
  const authorizer = {
    authorize: async (question: { name: string; verb: string }) => {
      questions.push(question);
      return { decision: 'none' };
    },
  };
  const approval = asked('certificatesigningrequests', csr('devs'), {
    operation: 'UPDATE',
    subresource: 'approval',
    oldObject: csr('devs'),
  });
  await refuses(
    run(certificateApproval, approval, fakeServer([], { authorizer })),
    'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests ' +
      'with signerName "kubernetes.io/kube-apiserver-client"',
  );
  assert.deepEqual(
    questions.map(({ name, verb }) => `${verb} ${name}`),
    ['approve kubernetes.io/kube-apiserver-client', 'approve kubernetes.io/*'],
  );
});
