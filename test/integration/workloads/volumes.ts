/** emptyDir and hostPath: shared between containers, of a size, kept or removed with the Pod. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { IDLE, pod } from '../../support/manifests.ts';
import { containerOf, openSession, restartsOf } from '../../support/session.ts';

const shared = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };

export function volumeTests(cluster: () => TestCluster): void {
  test('emptyDir: shared by containers, kept over a restart, gone with the Pod', async () => {
    const s = await openSession(cluster(), 'empty');
    const containers = ['main', 'other'].map((name) => ({
      name,
      image: 'busybox:1.38',
      command: ['sh', '-c', IDLE],
      ...shared,
    }));
    await s.apply(pod('main', { spec: { containers, volumes: [{ name: 'shared', emptyDir: {} }] } }));
    const { metadata } = await s.ready('main');
    await s.exec('main', 'echo kept > /shared/file', 'main');
    assert.equal(await s.exec('main', 'cat /shared/file; stat -c %a /shared', 'other'), 'kept\n777');
    // With its first process the container ends, and at times this command with it before it can say that all is well.
    await s.try('exec main -c main -- kill -TERM 1');
    await s.podUntil(
      'main',
      'restarted its container',
      (seen) => restartsOf(seen) === 1 && containerOf(seen)?.ready === true,
    );
    assert.equal(await s.exec('main', 'cat /shared/file', 'main'), 'kept');
    const dir = join(cluster().dataDir, 'node/pods', metadata.uid ?? '');
    assert.ok(existsSync(dir), 'where the test looks is where Pods live');
    await s.k('delete pod main');
    await eventually('the directory of the Pod is gone', async () => !existsSync(dir));
  });

  test('subPath: a directory of a volume, made where missing, bound again after a restart, gone with the Pod', async () => {
    const s = await openSession(cluster(), 'subpath');
    const part = { volumeMounts: [{ name: 'shared', mountPath: '/part', subPath: 'a/b' }] };
    const whole = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
    const container = (name: string, mounts: object) => ({
      ...{ name, image: 'busybox:1.38', command: ['sh', '-c', IDLE] },
      ...mounts,
    });
    const containers = [container('main', part), container('other', whole)];
    await s.apply(pod('main', { spec: { containers, volumes: [{ name: 'shared', emptyDir: {} }] } }));
    const { metadata } = await s.ready('main');
    await s.exec('main', 'echo one > /part/file', 'main');
    assert.equal(await s.exec('main', 'cat /shared/a/b/file', 'other'), 'one');
    await s.try('exec main -c main -- kill -TERM 1');
    await s.podUntil('main', 'restarted', (seen) => restartsOf(seen) === 1 && containerOf(seen)?.ready === true);
    assert.equal(await s.exec('main', 'cat /part/file', 'main'), 'one');
    // From now on the name leads out of the volume: the next container is refused it.
    await s.exec('main', 'rm -r /shared/a && ln -s /etc /shared/a', 'other');
    await s.try('exec main -c main -- kill -TERM 1');
    await s.eventOf('main', 'Failed', /failed to prepare subPath for volumeMount "shared" of container "main"/);
    const dir = join(cluster().dataDir, 'node/pods', metadata.uid ?? '');
    await s.k('delete pod main');
    await eventually('the directory of the Pod is gone', async () => !existsSync(dir));
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(metadata.uid ?? '-'), 'nothing is left mounted');
  });

  test('emptyDir in memory is a tmpfs of its size', async () => {
    const s = await openSession(cluster(), 'memory');
    const volumes = [{ name: 'shared', emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } }];
    await s.apply(pod('main', { container: shared, spec: { volumes } }));
    await s.ready('main');
    assert.match(await s.exec('main', 'grep " /shared " /proc/mounts'), /^tmpfs .*size=2048k/);
    const full = await s.try('exec main -- dd if=/dev/zero of=/shared/big bs=1M count=3');
    assert.match(full.stderr, /No space left on device/);
  });

  test('hostPath: made when wanted, checked when not, read-only when said', async () => {
    const s = await openSession(cluster(), 'host');
    const root = join(cluster().dataDir, 'host-volumes');
    mkdirSync(root);
    writeFileSync(join(root, 'file'), 'from the host');
    const made = join(root, 'made');
    const volumes = [
      { name: 'made', hostPath: { path: made, type: 'DirectoryOrCreate' } },
      { name: 'file', hostPath: { path: join(root, 'file'), type: 'File' } },
    ];
    const volumeMounts = [
      { name: 'made', mountPath: '/made' },
      { name: 'file', mountPath: '/file', readOnly: true },
    ];
    await s.apply(pod('main', { container: { volumeMounts }, spec: { volumes } }));
    await s.ready('main');
    await s.exec('main', 'echo from the Pod > /made/note');
    assert.equal(readFileSync(join(made, 'note'), 'utf8'), 'from the Pod\n');
    assert.equal(await s.exec('main', 'cat /file'), 'from the host');
    assert.match((await s.try(`exec main -- sh -c 'echo no > /file'`)).stderr, /Read-only file system/);
    const wrong = [{ name: 'shared', hostPath: { path: join(root, 'none'), type: 'Directory' } }];
    await s.apply(pod('wrong', { container: shared, spec: { volumes: wrong } }));
    await s.eventOf('wrong', 'FailedMount', /hostPath type check failed: .*none is not a directory/);
    await s.k('delete pod main wrong');
    assert.ok(existsSync(join(made, 'note')), 'it belongs to the host, not to the Pod');
  });

  test('fsGroup and users: files belong to whom the Pod says', async () => {
    const s = await openSession(cluster(), 'owner');
    const securityContext = { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, runAsNonRoot: true };
    const volumes = [{ name: 'shared', emptyDir: {} }];
    await s.apply(pod('main', { container: shared, spec: { volumes, securityContext } }));
    await s.ready('main');
    assert.equal(
      await s.exec('main', 'touch /shared/x; stat -c %u:%g /shared/x; id -u; id -G'),
      '1000:2000\n1000\n1000 2000',
    );
  });
}
