/** Of several nodes the one whose victims matter least. Source: …/framework/preemption pickOneNodeForPreemption. */
import { parseTime } from '@kapella/base';
import type { PodState } from '../framework/pod-state.ts';

export interface Candidate {
  readonly node: string;
  /** The most important first. Never empty. */
  readonly victims: readonly PodState[];
  readonly budgetViolations: number;
}

/** A Pod that has not started counts as starting now. */
export function startedMs(pod: PodState, nowMs: number): number {
  return parseTime(pod.pod.status?.startTime) ?? nowMs;
}

/** Higher priority, then longer running, comes first; by name where upstream leaves it to chance, so trials change no order. */
export function byImportance(nowMs: number): (a: PodState, b: PodState) => number {
  return (a, b) =>
    b.priority - a.priority ||
    startedMs(a, nowMs) - startedMs(b, nowMs) ||
    (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

const PRIORITY_OFFSET = 2 ** 31;
/** Costs of a candidate that do not change while it stands. */
const costs = new WeakMap<Candidate, readonly number[]>();

/** The lower, the better; a later one decides between those that are alike in the earlier ones. */
function costsOf(candidate: Candidate): readonly number[] {
  let known = costs.get(candidate);
  if (known === undefined) {
    const { victims, budgetViolations } = candidate;
    let sum = 0;
    for (const { priority } of victims) sum += priority + PRIORITY_OFFSET;
    known = [budgetViolations, victims[0]?.priority ?? 0, sum, victims.length, latestStart(victims)];
    costs.set(candidate, known);
  }
  return known;
}

/** Of the most important victims the one that runs longest: it had better have started late. Not started: now. */
function latestStart(victims: readonly PodState[]): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const { priority } of victims) if (priority > highest) highest = priority;
  let earliest = Number.POSITIVE_INFINITY;
  for (const victim of victims) {
    if (victim.priority === highest) earliest = Math.min(earliest, startedMs(victim, Number.POSITIVE_INFINITY));
  }
  return -earliest;
}

/** The first of the best. */
export function pickCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best === undefined || isBetter(costsOf(candidate), costsOf(best))) best = candidate;
  }
  return best;
}

function isBetter(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i] as number, b[i] as number];
    if (left !== right) return left < right;
  }
  return false;
}
