/** Decisions alone: no API, no store, one thread. */
import {
  buildProfiles,
  createStaticLookup,
  decide,
  defaultConfig,
  diagnose,
  findCandidates,
  pickCandidate,
  Planner,
  type PodState,
  podStateOf,
  type Profile,
  Snapshot,
} from '@kapella/scheduler';
import { hostRandom } from '@kapella/base/node';
import type { Pods, Workload } from './workloads.ts';

const LOOKUP = createStaticLookup([]);
const PREEMPTION = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 };

/** Pods decided and placed in the snapshot per second. Throws when one finds no place that should. */
export function decisionsPerSecond(workload: Workload): number {
  const profile = buildProfiles(defaultConfig(), { lookup: LOOKUP })[0] as Profile;
  const snapshot = new Snapshot(LOOKUP);
  const planner = new Planner(snapshot);
  for (let i = 0; i < workload.nodeCount; i++) snapshot.setNode(workload.node(i));
  const statesOf = ({ count, pod }: Pods, prefix: string) =>
    Array.from({ length: count }, (_, i) => podStateOf(pod(`${prefix}-${i}`)));
  const place = (state: PodState): boolean => {
    const { node } = decide(state, snapshot, profile, planner, hostRandom);
    if (node !== undefined) snapshot.place(state, node);
    return node !== undefined;
  };
  for (const [i, pods] of workload.initial.entries()) for (const state of statesOf(pods, `init-${i}`)) place(state);
  const states = statesOf(workload.measured, 'measured');
  const start = performance.now();
  let failed = 0;
  for (const state of states) {
    if (workload.preempts === true) preempt(state, profile, snapshot, planner);
    else if (!place(state)) failed++;
  }
  const tookMs = performance.now() - start;
  if (failed > 0) throw new Error(`${workload.name}: ${failed} Pods found no node`);
  return (states.length / tookMs) * 1_000;
}

function preempt(state: PodState, profile: Profile, snapshot: Snapshot, planner: Planner): void {
  const search = decide(state, snapshot, profile, planner, hostRandom);
  const diagnosis = diagnose(search, snapshot);
  const nowMs = performance.timeOrigin + performance.now();
  const found = findCandidates({
    ...{ search, diagnosis, snapshot, budgets: [], options: PREEMPTION, nowMs, random: hostRandom },
  });
  const candidate = 'why' in found ? undefined : pickCandidate(found);
  if (candidate === undefined) throw new Error('no victims were found');
  for (const victim of candidate.victims) snapshot.unplace(victim.key);
  snapshot.place(state, candidate.node);
}
