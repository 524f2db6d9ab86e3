/** What the agent tells of itself over HTTPS, put together. */
import type { Pod } from '@kapella/api/types/core-v1';
import { ApiError, type Ctx } from '@kapella/base';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { configzText } from '../config/configz.ts';
import { isCriError } from '../cri/cri.ts';
import { restorePod } from '../lifecycle/labels.ts';
import { cadvisorMetricsText } from '../metrics/cadvisor-metrics.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import { resourceMetricsText } from '../metrics/resource-metrics.ts';
import type { PodDeps } from '../pods/deps.ts';
import type { PodManager } from '../pods/pod-manager.ts';
import type { MachineFacts } from '../registration/node-object.ts';
import type { NodeReports } from '../server/reports.ts';
import type { StatsProvider } from '../stats/stats-provider.ts';

export interface ReportsDeps {
  readonly deps: PodDeps;
  readonly manager: PodManager;
  readonly stats: StatsProvider;
  readonly metrics: KubeletMetrics;
  readonly config: KubeletConfig;
  readonly machine: MachineFacts;
  readonly version: string;
  readonly checkpointDir: string;
}

export function createReports(parts: ReportsDeps): NodeReports {
  const { deps, manager, stats, metrics, config, machine, version } = parts;
  return {
    async metrics(page, ctx) {
      if (page === 'metrics') return metrics.registry.text();
      if (page === 'probes') return metrics.probes.text();
      const summary = await stats.summary(ctx);
      if (page === 'resource') return resourceMetricsText(summary);
      const pods = new Map(manager.workers().map((worker) => [worker.uid, worker]));
      const cgroupOf = (pod: Pod) => deps.cgroups.parentOf(pod);
      return cadvisorMetricsText({ summary, pods, cgroupOf, machine, version, nowMs: ctx.clock.nowMs() });
    },
    summary: (ctx) => stats.summary(ctx),
    async runningPods(ctx) {
      const [sandboxes, containers] = await Promise.all([
        deps.cri.listPodSandboxes({}, ctx),
        deps.cri.listContainers({}, ctx),
      ]);
      return sandboxes
        .filter(({ state }) => state === 'ready')
        .map(({ labels, id }) => {
          const own = containers.filter(({ sandboxId, state }) => sandboxId === id && state === 'running');
          const { metadata, spec } = restorePod(labels, own);
          return { metadata, spec } as Pod;
        });
    },
    configz: () => configzText(config),
    syncLoopProblem: () => manager.problem(),
    checkpoint: (namespace, pod, container, timeout, ctx) =>
      checkpoint(parts, { namespace, pod, container, timeout }, ctx),
    onRequest: (method, path, longRunning) => metrics.httpRequest(method, path, longRunning),
    onWebSocket: (subresource) => metrics.webSocket(subresource),
  };
}

interface CheckpointRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly timeout: number;
}

async function checkpoint(
  { manager, deps, checkpointDir }: ReportsDeps,
  { namespace, pod, container, timeout }: CheckpointRequest,
  ctx: Ctx,
): Promise<string> {
  const worker = manager.worker(namespace, pod);
  if (worker === undefined) throw new ApiError('NotFound', 'pod does not exist', { code: 404 });
  const found = worker.observed.containers.find(({ name, state }) => name === container && state === 'running');
  if (found === undefined) throw new ApiError('NotFound', `container ${container} does not exist`, { code: 404 });
  await deps.files.mkdir(checkpointDir, 0o700);
  const stamp = new Date(ctx.clock.nowMs()).toISOString().slice(0, 19);
  const path = `${checkpointDir}/checkpoint-${pod}_${namespace}-${container}-${stamp}Z.tar`;
  try {
    await deps.cri.checkpointContainer(found.id, path, timeout, ctx);
    return path;
  } catch (error) {
    const why = isCriError(error) ? error.message : String(error);
    const code = isCriError(error, 'unimplemented') ? 404 : 500;
    throw new ApiError('InternalError', `checkpointing of ${namespace}/${pod}/${container} failed (${why})`, { code });
  }
}
