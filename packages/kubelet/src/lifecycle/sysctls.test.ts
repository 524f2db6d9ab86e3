/** Kernel parameters: safe ones, those that an administrator lets through, and none of the host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '@kapella/api/types/core-v1';
import { testPod } from '../testing/test-node.test-support.ts';
import { checkUnsafeSysctls, judgeSysctls, normalizeSysctl } from './sysctls.ts';

const judge = (name: string, allowed: readonly string[] = [], more: Partial<PodSpec> = {}) =>
  judgeSysctls(testPod('a', { securityContext: { sysctls: [{ name, value: '1' }] }, ...more }), allowed)?.message;

test('safe ones are taken, others only when allowed by name or prefix', () => {
  assert.equal(judge('kernel.shm_rmid_forced'), undefined);
  assert.equal(judge('kernel/shm_rmid_forced'), undefined);
  assert.equal(judge('kernel.msgmax'), 'forbidden sysctl: "kernel.msgmax" not allowlisted');
  assert.equal(judge('kernel.msgmax', ['kernel.msg*']), undefined);
  assert.equal(judge('net.core.somaxconn', ['net.core.somaxconn']), undefined);
  assert.equal(judgeSysctls(testPod('a', {}), []), undefined);
});

test('not those of the host', () => {
  const ofNet = judge('net.ipv4.tcp_syncookies', [], { hostNetwork: true });
  assert.equal(ofNet, 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled');
  assert.match(judge('kernel.shm_rmid_forced', [], { hostIPC: true }) ?? '', /not allowed with host ipc enabled/);
});

test('an administrator can allow only what has a namespace', () => {
  checkUnsafeSysctls(['net.core.*', 'kernel.msg*', 'fs/mqueue/queues_max']);
  assert.throws(() => checkUnsafeSysctls(['vm.swappiness']), /"vm.swappiness" are not known to be namespaced/);
  assert.equal(normalizeSysctl('net/ipv4/conf/eno2.100/rp_filter'), 'net.ipv4.conf.eno2/100.rp_filter');
});
