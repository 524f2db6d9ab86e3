/** Routes to the Pods of other nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '@kapella/api/types/core-v1';
import { planRoutes } from './plan-routes.ts';

const node = (name: string, podCIDRs: readonly string[], addresses: readonly string[]): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: { podCIDRs },
  status: {
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
  },
});

test('a route for each other node, by the address of the same family', () => {
  const nodes = [
    node('own', ['10.42.0.0/24'], ['192.0.2.1']),
    node('c', ['10.42.2.0/24', 'fd00:2::/64'], ['192.0.2.3', 'fd01::3']),
    node('b', ['10.42.1.0/24'], ['192.0.2.2']),
  ];
  assert.deepEqual(planRoutes(nodes, 'own'), [
    { cidr: '10.42.1.0/24', via: '192.0.2.2' },
    { cidr: '10.42.2.0/24', via: '192.0.2.3' },
    { cidr: 'fd00:2::/64', via: 'fd01::3' },
  ]);
});

test('a node without a Pod network or an address has none yet', () => {
  assert.deepEqual(planRoutes([node('a', [], ['192.0.2.2']), node('b', ['10.42.1.0/24'], [])], 'own'), []);
});
