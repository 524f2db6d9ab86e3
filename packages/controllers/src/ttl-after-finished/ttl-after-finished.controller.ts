/** Deletes finished Jobs whose ttlSecondsAfterFinished is over. Source: …/controller/ttlafterfinished. */
import { batchV1 } from '@kapella/api';
import type { Job } from '@kapella/api/types/batch-v1';
import { isReason, parseTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

export function createTtlAfterFinishedController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'ttl-after-finished-controller',
    primary: batchV1.Job,
    async reconcile(key, ctx) {
      const job = cache.get(batchV1.Job, key);
      const dueMs = job === undefined || job.metadata.deletionTimestamp !== undefined ? undefined : expiryMs(job);
      if (job === undefined || dueMs === undefined) return {};
      const leftMs = dueMs - ctx.clock.nowMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { uid, resourceVersion } = job.metadata;
      try {
        await client.delete(batchV1.Job, job, ctx, { propagationPolicy: 'Foreground', uid, resourceVersion });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
      return {};
    },
  });
}

/** Pure: when the Job may go; undefined while it runs or has no TTL. */
export function expiryMs(job: Job): number | undefined {
  const seconds = job.spec.ttlSecondsAfterFinished;
  const end = job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  const endMs = parseTime(end?.lastTransitionTime);
  return seconds === undefined || endMs === undefined ? undefined : endMs + seconds * 1000;
}
