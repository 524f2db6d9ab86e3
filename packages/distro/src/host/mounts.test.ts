/** Tables as kernels write them: hybrid cgroups, a pure v2 machine, odd characters in paths. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupMounts, cgroupSetup, mountsUnder, parseMountinfo } from './mounts.ts';

const HYBRID = `30 24 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
const PURE = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';

test('a hybrid machine counts as v1: that is where the controllers are', () => {
  assert.deepEqual(cgroupSetup(HYBRID, 'hugetlb\n'), { version: 1, controllers: ['memory', 'cpu', 'cpuacct'] });
  assert.equal(cgroupMounts(HYBRID).length, 4);
});

test('a pure v2 machine, and one without', () => {
  assert.deepEqual(cgroupSetup(PURE, 'cpu memory pids\n'), { version: 2, controllers: ['cpu', 'memory', 'pids'] });
  assert.deepEqual(cgroupSetup('', ''), { version: undefined, controllers: [] });
});

test('mounts come back deepest first, only those below the directory', () => {
  const text =
    '1 0 0:1 / /run/a rw - tmpfs t rw\n2 1 0:2 / /run/a/x\\040y rw - tmpfs t rw\n3 0 0:3 / /run/ab rw - tmpfs t rw\n';
  assert.deepEqual(mountsUnder(text, ['/run/a']), ['/run/a/x y', '/run/a']);
  assert.deepEqual(parseMountinfo(text)[1]?.fsType, 'tmpfs');
});
