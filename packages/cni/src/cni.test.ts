/** Pure parts of Pod networking. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PodNetwork } from './backend.ts';
import { ptpBackend } from './backends/ptp/ptp.backend.ts';
import { contains, formatIPv4, gatewayOf, parseIPv4, rangeIPv4 } from './cidr.ts';
import { renderMasquerade } from './masquerade.ts';
import { planCleanup } from './plan-cleanup.ts';
import { planLeaks } from './plan-leaks.ts';

const network: PodNetwork = {
  clusterName: 'dev',
  podCIDRs: ['10.244.1.0/24'],
  clusterCIDRs: ['10.244.0.0/16'],
  mtuBytes: 1450,
  ipamDir: '/data/ipam',
};

test('ptp: the configuration list that the plugins read', () => {
  const list = JSON.parse(ptpBackend.configList(network));
  assert.equal(ptpBackend.fileName(network), '10-kapella-dev.conflist');
  assert.equal(list.name, 'kapella-dev');
  assert.deepEqual(list.plugins, [
    {
      type: 'ptp',
      ipMasq: false,
      mtu: 1450,
      ipam: {
        type: 'host-local',
        dataDir: '/data/ipam',
        ranges: [[{ subnet: '10.244.1.0/24', gateway: '10.244.1.1' }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ]);
});

test('addresses: text and number are the same thing; a network holds exactly its range', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.integer({ min: 0, max: 32 }), (ip, bits) => {
      assert.equal(parseIPv4(formatIPv4(ip)), ip);
      const cidr = `${formatIPv4(ip)}/${bits}`;
      const { first, last } = rangeIPv4(cidr);
      assert.ok(first <= ip && ip <= last && last - first + 1 === 2 ** (32 - bits));
      assert.ok(contains(cidr, formatIPv4(last)));
      if (last < 0xffff_ffff) assert.ok(!contains(cidr, formatIPv4(last + 1)));
    }),
  );
  assert.equal(gatewayOf('fd00:1::/64'), 'fd00:1::1');
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '300.0.0.0/8', '']) assert.throws(() => rangeIPv4(bad));
});

test("masquerade: this node's Pods, to anything but Pods", () => {
  assert.equal(
    renderMasquerade(network),
    [
      'add table ip kapella-dev-net',
      'add chain ip kapella-dev-net postrouting { type nat hook postrouting priority srcnat; policy accept; }',
      'flush chain ip kapella-dev-net postrouting',
      'add rule ip kapella-dev-net postrouting ip saddr { 10.244.1.0/24 } ip daddr != ' +
        '{ 10.244.0.0/16, 10.244.1.0/24, 224.0.0.0/4 } masquerade fully-random',
      '',
    ].join('\n'),
  );
});

test('leaks: only addresses of sandboxes that are gone and were not just made', () => {
  const held = (fileName: string, content: string, modifiedMs = 0) => ({ fileName, content, modifiedMs });
  const files = [
    held('10.244.1.2', 'live\r\neth0'),
    held('10.244.1.3', 'gone\r\neth0'),
    held('10.244.1.4', 'young\r\neth0', 990_000),
    held('last_reserved_ip.0', '10.244.1.4'),
    held('lock', ''),
  ];
  assert.deepEqual(planLeaks(files, new Set(['live']), 1_000_000), ['10.244.1.3']);
});

test("clean-up: nothing of another cluster, nothing that is no Pod's", () => {
  const id = 'a'.repeat(64);
  const other = 'b'.repeat(64);
  const plan = planCleanup('dev', ['10.244.1.0/24'], {
    routes: [
      { dst: 'default', dev: 'eth0' },
      { dst: '10.244.1.2', dev: 'veth1' },
      { dst: '10.244.1.0/24', dev: 'eth0' },
      { dst: '10.244.2.2', dev: 'veth2' },
    ],
    nftTables: ['table ip kapella-dev', 'table ip kapella-dev-net', 'table ip kapella-dev2-net', ''],
    cachedResults: [
      `kapella-dev-${id}-eth0`,
      `kapella-dev-2-${other}-eth0`,
      `cni-loopback-${id}-lo`,
      `cni-loopback-${other}-lo`,
    ],
  });
  assert.deepEqual(plan, {
    interfaces: ['veth1'],
    tables: ['ip kapella-dev-net'],
    cachedResults: [`kapella-dev-${id}-eth0`, `cni-loopback-${id}-lo`],
  });
});
