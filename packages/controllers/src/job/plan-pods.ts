/** Which Pods a Job deletes and makes now. Pure. Source: kubernetes pkg/controller/job/job_controller.go, manageJob. */
import type { Pod } from '@kapella/api/types/core-v1';
import { isTerminal, isTerminating, type NewPod } from '../workload/index.ts';
import { type Assessment, isSuspended } from './assess-job.ts';
import { remainingMs, remainingOfIndexMs } from './backoff.ts';
import { firstFree, mergeIntervals, withIndexes } from './intervals.ts';
import * as jobPods from './job-pods.ts';

/** Pods made or deleted per reconcile. */
const BURST_MAX = 500;

export interface PodsPlan {
  readonly deletions: readonly Pod[];
  /** The Pods to delete were not needed: they lose their finalizer uncounted. */
  readonly uncounted: boolean;
  readonly creations: readonly NewPod[];
  readonly requeueAfterMs: number | undefined;
}

const NOTHING: PodsPlan = { deletions: [], uncounted: false, creations: [], requeueAfterMs: undefined };

/** `mayAct`: all that was made and deleted before is seen. */
export function planPods(state: Assessment, mayAct: boolean): PodsPlan {
  if (state.finished !== undefined) return { ...NOTHING, deletions: state.active };
  if (!mayAct || state.job.metadata.deletionTimestamp !== undefined) return NOTHING;
  const { job, active } = state;
  if (isSuspended(job)) return { ...NOTHING, deletions: active, uncounted: true };
  const wanted = wantedActive(state);
  const deletions = toRemove(state, Math.max(0, active.length - wanted)).slice(0, BURST_MAX);
  if (deletions.length > 0) return { ...NOTHING, deletions, uncounted: true };
  const waitedFor = jobPods.replacesOnlyFailed(job) ? state.terminating : 0;
  return planCreations(state, wanted - waitedFor - active.length);
}

function wantedActive({ job, active, succeeded }: Assessment): number {
  const { parallelism = 1, completions } = job.spec;
  // Without a number of completions the first success says that the work is done: nothing new is begun.
  if (completions === undefined || completions === null) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(completions - succeeded, parallelism));
}

function planCreations(state: Assessment, missing: number): PodsPlan {
  const { job, delayed, nowMs } = state;
  if (missing <= 0) return NOTHING;
  const later = (requeueAfterMs: number) => ({ ...NOTHING, requeueAfterMs });
  const waitMs = jobPods.isPerIndex(job) ? 0 : remainingMs(state.nextBackoff, nowMs);
  if (waitMs > 0) return later(waitMs);
  const count = Math.min(missing, BURST_MAX);
  if (!jobPods.isIndexed(job)) {
    return { ...NOTHING, creations: Array.from({ length: count }, () => jobPods.newJobPod(job, undefined, undefined)) };
  }
  const indexes = firstFree(takenIndexes(state), count, job.spec.completions ?? 0);
  const waits = indexes.map((index) => remainingOfIndexMs(delayed.get(index), nowMs));
  const now = indexes.filter((_, i) => waits[i] === 0);
  if (now.length === 0 && indexes.length > 0) return later(Math.min(...waits));
  return { ...NOTHING, creations: now.map((index) => jobPods.newJobPod(job, index, delayed.get(index))) };
}

function takenIndexes({ job, active, pods, succeededIndexes, failedIndexes }: Assessment) {
  const going = pods.filter((pod) => isTerminating(pod) && !isTerminal(pod));
  const holders = jobPods.replacesOnlyFailed(job) ? [...active, ...going] : active;
  const held = holders.map(jobPods.anyIndexOf).filter((index) => index !== undefined);
  return mergeIntervals(withIndexes(succeededIndexes, held), failedIndexes ?? []);
}

/** Pods of no index, of one too high, or of one that another has too; then those that cost least. */
function toRemove({ job, active }: Assessment, atLeast: number): Pod[] {
  const { rm, left } = jobPods.isIndexed(job)
    ? duplicates(job.spec.completions ?? 0, active)
    : { rm: [], left: active };
  return [...rm, ...left.toSorted(jobPods.byRemoval).slice(0, Math.max(0, atLeast - rm.length))];
}

function duplicates(completions: number, pods: readonly Pod[]) {
  const byIndex = new Map<number, Pod[]>();
  const rm: Pod[] = [];
  for (const pod of pods) {
    const index = jobPods.anyIndexOf(pod);
    if (index === undefined || index >= completions) rm.push(pod);
    else byIndex.set(index, [...(byIndex.get(index) ?? []), pod]);
  }
  const left: Pod[] = [];
  for (const same of byIndex.values()) {
    const cheapestFirst = same.toSorted(jobPods.byRemoval);
    rm.push(...cheapestFirst.slice(0, -1));
    left.push(...cheapestFirst.slice(-1));
  }
  return { rm, left };
}
