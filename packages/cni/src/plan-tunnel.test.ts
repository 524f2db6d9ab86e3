/** The VXLAN between nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '@kapella/api/types/core-v1';
import { planTunnel } from './plan-tunnel.ts';
import { linkCommands, renderTunnel } from './render-tunnel.ts';

const node = (name: string, podCIDRs: readonly string[], addresses: readonly string[]): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: { podCIDRs },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});
const options = { clusterName: 'dev', device: 'kapella42-vx', id: 4_138, mtuBytes: 1_450 };
const own = node('own', ['10.42.0.0/24', 'fd42::/64'], ['192.0.2.1', 'fd01::1']);
const far = node('far', ['10.42.1.0/24', 'fd42:0:0:1::/64'], ['198.51.100.10']);
const NOTHING = { routes: [], neighbours: [], forwarding: [] };

test('a tunnel waits for the own address and Pod network, and leaves out nodes that have none yet', () => {
  assert.equal(planTunnel([node('own', [], ['192.0.2.1']), far], 'own', options), undefined);
  const tunnel = planTunnel([node('young', [], ['192.0.2.9']), far, own], 'own', options);
  assert.deepEqual(tunnel, {
    ...options,
    port: 8_472,
    address: '192.0.2.1',
    mac: '0a:58:c0:00:02:01',
    addresses: ['10.42.0.0/32', 'fd42::/128'],
    peers: [{ address: '198.51.100.10', mac: '0a:58:c6:33:64:0a', podCIDRs: ['10.42.1.0/24', 'fd42:0:0:1::/64'] }],
  });
});

test('the commands that make it, and take away what is behind it no more', () => {
  const tunnel = planTunnel([own, far], 'own', options);
  assert.ok(tunnel !== undefined);
  assert.deepEqual(linkCommands(tunnel), [
    'link add kapella42-vx type vxlan id 4138 dstport 8472 local 192.0.2.1 nolearning',
    'link set kapella42-vx alias "kapella dev" address 0a:58:c0:00:02:01 mtu 1450 up',
    'addr replace 10.42.0.0/32 dev kapella42-vx',
    'addr replace fd42::/128 dev kapella42-vx',
  ]);
  const there = {
    routes: ['10.42.1.0/24', '10.42.7.0/24', 'fd42:0:0:7::/64'],
    neighbours: ['10.42.7.0', 'fd42:0:0:7::'],
    forwarding: [{ mac: '0a:58:c6:33:64:63', dst: '198.51.100.99' }],
  };
  assert.deepEqual(renderTunnel(tunnel, there), {
    ip: [
      'route del 10.42.7.0/24 dev kapella42-vx proto 112',
      'route del fd42:0:0:7::/64 dev kapella42-vx proto 112',
      'neigh del 10.42.7.0 dev kapella42-vx',
      'neigh del fd42:0:0:7:: dev kapella42-vx',
      'neigh replace 10.42.1.0 lladdr 0a:58:c6:33:64:0a dev kapella42-vx nud permanent',
      'route replace 10.42.1.0/24 via 10.42.1.0 dev kapella42-vx onlink proto 112',
      'neigh replace fd42:0:0:1:: lladdr 0a:58:c6:33:64:0a dev kapella42-vx nud permanent',
      'route replace fd42:0:0:1::/64 via fd42:0:0:1:: dev kapella42-vx onlink proto 112',
    ],
    bridge: [
      'fdb del 0a:58:c6:33:64:63 dev kapella42-vx dst 198.51.100.99 self',
      'fdb replace 0a:58:c6:33:64:0a dev kapella42-vx dst 198.51.100.10 self permanent',
    ],
  });
  assert.deepEqual(renderTunnel({ ...tunnel, peers: [] }, NOTHING), { ip: [], bridge: [] });
});
