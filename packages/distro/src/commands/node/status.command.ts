/** `kapella status`: what of a cluster runs, and what it says of itself. */
import { stat } from 'node:fs/promises';
import { type Ctx, describeError } from '@kapella/base';
import type { ClusterOptions } from '@kapella/cli';
import type { PartName } from '../../cluster/bring-up.ts';
import { type AdminApi, createAdminApi, getJson } from '../../cluster/node/api.ts';
import {
  type ClusterFiles,
  clusterFiles,
  notReadyBecause,
  type PartFiles,
  partFiles,
} from '../../cluster/node/parts.ts';
import { apiServerUrl } from '../../cluster/record.ts';
import { daemonPid } from '../../host/node/daemon.ts';
import { readText } from '../../host/node/files.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';

interface ProcessFacts {
  readonly pid: number;
  readonly upSeconds: number;
  readonly memoryMib: number;
}

export async function status({ given, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const { options } = await findCluster(given);
  const files = clusterFiles(options.name, options.dataDir);
  const parts = partFiles(options);
  const processes = await readProcesses(parts, ctx);
  const api = createAdminApi(options);
  const facts = processes.server === undefined ? { problem: 'the server does not run' } : await askApi(api);
  api.close();
  const isWell = parts.every(({ name }) => processes[name] !== undefined) && facts.problem === undefined;
  const { name, dataDir } = options;
  reporter.result(
    { name, isWell, processes, ...facts, server: apiServerUrl(options), kubeconfig: files.kubeconfig, dataDir },
    textOf(options, files, processes, facts),
  );
  return isWell ? 0 : 1;
}

type Processes = Readonly<Partial<Record<PartName, ProcessFacts>>>;

async function readProcesses(parts: readonly PartFiles[], ctx: Ctx): Promise<Processes> {
  const entries = await Promise.all(
    parts.map(async ({ name, pidFile }) => {
      const pid = await daemonPid(pidFile);
      return pid === undefined ? undefined : ([name, await readProcess(pid, ctx)] as const);
    }),
  );
  return Object.fromEntries(entries.filter((entry) => entry !== undefined)) as Processes;
}

async function readProcess(pid: number, ctx: Ctx): Promise<ProcessFacts> {
  const [text, born] = await Promise.all([
    readText(`/proc/${pid}/status`),
    stat(`/proc/${pid}`).catch(() => undefined),
  ]);
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(text ?? '')?.[1] ?? 0);
  const upSeconds = Math.max(0, Math.round((ctx.clock.nowMs() - (born?.ctimeMs ?? ctx.clock.nowMs())) / 1000));
  return { pid, upSeconds, memoryMib: Math.round(kib / 1024) };
}

interface ApiFacts {
  readonly problem?: string;
  readonly kubernetes?: string;
  readonly nodes?: { readonly ready: number; readonly total: number };
  readonly pods?: { readonly running: number; readonly total: number };
  readonly notReady?: string;
}

interface ListOf<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly remainingItemCount?: number };
}

async function askApi(api: AdminApi): Promise<ApiFacts> {
  try {
    const [version, nodes, pods, running] = await Promise.all([
      getJson<{ readonly gitVersion: string }>(api, '/version'),
      getJson<ListOf<Parameters<typeof notReadyBecause>[0]>>(api, '/api/v1/nodes'),
      count(api, '/api/v1/pods?limit=1'),
      // Counts with a selector are not exact in a page: fetch them whole.
      getJson<ListOf<unknown>>(api, '/api/v1/pods?fieldSelector=status.phase%3DRunning').then(
        ({ items }) => items.length,
      ),
    ]);
    const objections = nodes.items.map(notReadyBecause).filter((objection) => objection !== undefined);
    return {
      kubernetes: version.gitVersion,
      nodes: { ready: nodes.items.length - objections.length, total: nodes.items.length },
      pods: { running, total: pods },
      ...(objections[0] === undefined ? {} : { notReady: objections[0] }),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      return { problem: 'its keys are for root alone: sudo kapella status' };
    return { problem: `the API server does not answer: ${describeError(error)}` };
  }
}

async function count(api: AdminApi, path: string): Promise<number> {
  const { items, metadata } = await getJson<ListOf<unknown>>(api, path);
  return items.length + (metadata.remainingItemCount ?? 0);
}

function textOf(options: ClusterOptions, files: ClusterFiles, processes: Processes, facts: ApiFacts): string {
  const { name, dataDir, podCidr, serviceCidr, clusterDomain } = options;
  const names = partFiles(options).map((part) => part.name);
  const width = Math.max(11, ...names.map((part) => part.length));
  const row = (label: string, text: string) => `  ${label.padEnd(width)} ${text}`;
  const processRow = (part: PartName) => {
    const found = processes[part];
    if (found === undefined) return row(part, 'not running');
    return row(part, `process ${found.pid}, up ${duration(found.upSeconds)}, ${found.memoryMib} MB`);
  };
  const { kubernetes, nodes, pods, problem, notReady } = facts;
  const objection = notReady === undefined ? '' : `: ${notReady}`;
  return [
    `Cluster ${name}${kubernetes === undefined ? '' : `, Kubernetes ${kubernetes}`}`,
    ...names.map(processRow),
    problem === undefined ? row('nodes', `${nodes?.ready} of ${nodes?.total} Ready${objection}`) : `  ! ${problem}`,
    ...(pods === undefined ? [] : [row('Pods', `${pods.running} of ${pods.total} running`)]),
    row('API', apiServerUrl(options)),
    row('kubeconfig', files.kubeconfig),
    row('data', dataDir),
    row('networks', `Pods ${podCidr}, Services ${serviceCidr}, domain ${clusterDomain}`),
  ].join('\n');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
