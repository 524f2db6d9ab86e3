/** Keeps container logs bounded. Source: kubernetes pkg/kubelet/logs/container_log_manager.go; without compression. */
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { PodDeps } from './deps.ts';
import type { PodManager } from './pod-manager.ts';

const CHECK_MS = 10_000;
const BYTES_MAX = 10 * 1024 * 1024;
const FILES_MAX = 5; // with the one being written

/** Until `ctx` aborts. */
export async function runLogRotation(
  manager: PodManager,
  deps: Pick<PodDeps, 'cri' | 'files'>,
  ctx: Ctx,
): Promise<void> {
  while (!ctx.signal.aborted) {
    await sleep(CHECK_MS, ctx).catch(() => {});
    for (const { observed } of manager.workers()) {
      for (const { id, state, logPath } of observed.containers) {
        if (state !== 'running' || logPath === '' || ctx.signal.aborted) continue;
        await rotate(id, logPath, deps, ctx).catch((error: unknown) => {
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
): Promise<void> {
  const info = await files.stat(path);
  if (info === undefined || info.sizeBytes < BYTES_MAX) return;
  const slash = path.lastIndexOf('/');
  const dir = path.slice(0, slash);
  const name = path.slice(slash + 1);
  const pieces = ((await files.list(dir)) ?? []).filter((other) => other.startsWith(`${name}.`)).sort();
  for (const old of pieces.slice(0, Math.max(0, pieces.length - (FILES_MAX - 2)))) await files.remove(`${dir}/${old}`);
  const stamp = new Date(ctx.clock.nowMs()).toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  await files.rename(path, `${path}.${stamp}`);
  try {
    await cri.reopenContainerLog(containerId, ctx);
  } catch (error) {
    await files.rename(`${path}.${stamp}`, path);
    throw error;
  }
}
