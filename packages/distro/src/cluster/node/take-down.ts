/** Ends everything of a cluster that runs: agents first, so that nothing is started again, then containers. */
import { type Ctx, sleep } from '@kapella/base';
import type { ClusterOptions, Reporter } from '@kapella/cli';
import { removeTunnels } from '@kapella/cni/node';
import { createNftablesBackend } from '@kapella/proxy/node';
import { listProcesses, type RunningProcess, signalProcess, stopDaemon } from '../../host/node/daemon.ts';
import { removeCable, removeCableRules } from '../../host/node/cables.ts';
import { isContainerdRunning } from '../../host/node/containerd.ts';
import { findCommand, tryRun } from '../../host/node/run.ts';
import { killRuntime } from '../../host/node/teardown.ts';
import type { RuntimePaths } from '../../host/paths.ts';
import { type Member, members } from '../members.ts';
import { clusterFiles } from './parts.ts';

const AGENT_GRACE_MS = 10_000;
const POLL_MS = 20;

export interface TakeDownOptions {
  readonly options: ClusterOptions;
  /** How long containers may take to end by themselves. */
  readonly graceMs: number;
}

/** What was ended, a line each. */
export async function takeDown(options: TakeDownOptions, reporter: Reporter, ctx: Ctx): Promise<string[]> {
  const { name } = options.options;
  const all = members(options.options);
  return [
    ...(await endFurtherAgents(all.slice(1), ctx)),
    ...(await endMainProcesses(options, reporter, ctx)),
    ...(await endRuntimes(all, options.graceMs, reporter, ctx)),
    ...(await removeCables(name, all)),
    ...(await removeServiceRules(name, ctx)),
    ...(await removeTunnelsOf(name, ctx)),
  ];
}

async function endFurtherAgents(further: readonly Member[], ctx: Ctx): Promise<string[]> {
  const stopped = await Promise.all(further.map(({ pidFile }) => stopDaemon(pidFile, AGENT_GRACE_MS, ctx)));
  return further.filter((_, index) => stopped[index]).map(({ nodeName }) => `process of the node agent of ${nodeName}`);
}

async function endMainProcesses(options: TakeDownOptions, reporter: Reporter, ctx: Ctx): Promise<string[]> {
  const files = clusterFiles(options.options.name, options.options.dataDir);
  const ended: string[] = [];
  for (const part of ['node', 'server'] as const) {
    const text = part === 'node' ? 'node agent' : 'API server';
    const step = reporter.step(part, text);
    const stopped = await stopDaemon(files.pidFile[part], AGENT_GRACE_MS, ctx);
    const strays = await endStrays(part, options, ctx);
    const didRun = stopped || strays > 0;
    step.done(didRun ? 'stopped' : 'did not run');
    if (didRun) ended.push(`process of the ${text}`);
  }
  return ended;
}

async function endRuntimes(all: readonly Member[], graceMs: number, reporter: Reporter, ctx: Ctx): Promise<string[]> {
  const step = reporter.step('containers', 'containers');
  const ended: string[] = [];
  let total = 0;
  for (const { runtime, nodeName, index } of all) {
    const count = await endContainers(runtime, graceMs, (text) => step.progress(text), ctx);
    const didRun = await isContainerdRunning(runtime);
    const sandboxes = await killRuntime(runtime, ctx);
    const where = index === 1 ? '' : ` of ${nodeName}`;
    if (sandboxes > 0) ended.push(`${count} containers of ${sandboxes} Pods${where}`);
    if (didRun) ended.push(`process of containerd${where}`);
    total += count;
  }
  step.done(`${total} ended${ended.some((line) => line.includes('containerd')) ? ', containerd stopped' : ''}`);
  return ended;
}

async function removeCables(clusterName: string, all: readonly Member[]): Promise<string[]> {
  const cables = all.map(({ cable }) => cable).filter((cable) => cable !== undefined);
  const removed: string[] = [];
  for (const cable of cables) removed.push(...(await removeCable(cable)));
  if (cables.length > 0) await removeCableRules(clusterName);
  return removed;
}

async function removeTunnelsOf(clusterName: string, ctx: Ctx): Promise<string[]> {
  if (findCommand('ip') === undefined) return [];
  return (await removeTunnels(clusterName, ctx)).map((device) => `interface ${device}`);
}

/** Rules of Services would send packets to addresses where nobody is. Returns the tables that there were. */
async function removeServiceRules(clusterName: string, ctx: Ctx): Promise<string[]> {
  if (findCommand('nft') === undefined) return [];
  const tables = async () => (await tryRun('nft', ['list', 'tables'])).stdout.split('\n').filter((line) => line !== '');
  const before = await tables();
  const node = { name: '', nodePortAddresses: [], podCIDRs: [], families: ['IPv4' as const] };
  await createNftablesBackend({ clusterName, node }).remove(ctx);
  const after = new Set(await tables());
  return before.filter((line) => !after.has(line) && line.includes(clusterName)).map((line) => `nftables ${line}`);
}

/** A process of this cluster whose pid file was lost, as after an interrupted start. */
async function endStrays(part: 'server' | 'node', { options }: TakeDownOptions, ctx: Ctx): Promise<number> {
  const { name, dataDir } = options;
  const isStray = ({ args }: RunningProcess) => {
    const script = args.findIndex((arg, index) => index > 0 && !arg.startsWith('-'));
    if (!/kapella|main\.ts/.test(args[script] ?? '') || args[script + 1] !== part) return false;
    return follows(args, '--name', name) && follows(args, '--data-dir', dataDir);
  };
  const strays = (await listProcesses()).filter(isStray);
  for (const { pid } of strays) signalProcess(pid, 'SIGTERM');
  const deadline = ctx.clock.monotonicMs() + AGENT_GRACE_MS;
  while (strays.length > 0) {
    const left = (await listProcesses()).filter(isStray);
    if (left.length === 0) break;
    if (ctx.clock.monotonicMs() > deadline) for (const { pid } of left) signalProcess(pid, 'SIGKILL');
    await sleep(POLL_MS, ctx);
  }
  return strays.length;
}

const follows = (args: readonly string[], flag: string, value: string) => args[args.indexOf(flag) + 1] === value;

/** SIGTERM to the first process of each container, and patience. The runtime sees them end, and keeps how. */
async function endContainers(
  runtime: RuntimePaths,
  graceMs: number,
  progress: (text: string) => void,
  ctx: Ctx,
): Promise<number> {
  const deadline = ctx.clock.monotonicMs() + graceMs;
  const first = firstProcesses(await listProcesses(), runtime.socket);
  const containers = first.filter((process) => !isPause(process));
  for (const { pid } of containers) signalProcess(pid, 'SIGTERM');
  for (;;) {
    const left = firstProcesses(await listProcesses(), runtime.socket).filter((process) => !isPause(process));
    if (left.length === 0 || ctx.clock.monotonicMs() > deadline) return containers.length;
    progress(`waiting for ${left.length} of ${containers.length} to end: ${left[0]?.args[0] ?? ''}`);
    await sleep(POLL_MS, ctx);
  }
}

function firstProcesses(all: readonly RunningProcess[], socket: string): readonly RunningProcess[] {
  const shims = new Set(
    all
      .filter(({ args }) => (args[0] ?? '').includes('containerd-shim') && args.includes(socket))
      .map(({ pid }) => pid),
  );
  return all.filter(({ pid, parentPid }) => shims.has(parentPid) && !shims.has(pid));
}

/** It holds a Pod's network until the end. */
const isPause = ({ args }: RunningProcess) => args[0] === '/pause';
