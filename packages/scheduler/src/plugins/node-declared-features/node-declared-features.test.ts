/** Nodes are told from the features that they declare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode, aPod, TestCluster } from '../../test-support.ts';

test('a Pod that restarts all of its containers goes where the node agent can do that', () => {
  const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }];
  const pod = aPod('p', { spec: { containers: [{ name: 'c', image: 'x', restartPolicyRules }] } });
  const able = aNode('n2', { status: { declaredFeatures: ['RestartAllContainersOnContainerExits'] } });
  assert.equal(new TestCluster([aNode('n1'), able]).outcome(pod), 'n2');
  const message = "0/1 nodes are available: 1 node(s) didn't match Pod's required features.";
  assert.equal(new TestCluster([aNode('n1')]).outcome(pod), message);
});

test('alike Pods but for what they need are not planned together', () => {
  const cluster = new TestCluster([aNode('n1')]);
  assert.equal(cluster.outcome(aPod('plain')), 'n1');
  const spec = { hostNetwork: true, hostUsers: false };
  assert.match(cluster.outcome(aPod('mapped', { spec })), /required features/);
});
