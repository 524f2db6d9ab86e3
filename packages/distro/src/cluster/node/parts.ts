/** The processes of one cluster on this machine, as `up`, `down` and `status` handle them. */
import { existsSync, renameSync, statSync } from 'node:fs';
import { type Ctx, describeError, parseTime, sleep } from '@kapella/base';
import { CliError, type ClusterOptions } from '@kapella/cli';
import { inNamespace, layCable } from '../../host/node/cables.ts';
import { isContainerdRunning, startContainerd, stopContainerd } from '../../host/node/containerd.ts';
import { daemonPid, startDaemon, stopDaemon } from '../../host/node/daemon.ts';
import { readText } from '../../host/node/files.ts';
import { hostSteps, machineSteps } from '../../host/node/runtime-steps.ts';
import { probeHost } from '../../host/node/doctor-probe.ts';
import { checkHost } from '../../host/doctor.ts';
import { type RuntimePaths, runtimePaths } from '../../host/paths.ts';
import type { Progress } from '../../host/step.ts';
import type { Machine, MainPartName, Part, PartName } from '../bring-up.ts';
import { cableNetworks, type Member, members } from '../members.ts';
import { apiServerUrl, optionWords } from '../record.ts';
import { type AdminApi, createAdminApi } from './api.ts';
import type { Program } from './program.ts';

const POLL_MS = 15;
/** What takes longer than a start should is not asked for that often. */
const SLOW_AFTER_MS = 5_000;
const SLOW_POLL_MS = 250;
const SERVER_WAIT_MS_MAX = 60_000;
const NODE_WAIT_MS_MAX = 120_000;
const STOP_GRACE_MS = 20_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** A young generation that grows to its default costs 10 MB at rest; the server's is larger, for its throughput. */
const NODE_FLAGS = { server: ['--max-semi-space-size=4'], node: ['--max-semi-space-size=2'] } as const;
/** The usual port of the node agent: that of the first cluster. */
const KUBELET_PORT = 10_250;
/** A program older than this cannot be: no clock can be right before it. */
const PROGRAM_BUILT_MS = Date.UTC(2026, 0, 1);

export interface ClusterFiles {
  readonly runtime: RuntimePaths;
  readonly pidFile: Readonly<Record<MainPartName, string>>;
  readonly logFile: Readonly<Record<MainPartName, string>>;
  readonly kubeconfig: string;
}

export function clusterFiles(name: string, dataDir: string): ClusterFiles {
  const runtime = runtimePaths(name, dataDir);
  return {
    runtime,
    pidFile: {
      containerd: runtime.pidFile,
      server: `${runtime.runDir}/server.pid`,
      node: `${runtime.runDir}/node.pid`,
    },
    logFile: {
      containerd: runtime.logFile,
      server: `${dataDir}/logs/server.log`,
      node: `${dataDir}/logs/node.log`,
    },
    kubeconfig: `${dataDir}/admin.kubeconfig`,
  };
}

/** The same of one node: the server is that of the cluster. */
export function memberFiles(options: ClusterOptions, { runtime, pidFile, logFile }: Member): ClusterFiles {
  const files = clusterFiles(options.name, options.dataDir);
  return {
    ...files,
    runtime,
    pidFile: { ...files.pidFile, containerd: runtime.pidFile, node: pidFile },
    logFile: { ...files.logFile, containerd: runtime.logFile, node: logFile },
  };
}

export interface PartFiles {
  readonly name: PartName;
  readonly pidFile: string;
  readonly logFile: string;
}

/** Every process of a cluster: server, then agent and runtime of each node. */
export function partFiles(options: ClusterOptions): readonly PartFiles[] {
  const { pidFile, logFile } = clusterFiles(options.name, options.dataDir);
  const server = { name: 'server' as const, pidFile: pidFile.server, logFile: logFile.server };
  const nodes = members(options).flatMap((member): PartFiles[] => {
    const files = memberFiles(options, member);
    return (['node', 'containerd'] as const).map((part) => ({
      name: member.index === 1 ? part : `${part}-${member.index}`,
      pidFile: files.pidFile[part],
      logFile: files.logFile[part],
    }));
  });
  return [server, ...nodes];
}

export function createMachine(options: ClusterOptions, program: Program): Machine & { close(): void } {
  const [first, ...rest] = members(options) as [Member, ...Member[]];
  const files = memberFiles(options, first);
  const api = createAdminApi(options);
  return {
    findings: async () => {
      const running = await Promise.all((['server', 'node'] as const).map((name) => daemonPid(files.pidFile[name])));
      const ports = neededPorts(options).filter((_, index) => running[index] === undefined);
      return checkHost(await probeHost({ dataDir: options.dataDir, notBeforeMs: PROGRAM_BUILT_MS, ports }));
    },
    steps: machineSteps(),
    parts: {
      containerd: containerdPart(files),
      server: serverPart(options, files, api, program),
      node: nodePart(options, first, files, api, program),
    },
    further: rest.map((member) => furtherNode(options, member, api, program)),
    async keysWritten(ctx) {
      // The last of them to be written; before it the agent would make a certificate authority of its own.
      while (!existsSync(`${options.dataDir}/pki/sa.key`)) await sleep(POLL_MS, ctx);
    },
    close: () => api.close(),
  };
}

/** Of server and node, in this order. */
export function neededPorts({ apiPort, bindAddress }: ClusterOptions) {
  const server = { port: apiPort, use: 'API server', host: bindAddress };
  return apiPort === 6443 ? [server, { port: KUBELET_PORT, use: 'node agent' }] : [server];
}

function furtherNode(options: ClusterOptions, member: Member, api: AdminApi, program: Program) {
  const { index, cable } = member;
  const files = memberFiles(options, member);
  const containerd = containerdPart(files, inNamespace(cable));
  return {
    containerd: {
      ...containerd,
      name: `containerd-${index}` as const,
      async start(ctx: Ctx) {
        const { name, podCidr } = options;
        if (cable !== undefined)
          await layCable({ clusterName: name, cable, networks: cableNetworks(options), podCidr }, ctx);
        await containerd.start(ctx);
      },
    },
    node: { ...nodePart(options, member, files, api, program), name: `node-${index}` as const },
  };
}

export function containerdPart({ runtime }: Pick<ClusterFiles, 'runtime'>, prefix: readonly string[] = []): Part {
  const options = { paths: runtime, prefix };
  return {
    name: 'containerd',
    text: 'containerd',
    isRunning: () => isContainerdRunning(runtime),
    start: async (ctx) => void (await startContainerd(options, ctx)),
    async ready(ctx, progress) {
      const pause = hostSteps(options).find((step) => step.name === 'pause-image');
      // Loaded before containers are there, and kept: no need to look each time.
      if (pause !== undefined && !existsSync(`${runtime.imagesDir}/pause.tar`)) await pause.apply(ctx, progress);
      return `process ${(await daemonPid(runtime.pidFile)) ?? ''}`;
    },
    stop: async (ctx) => void (await stopContainerd(runtime, ctx)),
  };
}

function serverPart(options: ClusterOptions, files: ClusterFiles, api: AdminApi, program: Program): Part {
  return {
    ...daemonPart('server', 'API server', options, files, program),
    async ready(ctx, progress) {
      await until('server', files, SERVER_WAIT_MS_MAX, progress, ctx, async () => {
        const { status, text } = await api.get('/readyz');
        if (!existsSync(files.kubeconfig)) return 'it is writing its kubeconfig';
        return status === 200 ? undefined : `/readyz says ${status}: ${text.trim().split('\n').slice(-3).join(' ')}`;
      });
      return apiServerUrl(options);
    },
  };
}

interface NodeLike {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

function nodePart(
  options: ClusterOptions,
  { nodeName, index, cable }: Member,
  files: ClusterFiles,
  api: AdminApi,
  program: Program,
): Part {
  const own = index === 1 ? ['--supervise'] : ['--member', String(index)];
  const base = daemonPart('node', `node ${nodeName}`, options, files, program, own, inNamespace(cable));
  let startedMs = 0;
  // The agent renews its lease once it has said how the node is; a status that did not change it does not send again.
  const isHeard = async () => {
    const { status, text } = await api.get(
      `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${nodeName}`,
    );
    const renewTime = status === 200 ? (JSON.parse(text) as LeaseLike).spec?.renewTime : undefined;
    return (parseTime(renewTime) ?? 0) >= startedMs;
  };
  return {
    ...base,
    start(ctx) {
      startedMs = Math.floor(ctx.clock.nowMs());
      return base.start(ctx);
    },
    async ready(ctx, progress) {
      await until('node', files, NODE_WAIT_MS_MAX, progress, ctx, async () => {
        const { status, text } = await api.get(`/api/v1/nodes/${nodeName}`);
        if (status === 404) return 'it has not registered yet';
        if (status !== 200) return `the API server says ${status}: ${text.slice(0, 200)}`;
        const objection = notReadyBecause(JSON.parse(text) as NodeLike);
        if (objection !== undefined) return objection;
        return startedMs === 0 || (await isHeard()) ? undefined : 'it has not renewed its lease since it was started';
      });
      return 'Ready';
    },
  };
}

interface LeaseLike {
  readonly spec?: { readonly renewTime?: string | null };
}

/** Undefined when the Node says that it is Ready. */
export function notReadyBecause(node: NodeLike): string | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined) return 'it has not said yet how it is';
  return ready.status === 'True' ? undefined : (ready.message ?? 'it is not Ready');
}

function daemonPart(
  name: 'server' | 'node',
  text: string,
  options: ClusterOptions,
  files: ClusterFiles,
  program: Program,
  own: readonly string[] = ['--supervise'],
  prefix: readonly string[] = [],
): Omit<Part, 'ready'> {
  const pidFile = files.pidFile[name];
  const logFile = files.logFile[name];
  return {
    name,
    text,
    isRunning: async () => (await daemonPid(pidFile)) !== undefined,
    async start() {
      rotateLog(logFile);
      const words = [program.execPath, ...NODE_FLAGS[name], program.script, name, ...optionWords(options), ...own];
      const [command = '', ...args] = [...prefix, ...words];
      await startDaemon({ command, args, pidFile, logFile });
    },
    stop: async (ctx) => void (await stopDaemon(pidFile, STOP_GRACE_MS, ctx)),
  };
}

/** One older log is kept. */
function rotateLog(path: string): void {
  if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
}

/** Polls `probe` until it has no objection; says what is waited for, and fails as soon as the process has ended. */
async function until(
  name: MainPartName,
  files: ClusterFiles,
  timeMsMax: number,
  progress: Progress,
  ctx: Ctx,
  probe: () => Promise<string | undefined>,
): Promise<void> {
  const startMs = ctx.clock.monotonicMs();
  const logFile = files.logFile[name];
  for (;;) {
    const objection = await probe().catch((error: unknown) => describeError(error));
    if (objection === undefined) return;
    progress(`waiting: ${objection}`);
    if ((await daemonPid(files.pidFile[name])) === undefined) {
      const said = await lastWords(logFile);
      throw new CliError(
        'Runtime',
        `the ${name} ended while starting${said === '' ? '' : `: ${said}`}`,
        `See ${logFile}`,
      );
    }
    const waitedMs = ctx.clock.monotonicMs() - startMs;
    if (waitedMs > timeMsMax) {
      const message = `the ${name} was not ready after ${timeMsMax / 1000} s: ${objection}`;
      throw new CliError('Timeout', message, `See ${logFile}`);
    }
    await sleep(waitedMs > SLOW_AFTER_MS ? SLOW_POLL_MS : POLL_MS, ctx);
  }
}

/** What a process said last: its own error line, else the last of its log. */
async function lastWords(logFile: string): Promise<string> {
  const lines = ((await readText(logFile)) ?? '').trimEnd().split('\n').slice(-40);
  const error = lines.findLast((line) => line.startsWith('kapella: ')) ?? lines.findLast((line) => /Error/.test(line));
  return (error ?? lines.at(-1) ?? '').replace(/^kapella: /, '').slice(0, 300);
}
