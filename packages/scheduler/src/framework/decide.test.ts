/** Placement rules as a user meets them: which node, or the message that says why none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { hostRandom } from '@kapella/base/node';
import { defaultProfile } from '../scheduler.ts';
import { decide, fitErrorMessage } from './decide.ts';
import { podStateOf, Snapshot } from './snapshot.ts';

type Json = Record<string, unknown>;
const meta = (name: string, labels: Record<string, string> = {}) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
  labels,
});

function node(name: string, options: { labels?: Record<string, string>; spec?: Json; allocatable?: Json } = {}): Node {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '110', ...options.allocatable };
  const labels = { 'kubernetes.io/hostname': name, ...options.labels };
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: meta(name, labels),
    spec: options.spec ?? {},
    status: { allocatable },
  } as Node;
}

function pod(name: string, spec: Json = {}, labels: Record<string, string> = {}, requests: Json = {}): Pod {
  const containers = [{ name: 'c', image: 'busybox', resources: { requests } }];
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: meta(name, labels),
    spec: { containers, ...spec },
  } as unknown as Pod;
}

function cluster(nodes: readonly Node[], placed: readonly Pod[] = []): Snapshot {
  const snapshot = new Snapshot({
    namespaceLabels: () => ({}),
    claim: () => undefined,
    volume: () => undefined,
    volumes: () => [],
    storageClass: () => undefined,
  });
  for (const n of nodes) snapshot.setNode(n);
  for (const p of placed) snapshot.place(podStateOf(p), p.spec.nodeName as string);
  return snapshot;
}

function outcome(p: Pod, snapshot: Snapshot): string {
  const decision = decide(podStateOf(p), snapshot, defaultProfile, hostRandom);
  return decision.node ?? fitErrorMessage(snapshot.nodes.size, decision.rejections.values(), '');
}

const anti = (topologyKey: string) => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'a' } } }],
    },
  },
});

describe('placement', () => {
  test('says each shortage of each node, counted', () => {
    const snapshot = cluster([node('n1'), node('n2', { allocatable: { memory: '64Gi' } })]);
    const big = pod('p', {}, {}, { cpu: '3', memory: '8Gi' });
    assert.equal(outcome(big, snapshot), '0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.');
    assert.equal(outcome(pod('p'), cluster([])), 'no nodes available to schedule pods');
  });

  test('counts what already runs, init containers at their peak and sidecars beside', () => {
    const taken = pod('taken', { nodeName: 'n1' }, {}, { cpu: '1500m' });
    assert.match(outcome(pod('p', {}, {}, { cpu: '600m' }), cluster([node('n1')], [taken])), /1 Insufficient cpu/);
    const initContainers = [
      { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'init', resources: { requests: { cpu: '1500m' } } },
    ];
    assert.match(outcome(pod('p', { initContainers }), cluster([node('n1')])), /1 Insufficient cpu/);
  });

  test('keeps off tainted and cordoned nodes unless tolerated', () => {
    const taints = [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }];
    const snapshot = cluster([node('n1', { spec: { taints } }), node('n2', { spec: { unschedulable: true } })]);
    const message = '0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.';
    assert.equal(outcome(pod('p'), snapshot), message);
    const tolerations = [{ key: 'dedicated', operator: 'Equal', value: 'db' }];
    assert.equal(outcome(pod('p', { tolerations }), snapshot), 'n1');
  });

  test('follows node selector and affinity, and prefers the preferred', () => {
    const snapshot = cluster([node('n1', { labels: { disk: 'ssd' } }), node('n2')]);
    assert.equal(outcome(pod('p', { nodeSelector: { disk: 'ssd' } }), snapshot), 'n1');
    const none = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.";
    assert.equal(outcome(pod('p', { nodeSelector: { disk: 'tape' } }), snapshot), none);
    const preference = { matchExpressions: [{ key: 'disk', operator: 'DoesNotExist' }] };
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference }] };
    assert.equal(outcome(pod('p', { affinity: { nodeAffinity } }), snapshot), 'n2');
  });

  test('keeps host ports and anti-affine Pods apart, also against those already there', () => {
    const ports = { containers: [{ name: 'c', ports: [{ hostPort: 80, containerPort: 80 }] }] };
    const first = pod('first', { ...ports, nodeName: 'n1' });
    assert.match(outcome(pod('p', ports), cluster([node('n1')], [first])), /free ports for the requested pod ports/);
    const lonely = pod('lonely', { ...anti('kubernetes.io/hostname'), nodeName: 'n1' }, { app: 'a' });
    const nodes = [node('n1'), node('n2')];
    assert.equal(outcome(pod('p', anti('kubernetes.io/hostname'), { app: 'a' }), cluster(nodes, [lonely])), 'n2');
    assert.match(
      outcome(pod('p', {}, { app: 'a' }), cluster([node('n1')], [lonely])),
      /existing pods anti-affinity rules/,
    );
  });

  test('spreads over zones within the skew', () => {
    const zone = (name: string) => ({ labels: { 'topology.kubernetes.io/zone': name } });
    const nodes = [node('n1', zone('z1')), node('n2', zone('z2'))];
    const constraint = { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' };
    const topologySpreadConstraints = [{ ...constraint, labelSelector: { matchLabels: { app: 's' } } }];
    const there = pod('there', { nodeName: 'n1' }, { app: 's' });
    assert.equal(outcome(pod('p', { topologySpreadConstraints }, { app: 's' }), cluster(nodes, [there])), 'n2');
  });

  test('of equal nodes takes the emptier one', () => {
    const busy = pod('busy', { nodeName: 'n1' }, {}, { cpu: '1', memory: '2Gi' });
    assert.equal(outcome(pod('p', {}, {}, { cpu: '100m' }), cluster([node('n1'), node('n2')], [busy])), 'n2');
  });
});
