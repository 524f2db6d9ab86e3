/** Growing batches. Source: kubernetes pkg/controller/replicaset/replica_set.go, slowStartBatch. */
import type { SlowStart } from './controller.ts';

/**
 * If all would fail for the same reason, a quota say, only one request is spent on finding out. All of a batch settle
 * before the first error is thrown.
 */
export const slowStart: SlowStart = async (count, task, ctx) => {
  let done = 0;
  for (let size = 1; done < count; size *= 2) {
    ctx.signal.throwIfAborted();
    const batch = Math.min(size, count - done);
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => task(done + i)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    done += batch;
  }
};
