/** Keeps container logs bounded. Source: kubernetes pkg/kubelet/logs/container_log_manager.go; without compression. */
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { PodDeps } from './deps.ts';
import type { PodManager } from './pod-manager.ts';

export interface LogLimits {
  readonly containerLogMaxSizeBytes: number;
  /** With the one being written. */
  readonly containerLogMaxFiles: number;
  /** Between two looks at the sizes. */
  readonly containerLogMonitorIntervalMs: number;
}

const UPSTREAM: LogLimits = {
  containerLogMaxSizeBytes: 10 * 1024 * 1024,
  containerLogMaxFiles: 5,
  containerLogMonitorIntervalMs: 10_000,
};

/** Until `ctx` aborts. */
export async function runLogRotation(
  manager: PodManager,
  deps: Pick<PodDeps, 'cri' | 'files'>,
  ctx: Ctx,
  limits: LogLimits = UPSTREAM,
): Promise<void> {
  while (!ctx.signal.aborted) {
    await sleep(limits.containerLogMonitorIntervalMs, ctx).catch(() => {});
    for (const { observed } of manager.workers()) {
      for (const { id, state, logPath } of observed.containers) {
        if (state !== 'running' || logPath === '' || ctx.signal.aborted) continue;
        await rotate(id, logPath, deps, ctx, limits).catch((error: unknown) => {
          ctx.log.warn('log not rotated', { path: logPath, error: describeError(error) });
        });
      }
    }
  }
}

export async function rotate(
  containerId: string,
  path: string,
  { cri, files }: Pick<PodDeps, 'cri' | 'files'>,
  ctx: Ctx,
  limits: LogLimits = UPSTREAM,
): Promise<void> {
  const info = await files.stat(path);
  if (info === undefined || info.sizeBytes < limits.containerLogMaxSizeBytes) return;
  const slash = path.lastIndexOf('/');
  const dir = path.slice(0, slash);
  const name = path.slice(slash + 1);
  const pieces = ((await files.list(dir)) ?? []).filter((other) => other.startsWith(`${name}.`)).sort();
  for (const old of pieces.slice(0, Math.max(0, pieces.length - (limits.containerLogMaxFiles - 2))))
    await files.remove(`${dir}/${old}`);
  const stamp = new Date(ctx.clock.nowMs()).toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  await files.rename(path, `${path}.${stamp}`);
  try {
    await cri.reopenContainerLog(containerId, ctx);
  } catch (error) {
    await files.rename(`${path}.${stamp}`, path);
    throw error;
  }
}
