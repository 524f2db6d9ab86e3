/** Where the nodes of a cluster on one machine keep their things, and under which addresses they meet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterOptions, type GivenOptions, resolveOptions } from '@kapella/cli';
import { apiServerOf, cableNetwork, memberAt, members } from './members.ts';

const optionsOf = (given: GivenOptions): ClusterOptions =>
  resolveOptions({ name: 'demo', nodeName: 'box', dataDir: '/data', ...given }, { hostName: 'box', withNode: true });

test('one node is the machine itself, where it has always been', () => {
  const all = members(optionsOf({}));
  assert.equal(all.length, 1);
  const [first] = all;
  assert.equal(first?.nodeName, 'box');
  assert.equal(first?.dataDir, '/data/node');
  assert.equal(first?.runtime.socket, '/run/kapella/demo/containerd.sock');
  assert.equal(first?.cable, undefined);
});

test('nodes share no path, no cgroup, no address and no interface', () => {
  const all = members(optionsOf({ nodes: '16' }));
  const values = all.map(({ nodeName, dataDir, ipamDir, runtime, cgroupRoot, pidFile, logFile, cable }) => [
    ...[nodeName, dataDir, ipamDir, runtime.socket, runtime.rootDir, runtime.stateDir, runtime.cniConfDir],
    ...[cgroupRoot, pidFile, logFile],
    ...(cable === undefined ? [] : [cable.namespace, cable.device, cable.nodeAddress]),
  ]);
  assert.equal(new Set(values.flat()).size, values.flat().length);
  for (const { cable } of all) assert.ok((cable?.device.length ?? 0) <= 15);
});

test('clusters with different Pod networks have different cables', () => {
  const [one, other] = ['10.42.0.0/16', '10.44.0.0/16'].map((podCidr) => optionsOf({ podCidr, nodes: '2' }));
  assert.equal(cableNetwork(one as ClusterOptions), '100.64.42.0/24');
  assert.notEqual(memberAt(one as ClusterOptions, 2).cable?.device, memberAt(other as ClusterOptions, 2).cable?.device);
});

test('a node finds the API server through its cable, or where it was told to listen', () => {
  const options = optionsOf({ nodes: '2', apiPort: '7443' });
  assert.equal(apiServerOf(options, memberAt(options, 1)), 'https://127.0.0.1:7443');
  assert.equal(apiServerOf(options, memberAt(options, 2)), 'https://100.64.42.1:7443');
  const bound = optionsOf({ nodes: '2', bindAddress: '192.0.2.2' });
  assert.equal(apiServerOf(bound, memberAt(bound, 2)), 'https://192.0.2.2:6443');
  assert.throws(() => optionsOf({ nodes: '2', bindAddress: '127.0.0.1' }), /--nodes 2/);
  assert.throws(() => optionsOf({ nodes: '17' }), /from 1 to 16/);
});
