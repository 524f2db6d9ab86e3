/** Volumes on the real file system of this machine: content, modes, owners, links; and what must be refused. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';
import type { PersistentVolume, Pod, Volume } from '@kapella/api/types/core-v1';
import { silentLogger, type Ctx } from '@kapella/base';
import { hostClock, hostRandom } from '@kapella/base/node';
import type { HostFiles } from '../host/host-files.ts';
import { createMemoryFiles } from '../host/memory-files.ts';
import { hostFiles } from '../host/node/host-files.ts';
import { containerMounts } from '../pods/mounts.ts';
import { createFakeApi } from '../testing/fake-api.test-support.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { writeAtomically } from './atomic-writer.ts';
import { pageSize } from './empty-dir/empty-dir.ts';
import { checkHostPath } from './host-path/host-path.ts';
import { volumePlugins } from './index.ts';
import { mountNfs } from './nfs/nfs.ts';
import { mountLocal } from './persistent-volume-claim/local.ts';
import { createTokenSource } from './tokens.ts';
import { createVolumeManager } from './volume-manager.ts';

const ctx: Ctx = { signal: new AbortController().signal, log: silentLogger, clock: hostClock, random: hostRandom };

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(`${tmpdir()}/kapella-volumes-`);
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function node(t: TestContext) {
  const dir = await scratch(t);
  const api = createFakeApi(hostClock);
  const facts = () => ({ hostIps: [], podIps: [] });
  const deps = {
    files: hostFiles,
    objects: api.objects,
    tokens: createTokenSource(api.client),
    random: hostRandom,
    node: { cpuMilli: 1, memoryBytes: 1, ephemeralBytes: 1 },
    facts,
  };
  const manager = createVolumeManager(volumePlugins, deps, { podsDir: `${dir}/pods`, memoryDir: `${dir}/memory` });
  return { api, manager, dir };
}

const podWith = (volume: Volume, spec: object = {}): Pod =>
  testPod('web', {
    volumes: [volume],
    containers: [{ name: 'main', volumeMounts: [{ name: volume.name, mountPath: '/v' }] }],
    ...spec,
  });

const object = (kind: string, name: string, data: object) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
  ...data,
});

async function pathOf(manager: Awaited<ReturnType<typeof node>>['manager'], pod: Pod): Promise<string> {
  const { volumes, failures } = await manager.mount(pod, ctx);
  assert.deepEqual(failures, []);
  return volumes.values().next().value?.hostPath ?? '';
}

test('configMap: all keys or chosen ones, text and binary, modes', async (t) => {
  const { api, manager } = await node(t);
  api.putObject('ConfigMap', object('ConfigMap', 'c', { data: { a: 'A' }, binaryData: { b: btoa('B') } }));
  const all = await pathOf(manager, podWith({ name: 'v', configMap: { name: 'c', defaultMode: 0o640 } }));
  assert.equal(await readFile(`${all}/a`, 'utf8'), 'A');
  assert.equal(await readFile(`${all}/b`, 'utf8'), 'B');
  assert.equal((await stat(`${all}/a`)).mode & 0o777, 0o640);
  const items = [{ key: 'a', path: 'deep/er', mode: 0o400 }];
  const some = await pathOf(manager, podWith({ name: 'w', configMap: { name: 'c', items } }, {}));
  assert.deepEqual(
    (await readdir(some)).filter((name) => !name.startsWith('..')),
    ['deep'],
  );
  assert.equal((await stat(`${some}/deep/er`)).mode & 0o777, 0o400);
});

test('what is missing is said as upstream says it, unless it is optional', async (t) => {
  const { manager } = await node(t);
  const message = async (volume: Volume) => (await manager.mount(podWith(volume), ctx)).failures[0]?.message;
  assert.equal(
    await message({ name: 'v', secret: { secretName: 's' } }),
    'MountVolume.SetUp failed for volume "v" : secret "s" not found',
  );
  assert.equal(await message({ name: 'v', secret: { secretName: 's', optional: true } }), undefined);
  assert.match(
    (await message({ name: 'v', persistentVolumeClaim: { claimName: 'p' } })) ?? '',
    /persistentvolumeclaims "p" not found/,
  );
  assert.match(
    (await message({ name: 'v', glusterfs: { endpoints: 's', path: '/' } })) ?? '',
    /no volume plugin matched/,
  );
});

test('a claim is asked for at each mount: a node may not watch it', async (t) => {
  const { api } = await node(t);
  const watched: string[] = [];
  const objects = { ...api.objects, acquire: (kind: { readonly kind: string }) => void watched.push(kind.kind) };
  const deps = { objects } as unknown as Parameters<typeof createVolumeManager>[1];
  const manager = createVolumeManager(volumePlugins, deps, { podsDir: '/none', memoryDir: '/none' });
  manager.register(podWith({ name: 'v', persistentVolumeClaim: { claimName: 'p' } }));
  assert.deepEqual(watched, []);
  manager.register(podWith({ name: 'v', configMap: { name: 'c' } }));
  assert.deepEqual(watched, ['ConfigMap']);
});

test('projected: several sources in one directory; the token is narrow when a user or group is known', async (t) => {
  const { api, manager } = await node(t);
  api.putObject('ConfigMap', object('ConfigMap', 'c', { data: { 'ca.crt': 'CA' } }));
  const sources = [
    { serviceAccountToken: { path: 'token' } },
    { configMap: { name: 'c' } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ];
  const wide = await pathOf(manager, podWith({ name: 'v', projected: { sources } }));
  assert.equal(await readFile(`${wide}/token`, 'utf8'), 'token');
  assert.equal(await readFile(`${wide}/ca.crt`, 'utf8'), 'CA');
  assert.equal(await readFile(`${wide}/namespace`, 'utf8'), 'default');
  assert.equal((await stat(`${wide}/token`)).mode & 0o777, 0o644);
  const narrow = await pathOf(
    manager,
    podWith({ name: 'w', projected: { sources } }, { securityContext: { runAsUser: 1234 } }),
  );
  const info = await stat(`${narrow}/token`);
  assert.deepEqual([info.mode & 0o777, info.uid], [0o600, 1234]);
});

test('fsGroup: the group may read content and write scratch space', async (t) => {
  const { api, manager } = await node(t);
  api.putObject('Secret', object('Secret', 's', { data: { k: btoa('v') } }));
  const securityContext = { fsGroup: 4321 };
  const secret = await pathOf(
    manager,
    podWith({ name: 'v', secret: { secretName: 's', defaultMode: 0o400 } }, { securityContext }),
  );
  const key = await stat(`${secret}/k`);
  assert.deepEqual([key.mode & 0o777, key.gid], [0o440, 4321]);
  const empty = await stat(await pathOf(manager, podWith({ name: 'e', emptyDir: {} }, { securityContext })));
  assert.deepEqual([empty.mode & 0o7777, empty.gid], [0o2777, 4321]);
});

test('a new version replaces the old one at once; names that are gone disappear', async (t) => {
  const dir = `${await scratch(t)}/v`;
  const encoder = new TextEncoder();
  const write = (files: Readonly<Record<string, string>>) =>
    writeAtomically(
      dir,
      new Map(Object.entries(files).map(([path, text]) => [path, { data: encoder.encode(text), mode: 0o644 }])),
      hostFiles,
      hostRandom,
      async () => {},
    );
  assert.equal(await write({ a: '1', 'd/b': '2' }), true);
  const first = await readlink(`${dir}/..data`);
  assert.equal(await write({ a: '1', 'd/b': '2' }), false);
  assert.equal(await readlink(`${dir}/..data`), first);
  assert.equal(await write({ a: '3', c: '4' }), true);
  assert.equal(await readFile(`${dir}/a`, 'utf8'), '3');
  assert.deepEqual((await readdir(dir)).filter((name) => !/^\.\.[0-9a-f]+$/.test(name)).sort(), ['..data', 'a', 'c']);
  assert.equal((await readdir(dir)).length, 4);
  for (const bad of ['../x', '/x', '', '..x']) await assert.rejects(write({ [bad]: '' }), /invalid path/);
});

test('hostPath types', async (t) => {
  const dir = await scratch(t);
  await writeFile(`${dir}/file`, '');
  await checkHostPath(dir, 'Directory', hostFiles);
  await checkHostPath(`${dir}/new/dir`, 'DirectoryOrCreate', hostFiles);
  await checkHostPath(`${dir}/newfile`, 'FileOrCreate', hostFiles);
  await checkHostPath('/dev/null', 'CharDevice', hostFiles);
  await checkHostPath(`${dir}/nothing`, '', hostFiles);
  await assert.rejects(checkHostPath(`${dir}/file`, 'Directory', hostFiles), {
    message: `hostPath type check failed: ${dir}/file is not a directory`,
  });
  await assert.rejects(checkHostPath(`${dir}/no`, 'File', hostFiles), /is not a file$/);
  await assert.rejects(checkHostPath(dir, 'Socket', hostFiles), /is not a socket file$/);
});

test('a subPath is made where missing, and never leads out of its volume', async (t) => {
  const dir = await scratch(t);
  await hostFiles.mkdir(`${dir}/vol`, 0o755);
  await symlink('/etc', `${dir}/vol/out`);
  const bound: string[] = [];
  const settings = { podsDir: dir, clusterDomain: 'c', recursiveReadOnly: true } as never;
  const mounts = (mount: object) =>
    containerMounts({
      pod: testPod('web', {}),
      container: { name: 'main', volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
      volumes: new Map([['v', { hostPath: `${dir}/vol`, readOnly: false }]]),
      env: new Map([['N', 'x']]),
      podIps: [],
      settings,
      // Binding needs root.
      files: { ...hostFiles, mount: async (source) => void bound.push(await readlink(source)) },
      random: hostRandom,
    });
  const at = `${dir}/uid-web/volume-subpaths/v/main/0`;
  assert.equal((await mounts({ subPath: 'a/b' }))[0]?.hostPath, at);
  assert.equal((await mounts({ subPathExpr: 'p-$(N)' }))[0]?.hostPath, at);
  await writeFile(`${dir}/vol/file`, '');
  await symlink('a', `${dir}/vol/inside`);
  await mounts({ subPath: 'file' });
  assert.equal((await stat(at)).isFile(), true);
  await mounts({ subPath: 'inside/c' });
  assert.deepEqual(
    bound,
    ['a/b', 'p-x', 'file', 'a/c'].map((path) => `${dir}/vol/${path}`),
  );
  await assert.rejects(mounts({ subPath: 'out' }), /failed to prepare subPath/);
  await assert.rejects(mounts({ subPath: '../x' }), /must not contain/);
  await assert.rejects(mounts({ subPath: '/x' }), /must not be an absolute path/);
  await assert.rejects(mounts({ subPathExpr: '$(MISSING)' }), /missing value for MISSING/);
  const [readOnly] = await mounts({
    readOnly: true,
    recursiveReadOnly: 'IfPossible',
    mountPropagation: 'HostToContainer',
  });
  assert.equal(readOnly?.recursiveReadOnly, true);
  assert.equal(readOnly?.propagation, 'PROPAGATION_HOST_TO_CONTAINER');
});

test('unmounting removes volumes, and refuses to remove what is mounted elsewhere below', async (t) => {
  const { api, manager, dir } = await node(t);
  api.putObject('Secret', object('Secret', 's', { data: { k: btoa('v') } }));
  await pathOf(manager, podWith({ name: 'v', secret: { secretName: 's' } }));
  await manager.unmount('uid-web', ctx);
  await manager.removePodDir('uid-web');
  assert.deepEqual(await readdir(`${dir}/memory`), []);
});

test('a directory that becomes a link while it is opened is not followed', async (t) => {
  const dir = await scratch(t);
  await hostFiles.mkdir(`${dir}/vol/a/b`, 0o755);
  const a = `${dir}/vol/a`;
  // What is opened meanwhile may make the directory itself: whoever comes second leaves it.
  const unlessThere = (error: { code?: string }) => {
    if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error;
  };
  const swap = async () => {
    while (!isDone) {
      await rm(a, { recursive: true, force: true }).catch(unlessThere);
      await symlink('/etc', a).catch(unlessThere);
      await rm(a, { recursive: true, force: true }).catch(unlessThere);
      await hostFiles.mkdir(`${a}/b`, 0o755).catch(() => {}); // it may have become a link again
    }
  };
  let isDone = false;
  const swapping = swap();
  for (let round = 0; round < 300; round++) {
    try {
      await using held = await hostFiles.openInside(`${dir}/vol`, 'a/b', 0o755);
      assert.match(await readlink(held.path), new RegExp(`^${dir}/vol/`));
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
  }
  isDone = true;
  await swapping;
});

test('emptyDir of huge pages: the size of its name, or the only one that is asked for', () => {
  const pod = (...sizes: string[]) =>
    testPod('web', {
      containers: [
        {
          name: 'main',
          resources: { requests: Object.fromEntries(sizes.map((size) => [`hugepages-${size}`, '4Mi'])) },
        },
      ],
    });
  assert.equal(pageSize(pod('2Mi', '1Gi'), 'HugePages-1Gi'), '1Gi');
  assert.equal(pageSize(pod('2Mi'), 'HugePages'), '2Mi');
  assert.throws(() => pageSize(pod('2Mi'), 'HugePages-1Gi'), /no container of the Pod requests hugepages-1Gi/);
  assert.throws(() => pageSize(pod('2Mi', '1Gi'), 'HugePages'), /only one huge page size/);
  assert.throws(() => pageSize(pod(), 'HugePages'), /no resource request for huge pages/);
  assert.throws(() => pageSize(pod(), 'Paper'), /unknown storage medium "Paper"/);
});

const localPv = (path: string, more: object = {}) =>
  ({ metadata: { name: 'disk' }, spec: { local: { path }, ...more } }) as PersistentVolume;

/** What becomes of disks: empty ones at /dev/a, a file system on /dev/b. */
async function diskFiles() {
  const files = createMemoryFiles();
  const done: string[] = [];
  await files.mkdir('/dev', 0o755);
  for (const device of ['/dev/a', '/dev/b']) await files.write(device, '', 0o660);
  await files.makeFileSystem('/dev/b', 'xfs');
  const recording = new Proxy(files, {
    get(target, name: keyof HostFiles) {
      if (name === 'stat')
        return async (path: string) => {
          const info = await target.stat(path);
          return info && path.startsWith('/dev/') ? { ...info, kind: 'block' } : info;
        };
      if (name !== 'mount' && name !== 'makeFileSystem') return target[name].bind(target);
      return (...args: readonly unknown[]) => {
        done.push([name, ...args.flat()].join(' '));
        return (target[name] as (...all: readonly unknown[]) => Promise<void>).apply(target, [...args]);
      };
    },
  }) as HostFiles;
  return { files: recording, done };
}

test('local disks: an empty one is formatted once, mounted for each Pod; one that holds something is never formatted', async () => {
  const { files, done } = await diskFiles();
  const pod = { metadata: {}, spec: { containers: [] } } as unknown as Pod;
  const mount = (pv: PersistentVolume, dir: string, readOnly = false) => mountLocal(pod, pv, dir, readOnly, files);
  assert.deepEqual(await mount(localPv('/dev/a', { mountOptions: ['noatime'] }), '/p1'), {
    hostPath: '/p1',
    readOnly: false,
  });
  await mount(localPv('/dev/a', { mountOptions: ['noatime'] }), '/p1');
  await mount(localPv('/dev/a'), '/p2', true);
  assert.deepEqual(done, ['makeFileSystem /dev/a ext4', 'mount /dev/a /p1 ext4 noatime', 'mount /dev/a /p2 ext4 ro']);
  await mount(localPv('/dev/b', { local: { path: '/dev/b', fsType: 'xfs' } }), '/p3');
  await assert.rejects(mount(localPv('/dev/b'), '/p4'), /as "ext4", it already contains xfs/);
  await assert.rejects(mount(localPv('/dev/none'), '/p4'), /path "\/dev\/none" does not exist/);
  const block = await mount(localPv('/dev/b', { volumeMode: 'Block' }), '/p5');
  assert.deepEqual(block, { hostPath: '/dev/b', readOnly: false, block: true });
  assert.equal(done.filter((line) => line.startsWith('makeFileSystem')).length, 1);
  const fresh = await diskFiles();
  await assert.rejects(mountLocal(pod, localPv('/dev/a'), '/p', true, fresh.files), /unformatted disk \/dev\/a/);
});

test('nfs: mounted once, the server as mount wants it', async () => {
  const files = createMemoryFiles();
  const sources: string[] = [];
  const recording = {
    ...files,
    mkdir: (path: string, mode: number) => files.mkdir(path, mode),
    mountsUnder: (path: string) => files.mountsUnder(path),
    async mount(source: string, target: string, type: string, options: readonly string[]) {
      sources.push(`${type} ${source} ${options}`);
      await files.mount(source, target, type, []);
    },
  } as HostFiles;
  await mountNfs({ server: 'fd00::1', path: '/x', readOnly: true }, '/d', ['nfsvers=4.2'], recording);
  await mountNfs({ server: 'fd00::1', path: '/x', readOnly: true }, '/d', ['nfsvers=4.2'], recording);
  assert.deepEqual(sources, ['nfs [fd00::1]:/x nfsvers=4.2,ro']);
});
