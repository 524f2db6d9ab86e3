/** Explanations as a user reads them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import type { Node, PersistentVolumeClaim, Pod, Service } from '@kapella/api/types/core-v1';
import { buildProfiles, createStaticLookup, defaultConfig, type Profile } from '@kapella/scheduler';
import { explainClaim } from './claim.ts';
import { explainDeletion } from './deletion.ts';
import { explainField } from './field.ts';
import { renderFindings } from './findings.ts';
import { explainPlacement } from './placement.ts';
import { explainService } from './service.ts';
import { explainUnready } from './unready.ts';

const meta = (name: string, more: object = {}) => ({ name, namespace: 'default', uid: name, labels: {}, ...more });

function node(name: string, spec: object = {}, labels: object = {}): Node {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '110' };
  return { kind: 'Node', metadata: meta(name, { labels }), spec, status: { allocatable } } as unknown as Node;
}

function pod(name: string, spec: object = {}, requests: object = {}, status: object = {}): Pod {
  const containers = [{ name: 'c', image: 'web:1', resources: { requests } }];
  return { kind: 'Pod', metadata: meta(name), spec: { containers, ...spec }, status } as unknown as Pod;
}

function place(subject: Pod, nodes: readonly Node[], pods: readonly Pod[] = []) {
  const lookup = createStaticLookup([]);
  const profile = buildProfiles(defaultConfig(), { lookup })[0] as Profile;
  return explainPlacement({ pod: subject, nodes, pods, profile, lookup });
}

describe('a Pod on no node', () => {
  const taints = [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }];
  const busy = pod('busy', { nodeName: 'n1' }, { cpu: '1500m' });

  test('each node with all of its reasons and amounts, grouped and counted', () => {
    const found = place(pod('p', {}, { cpu: '3' }), [node('n1'), node('n2', { taints })], [busy]);
    assert.equal(found.answer, '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).');
    assert.deepEqual(found.table?.rows, [
      ['n1', 'Insufficient cpu: asks 3, 500m of 2 are free'],
      ['n2', 'node(s) had untolerated taint(s): dedicated=db:NoSchedule; Insufficient cpu: asks 3, 2 of 2 are free'],
    ]);
    assert.equal(found.because[0], '2 nodes: Insufficient cpu (NodeResourcesFit): n1 and n2');
  });

  test('names the change that helps, and only such', () => {
    const found = place(pod('p', { nodeSelector: { disk: 'ssd' } }), [node('n1'), node('n2', { taints })]);
    assert.deepEqual(found.fixes, [
      'Without its nodeSelector (disk=ssd), or with these labels on a node: it would then fit 1 node: n1',
    ]);
    const tainted = place(pod('p'), [node('n2', { taints })]);
    assert.deepEqual(tainted.fixes, ['With tolerations for dedicated=db:NoSchedule: it would then fit 1 node: n2']);
    const large = place(pod('p', {}, { cpu: '3' }), [node('n1')], [busy]);
    assert.deepEqual(large.fixes, ['With cpu requests of at most 500m instead of 3: it would then fit 1 node: n1']);
  });

  test('two changes when no single one helps; a cordoned node is one', () => {
    const both = place(pod('p', { nodeSelector: { disk: 'ssd' } }), [node('n2', { taints })]);
    assert.match(both.fixes[0] ?? '', /^Without its nodeSelector .*, and with tolerations for dedicated=db:NoSchedule/);
    const cordoned = place(pod('p'), [node('n1', { unschedulable: true })]);
    assert.deepEqual(cordoned.fixes, ['Uncordon node n1: kubectl uncordon n1']);
  });

  test('says when it fits after all, and when gates hold it', () => {
    assert.match(place(pod('p'), [node('n1')]).answer, /^it fits 1 node now: n1/);
    assert.match(place(pod('p', { schedulingGates: [{ name: 'quota' }] }), []).answer, /scheduling gate: quota/);
  });
});

test('an unready Pod: the container, its probe, what to look at', () => {
  const crash = pod(
    'p',
    { nodeName: 'n1' },
    {},
    {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'c',
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
        },
      ],
    },
  );
  const found = explainUnready(crash, []);
  assert.equal(found.answer, 'container c waits: CrashLoopBackOff; it ended last with code 137 (OOMKilled)');
  assert.ok(found.fixes.some((fix) => fix.includes('--previous')));
  assert.ok(found.fixes.some((fix) => fix.includes('memory limit')));
});

test('a stuck deletion: which finalizer, whose, and who uses it', () => {
  const claim = {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    metadata: meta('data', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['kubernetes.io/pvc-protection'] }),
  } as unknown as UnknownObject;
  const found = explainDeletion(claim, { setBy: new Map(), users: ['pod web'] });
  assert.match(found.answer, /1 finalizer holds it: kubernetes.io\/pvc-protection$/);
  assert.equal(found.because[1], 'In use by pod web.');
  assert.match(found.fixes[0] ?? '', /^Delete its user first: pod web/);
  const custom = { ...claim, metadata: { ...claim.metadata, finalizers: ['example.com/cleanup'] } };
  const by = explainDeletion(custom as UnknownObject, {
    setBy: new Map([['example.com/cleanup', 'my-operator']]),
    users: [],
  });
  assert.match(by.because[0] ?? '', /removed by the controller that calls itself example.com; set by my-operator/);
});

test('a Service without endpoints: no such labels, or nobody ready', () => {
  const service = {
    metadata: meta('web'),
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  } as unknown as Service;
  const other = { ...pod('a'), metadata: meta('a', { labels: { app: 'wbe' } }) } as Pod;
  const none = explainService({ service, pods: [other], slices: [] });
  assert.equal(none.answer, 'no Pod of its namespace has the labels that it selects: app=web');
  assert.ok(none.because.includes('Pods there have app=wbe instead.'));
  const pending = { ...pod('b'), metadata: meta('b', { labels: { app: 'web' } }) } as Pod;
  assert.deepEqual(explainService({ service, pods: [pending], slices: [] }).table?.rows, [['b', 'is on no node']]);
});

test('an unbound claim: no class, or nobody uses it yet', () => {
  const claim = {
    metadata: meta('data'),
    spec: { storageClassName: 'fast', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: { phase: 'Pending' },
  } as unknown as PersistentVolumeClaim;
  const facts = { claim, classes: [], volumes: [], pods: [], events: [] };
  assert.equal(explainClaim(facts).answer, 'there is no StorageClass fast');
  const waits = { metadata: meta('fast'), provisioner: 'x', volumeBindingMode: 'WaitForFirstConsumer' };
  assert.equal(explainClaim({ ...facts, classes: [waits] as never }).answer, 'it waits for the first Pod that uses it');
});

test('who last changed a field', () => {
  const object = {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: meta('web', {
      managedFields: [
        {
          manager: 'helm',
          operation: 'Apply',
          time: '2026-01-01T00:00:00Z',
          fieldsV1: { 'f:spec': { 'f:paused': {} } },
        },
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          subresource: 'scale',
          time: '2026-01-02T00:00:00Z',
          fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:containers': { 'k:{"name":"web"}': { 'f:image': {} } } } },
        },
      ],
    }),
    spec: { replicas: 3, containers: [{ name: 'web', image: 'web:2' }] },
  } as unknown as UnknownObject;
  assert.equal(
    explainField(object, 'spec.replicas').answer,
    'spec.replicas is 3; last written by kube-controller-manager (Update through the subresource scale) at 2026-01-02T00:00:00Z',
  );
  assert.match(explainField(object, 'spec.containers[name=web].image').answer, /is "web:2"; last written by kube-c/);
  assert.match(explainField(object, 'spec.minReady').answer, /is not set; no manager/);
});

test('a long table is cut, with how many rows are left', () => {
  const rows = Array.from({ length: 30 }, (_, i) => [`n${i}`, 'x']);
  const text = renderFindings(
    'Pod a',
    { answer: 'b', because: [], table: { head: ['NODE', 'WHY'], rows }, fixes: [] },
    20,
  );
  assert.match(text, /… and 10 more: --all shows them/);
});
