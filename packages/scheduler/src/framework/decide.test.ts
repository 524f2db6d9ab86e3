/** Placement rules as a user meets them: which node, or the message that says why none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { aPod, type Json, aNode as node, TestCluster } from '../test-support.ts';

const pod = (name: string, spec: Json = {}, labels: Record<string, string> = {}, requests: Json = {}) =>
  aPod(name, { spec, labels, requests });
const cluster = (nodes: readonly Node[], placed: readonly Pod[] = []) => new TestCluster(nodes, placed);
const outcome = (p: Pod, of: TestCluster) => of.outcome(p);

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
