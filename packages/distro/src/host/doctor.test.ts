/** Each failure of a machine, one at a time, against a machine where all is well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHost, type HostProbe } from './doctor.ts';
import { HOST_PACKAGES } from './packages.ts';

const GIB = 1024 ** 3;
const yes = 'yes' as const;

const healthy: HostProbe = {
  isRoot: true,
  capabilities: {
    CHOWN: true,
    KILL: true,
    NET_ADMIN: true,
    SYS_PTRACE: true,
    SYS_ADMIN: true,
    SYS_RESOURCE: true,
    MKNOD: true,
  },
  systemdIsInit: true,
  cgroups: { version: 2, controllers: ['cpu', 'cpuset', 'memory', 'pids', 'io'] },
  features: {
    overlayfs: yes,
    veth: yes,
    bridge: yes,
    vxlan: yes,
    nftables: yes,
    nat: yes,
    conntrack: yes,
    br_netfilter: yes,
  },
  kernelRelease: '6.1.0',
  missingPackages: [],
  containerd: { text: '1.6.20' },
  ports: [{ port: 6443, use: 'API server', free: true }],
  sysctls: new Map([
    ['net.ipv4.ip_forward', '1\n'],
    ['vm.overcommit_memory', '1\n'],
    ['fs.inotify.max_user_instances', '8192\n'],
    ['fs.inotify.max_user_watches', '1000000\n'],
  ]),
  disk: { path: '/', freeBytes: 50 * GIB, totalBytes: 100 * GIB, freeInodes: 1e6 },
  memory: { availableBytes: 4 * GIB, swapTotalBytes: 0 },
  nowMs: Date.parse('2026-06-01T00:00:00Z'),
  notBeforeMs: Date.parse('2026-01-01T00:00:00Z'),
  clockSynchronized: true,
};

/** name -> status of everything that is not ok. */
const troubles = (change: Partial<HostProbe>) =>
  Object.fromEntries(
    checkHost({ ...healthy, ...change })
      .filter(({ status }) => status !== 'ok')
      .map(({ name, status }) => [name, status]),
  );

test('a healthy machine has no troubles', () => assert.deepEqual(troubles({}), {}));

const cases: readonly (readonly [string, Partial<HostProbe>, Record<string, string>])[] = [
  [
    'no root is one line',
    { isRoot: false, capabilities: { ...healthy.capabilities, SYS_ADMIN: false } },
    { root: 'fail' },
  ],
  [
    'an unprivileged container',
    { capabilities: { ...healthy.capabilities, NET_ADMIN: false } },
    { capabilities: 'fail' },
  ],
  [
    'no SYS_RESOURCE',
    { capabilities: { ...healthy.capabilities, SYS_RESOURCE: false } },
    { 'capability-sys-resource': 'warn' },
  ],
  ['a package is missing', { missingPackages: HOST_PACKAGES.slice(0, 1) }, { packages: 'fail' }],
  ['no cgroups', { cgroups: { version: undefined, controllers: [] } }, { cgroups: 'fail' }],
  ['memory cgroup off', { cgroups: { version: 2, controllers: ['cpu', 'cpuset', 'pids'] } }, { cgroups: 'fail' }],
  [
    'v1 with all it needs',
    { cgroups: { version: 1, controllers: ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'pids'] } },
    {},
  ],
  ['no nftables', { features: { ...healthy.features, nftables: 'no' } }, { 'kernel-nftables': 'fail' }],
  ['no overlayfs', { features: { ...healthy.features, overlayfs: 'no' } }, { 'kernel-overlayfs': 'warn' }],
  [
    'a busy port',
    { ports: [{ port: 6443, use: 'API server', free: false, holder: 'k3s (process 7)' }] },
    { 'port-6443': 'fail' },
  ],
  [
    'few inotify instances',
    { sysctls: new Map([['fs.inotify.max_user_instances', '128\n']]) },
    { 'sysctl-fs.inotify.max_user_instances': 'warn' },
  ],
  ['a full disk', { disk: { ...healthy.disk, freeBytes: GIB / 2 } }, { disk: 'fail' }],
  ['no inodes', { disk: { ...healthy.disk, freeInodes: 5 } }, { disk: 'fail' }],
  ['a filesystem that counts no inodes', { disk: { ...healthy.disk, freeInodes: 0 } }, {}],
  ['soon a full disk', { disk: { ...healthy.disk, freeBytes: 10 * GIB } }, { disk: 'warn' }],
  ['swap', { memory: { availableBytes: GIB, swapTotalBytes: GIB } }, { memory: 'warn' }],
  ['a clock in the past', { nowMs: 0 }, { clock: 'fail' }],
  ['a clock that nobody keeps', { clockSynchronized: false }, { clock: 'warn' }],
];

for (const [name, change, expected] of cases) test(name, () => assert.deepEqual(troubles(change), expected));

test('every trouble says what to do, no success does', () => {
  const bad: Partial<HostProbe> = Object.assign({}, ...cases.map(([, change]) => change), { isRoot: true });
  for (const { status, fix } of checkHost({ ...healthy, ...bad })) assert.equal(fix !== undefined, status !== 'ok');
});
