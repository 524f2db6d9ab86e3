/** What a node takes, and with which words it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '@kapella/api/types/core-v1';
import { testPod } from '../testing/test-node.test-support.ts';
import { judgeAdmission } from './admission.ts';

const ROOM = { cpuMilli: 2000, memoryBytes: 1024, ephemeralBytes: 1000, podsMax: 3 };
const asks = (name: string, requests: Record<string, string>) =>
  testPod(name, { containers: [{ name: 'main', resources: { requests } }] });
const listens = (name: string, ports: Container['ports']) =>
  testPod(name, { containers: [{ name: 'main', ports: ports ?? [] }] });

test('requests of all Pods together fit the node, each resource by itself', () => {
  const there = [asks('a', { cpu: '1500m', memory: '512' })];
  assert.equal(judgeAdmission(asks('b', { cpu: '500m', memory: '512' }), there, ROOM), undefined);
  assert.deepEqual(judgeAdmission(asks('b', { cpu: '501m' }), there, ROOM), {
    reason: 'OutOfcpu',
    message: "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
  });
  assert.equal(judgeAdmission(asks('b', { memory: '513' }), there, ROOM)?.reason, 'OutOfmemory');
  assert.equal(judgeAdmission(asks('b', { 'ephemeral-storage': '1k' }), there, ROOM), undefined);
  assert.equal(judgeAdmission(asks('b', { 'ephemeral-storage': '2k' }), there, ROOM)?.reason, 'OutOfephemeral-storage');
  const full = ['a', 'b', 'c'].map((name) => testPod(name, {}));
  assert.equal(judgeAdmission(testPod('d', {}), full, ROOM)?.reason, 'OutOfpods');
});

test('a Pod that asks for nothing is taken by a node that is full of requests', () => {
  assert.equal(judgeAdmission(testPod('b', {}), [asks('a', { cpu: '2' })], ROOM), undefined);
});

test('a host port is one address, protocol and number; no address means all of them', () => {
  const there = [listens('a', [{ containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1', protocol: 'TCP' }])];
  const port = (more: object) => [{ containerPort: 80, hostPort: 8080, ...more }];
  assert.equal(judgeAdmission(listens('b', port({ protocol: 'UDP' })), there, ROOM), undefined);
  assert.equal(judgeAdmission(listens('b', port({ hostIP: '192.0.2.1' })), there, ROOM), undefined);
  assert.equal(judgeAdmission(listens('b', [{ containerPort: 80 }]), there, ROOM), undefined);
  for (const clash of [port({}), port({ hostIP: '127.0.0.1', protocol: 'TCP' })]) {
    assert.deepEqual(judgeAdmission(listens('b', clash), there, ROOM), {
      reason: 'NodePorts',
      message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    });
  }
});
