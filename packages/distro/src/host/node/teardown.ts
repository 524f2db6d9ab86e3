/** Removes every trace of a cluster's runtime: processes, mounts, sockets, cgroups, directories. */
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Ctx, sleep } from '@kapella/base';
import { cgroupMounts, mountsUnder } from '../mounts.ts';
import type { RuntimePaths } from '../paths.ts';
import { HostError } from '../step.ts';
import { stopContainerd } from './containerd.ts';
import { listProcesses, type RunningProcess, signalProcess } from './daemon.ts';
import { readText } from './files.ts';
import { tryRun } from './run.ts';

const SHIM_SOCKETS_DIR = '/run/containerd/s';
const KILL_WAIT_MS_MAX = 10_000;

/**
 * Ends all containers of the cluster by force, with their shims, and containerd itself. Works with containerd dead, too.
 * Returns how many shims there were.
 */
export async function killRuntime(paths: RuntimePaths, ctx: Ctx): Promise<number> {
  await stopContainerd(paths, ctx);
  const deadline = ctx.clock.monotonicMs() + KILL_WAIT_MS_MAX;
  let shimCount: number | undefined;
  for (;;) {
    const processes = await listProcesses();
    const shims = processes.filter((process) => isShimOf(process, paths));
    shimCount ??= shims.length;
    if (shims.length === 0) return shimCount;
    if (ctx.clock.monotonicMs() > deadline) {
      throw new HostError(
        'Timeout',
        `${shims.length} container shims do not end`,
        `kill -9 ${shims.map(({ pid }) => pid).join(' ')}`,
      );
    }
    // The containers first: orphaned by a dead shim, they could not be told from other processes any more.
    const containers = descendants(processes, shims);
    for (const { pid } of containers) signalProcess(pid, 'SIGKILL');
    if (containers.length === 0) for (const { pid } of shims) signalProcess(pid, 'SIGKILL');
    await sleep(10, ctx);
  }
}

/** `containerd-shim-runc-v2 -namespace k8s.io -id … -address /run/kapella/<name>/containerd.sock` */
function isShimOf({ args }: RunningProcess, paths: RuntimePaths): boolean {
  return (args[0] ?? '').includes('containerd-shim') && args.includes(paths.socket);
}

function descendants(all: readonly RunningProcess[], roots: readonly RunningProcess[]): readonly RunningProcess[] {
  const found = new Set(roots.map(({ pid }) => pid));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parentPid } of all) if (found.has(parentPid)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid) && !roots.some((root) => root.pid === pid));
}

/** Unmounts all under the given directories, deepest first; lazily where something still holds it. */
export async function unmountUnder(dirs: readonly string[]): Promise<number> {
  const targets = mountsUnder((await readText('/proc/self/mountinfo')) ?? '', dirs);
  for (const target of targets) {
    if ((await tryRun('umount', [target])).code !== 0) await tryRun('umount', ['--lazy', target]);
  }
  const left = mountsUnder((await readText('/proc/self/mountinfo')) ?? '', dirs);
  if (left.length === 0) return targets.length;
  // Whoever removes the directory next would remove what is mounted there: the user's own files.
  throw new HostError(
    'CommandFailed',
    `${left.length} mounts stay, the first is ${left[0]}`,
    `umount --lazy ${left[0]}`,
  );
}

/** After killRuntime: sockets of shims, mounts, and the directories under /run. Images under the data directory stay. */
export async function removeRuntimeState(paths: RuntimePaths): Promise<void> {
  await removeShimSockets(paths);
  await unmountUnder([paths.runDir]);
  await rm(paths.runDir, { recursive: true, force: true });
  // Shared with other clusters, and with other users of containerd: gone only with the last of them.
  for (const dir of [dirname(paths.runDir), SHIM_SOCKETS_DIR, dirname(SHIM_SOCKETS_DIR)])
    await rmdir(dir).catch(() => {});
}

/** Also the images and snapshots. */
export async function removeRuntimeData(paths: RuntimePaths): Promise<void> {
  await removeRuntimeState(paths);
  await unmountUnder([paths.rootDir]);
  const files = [paths.rootDir, paths.optDir, paths.configFile, paths.certsDir, paths.imagesDir, paths.logFile];
  await Promise.all(files.map((path) => rm(path, { recursive: true, force: true })));
}

/** Shims listen in a directory that all containerd processes of a machine share; each task's bundle says where. */
async function removeShimSockets(paths: RuntimePaths): Promise<void> {
  const tasks = `${paths.stateDir}/io.containerd.runtime.v2.task/k8s.io`;
  for (const id of await readdir(tasks).catch(() => [])) {
    const text =
      (await readFile(`${tasks}/${id}/bootstrap.json`, 'utf8').catch(() => '')) ||
      (await readFile(`${tasks}/${id}/address`, 'utf8').catch(() => ''));
    const socket = /unix:\/\/(\/run\/containerd\/s\/[0-9a-f]+)/.exec(text)?.[1];
    if (socket !== undefined) await rm(socket, { force: true });
  }
}

/** Removes the cgroup `path` (`/kubepods`) and all below it, in every hierarchy. Its processes must be gone. */
export async function removeCgroup(path: string, ctx: Ctx): Promise<void> {
  for (const mount of cgroupMounts((await readText('/proc/self/mountinfo')) ?? '')) {
    await removeCgroupDir(`${mount}${path}`, ctx);
  }
}

async function removeCgroupDir(dir: string, ctx: Ctx): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return;
  for (const entry of entries) if (entry.isDirectory()) await removeCgroupDir(`${dir}/${entry.name}`, ctx);
  for (let tries = 1; ; tries++) {
    const error = await rmdir(dir).then(
      () => undefined,
      (cause: NodeJS.ErrnoException) => cause,
    );
    if (error === undefined || error.code === 'ENOENT') return;
    // A process that was just killed leaves its cgroup a moment later.
    if (error.code !== 'EBUSY' || tries > 100)
      throw new HostError('CommandFailed', `cgroup ${dir} stays`, `rmdir ${dir}`, error);
    await sleep(20, ctx);
  }
}
