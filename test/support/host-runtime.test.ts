/** Host provisioning on the real machine: two clusters beside each other, kill -9, nothing left. Needs root. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { cgroupMounts, HostError, mountsUnder, PAUSE_IMAGE, runtimePaths } from '@kapella/distro/host';
import {
  daemonPid,
  hostSteps,
  importImage,
  killRuntime,
  listImages,
  listProcesses,
  removeCgroup,
  removeRuntimeData,
  run,
  signalProcess,
  startContainerd,
} from '@kapella/distro/host/node';
import { busyboxRecipe } from '@kapella/tools/images';
import { ensureHostPackages } from './host.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const dir = mkdtempSync(`${tmpdir()}/host-`);
const names = ['a', 'b'].map((letter) => `test-host-${process.pid}-${letter}`);
const [first, second] = names.map((name) => runtimePaths(name, `${dir}/${name}`)) as [Paths, Paths];
const cgroup = `/${names[0]}`;
type Paths = ReturnType<typeof runtimePaths>;

async function provision(paths: Paths): Promise<readonly string[]> {
  const done: string[] = [];
  for (const step of hostSteps({ paths })) {
    if (await step.check(ctx)) continue;
    assert.ok((await step.plan(ctx)).length > 0, step.name);
    await step.apply(ctx, () => {});
    assert.ok(await step.check(ctx), `${step.name} is satisfied after it was applied`);
    done.push(step.name);
  }
  return done;
}

async function tearDown(): Promise<void> {
  for (const paths of [first, second]) {
    await killRuntime(paths, ctx);
    await removeRuntimeData(paths);
  }
  await removeCgroup(cgroup, ctx);
}

const ctr = async (paths: Paths, ...args: string[]) =>
  (await run('ctr', ['-a', paths.socket, '-n', 'k8s.io', ...args])).stdout;

before(ensureHostPackages);
after(async () => {
  await tearDown();
  rmSync(dir, { recursive: true, force: true });
});

test('two clusters, each with a runtime of its own; a second run finds nothing to do', async () => {
  for (const paths of [first, second]) {
    assert.deepEqual(await provision(paths), ['runtime-directories', 'containerd', 'pause-image']);
    assert.deepEqual(await provision(paths), []);
  }
  const { tarPath } = await busyboxRecipe.build();
  assert.deepEqual(await importImage(tarPath, { paths: first }), ['docker.io/library/busybox:1.38']);
  const imagesOf = async (paths: Paths) => (await listImages({ paths })).map(({ name }) => name);
  assert.deepEqual(await imagesOf(first), ['docker.io/library/busybox:1.38', PAUSE_IMAGE]);
  assert.deepEqual(await imagesOf(second), [PAUSE_IMAGE]);
});

test('a container outlives kill -9 of containerd, which starts again', async () => {
  const own = ['--runc-root', first.runcDir, '--fifo-dir', `${first.runDir}/fifo`, '--cgroup', `${cgroup}/c`];
  await ctr(first, 'run', '--detach', '--null-io', ...own, 'docker.io/library/busybox:1.38', 'c', 'sleep', '1000');
  const pidOf = async () => /^c\s+(\d+)\s+RUNNING/m.exec(await ctr(first, 'tasks', 'ls'))?.[1];
  const pid = await pidOf();
  assert.ok(pid !== undefined);
  const killed = await daemonPid(first.pidFile);
  assert.ok(killed !== undefined);
  signalProcess(killed, 'SIGKILL');
  while ((await daemonPid(first.pidFile)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  const started = await startContainerd({ paths: first }, ctx);
  assert.notEqual(started, killed);
  assert.equal(await pidOf(), pid);
  assert.ok(existsSync(`/proc/${pid}`));
});

test('an image that is none is one clear error', async () => {
  await assert.rejects(importImage(import.meta.filename, { paths: first }), (error: unknown) => {
    return error instanceof HostError && error.reason === 'CommandFailed' && /was not loaded/.test(error.message);
  });
});

test('reset leaves nothing, running containers or not', async () => {
  await tearDown();
  assert.deepEqual(mountsUnder(readFileSync('/proc/self/mountinfo', 'utf8'), [first.runDir, first.rootDir]), []);
  const mine = (await listProcesses()).filter(({ args }) =>
    args.some((arg) => names.some((name) => arg.includes(name))),
  );
  assert.deepEqual(mine, []);
  for (const path of [first.runDir, second.runDir, first.rootDir]) assert.ok(!existsSync(path), path);
  for (const mount of cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8')))
    assert.ok(!existsSync(mount + cgroup));
});

test('a containerd that cannot start says why, and is not left running', async () => {
  const base = runtimePaths(names[0] as string, `${dir}/broken`);
  // Longer than the address of a unix socket may be.
  const paths = { ...base, ttrpcSocket: `${base.runDir}/${'x'.repeat(120)}` };
  await assert.rejects(startContainerd({ paths }, ctx), (error: unknown) => {
    return (
      error instanceof HostError &&
      error.reason === 'RuntimeFailed' &&
      /ended while starting: .*ttrpc/.test(error.message)
    );
  });
  assert.equal(await daemonPid(paths.pidFile), undefined);
  await removeRuntimeData(paths);
});
