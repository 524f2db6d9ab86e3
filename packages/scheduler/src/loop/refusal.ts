/** A Pod that could not be placed: says why, makes room where it can, and lets it wait. Source: …/schedule_one.go. */
import { type Ctx, describeError, isReason } from '@kapella/base';
import type { Search } from '../framework/decide.ts';
import { type Diagnosis, fitErrorMessage } from '../framework/fit-error.ts';
import type { Profile } from '../framework/profile.ts';
import { type Candidate, pickCandidate } from '../preemption/candidates.ts';
import { findCandidates } from '../preemption/preemption.ts';
import { DEFAULT_SCHEDULER } from '../config/types.ts';
import type { Waiting } from '../queue/scheduling-queue.ts';
import type { LoopParts } from './parts.ts';
import { type Verdict, writeVerdict } from './pod-status.ts';
import { clearLesserNominations, preempt } from './preemptor.ts';

const EVENT_MESSAGE_MAX = 1024;

/**
 * No node fits. What is decided counts when this returns, for the next Pod is decided right after it; the writes follow
 * beside the loop.
 */
export async function refuse(
  waiting: Waiting,
  profile: Profile,
  { search, diagnosis, outcome }: Refusal,
  parts: LoopParts,
): Promise<void> {
  const { queue, snapshot, metrics, handle, ctx } = parts;
  const { state } = waiting;
  const others = profile.postFilter.flatMap((plugin) => plugin.postFilter?.(search.cycle) ?? []);
  const why = 'why' in outcome && outcome.why !== '' ? [outcome.why] : [];
  const message = fitErrorMessage(diagnosis, [...others.map((answer) => answer.message), ...why].join(', '));
  for (const plugin of diagnosis.plugins) metrics.evaluated(plugin, 'Filter', profile.schedulerName);
  // First: an event that came meanwhile must not have it tried before its victims are removed.
  if ('candidate' in outcome) {
    queue.setPreempting(waiting, true);
    snapshot.nominate(state, outcome.candidate.node);
  } else if (outcome.clears) snapshot.nominate(state, undefined);
  queue.refused(waiting, diagnosis.plugins);
  for (const { act } of others) await act?.(handle, ctx).catch((error) => quiet(error, state.key, ctx));
  if ('candidate' in outcome) {
    const { candidate } = outcome;
    const removed = preempt(waiting, candidate, parts);
    await tell(waiting, { reason: 'Unschedulable', message, nominatedNode: candidate.node }, parts);
    await Promise.all([removed, clearLesserNominations(candidate.node, state, parts)]);
    return;
  }
  const verdict: Verdict = { reason: 'Unschedulable', message };
  await tell(waiting, outcome.clears ? { ...verdict, nominatedNode: '' } : verdict, parts);
}

/** Something failed that has nothing to do with the Pod's fit: again after a while. */
export async function fail(waiting: Waiting, error: unknown, parts: LoopParts): Promise<void> {
  parts.queue.failed(waiting);
  parts.snapshot.nominate(waiting.state, undefined);
  await tell(waiting, { reason: 'SchedulerError', message: describeError(error), nominatedNode: '' }, parts);
}

/** A plugin held the Pod back after its node was chosen. */
export async function hold(waiting: Waiting, plugin: string, reason: string, parts: LoopParts): Promise<void> {
  parts.queue.refused(waiting, new Set([plugin]));
  parts.snapshot.nominate(waiting.state, undefined);
  const message = `0/${parts.snapshot.nodes.size} nodes are available: 1 ${reason}.`;
  await tell(waiting, { reason: 'Unschedulable', message, nominatedNode: '' }, parts);
}

export interface Refusal {
  readonly search: Search;
  readonly diagnosis: Diagnosis;
  readonly outcome: Outcome;
}

export type Outcome = { readonly candidate: Candidate } | { readonly why: string; readonly clears: boolean };

/** Who would have to go for the Pod, and where. A promise only when extenders must be asked. */
export function makeRoom(
  waiting: Waiting,
  profile: Profile,
  { search, diagnosis }: Omit<Refusal, 'outcome'>,
  parts: LoopParts,
): Outcome | Promise<Outcome> {
  const { lookup, snapshot, extenders, ctx } = parts;
  const options = profile.postFilter.find((plugin) => plugin.preempts !== undefined)?.preempts;
  if (options === undefined || diagnosis.nodeCount === 0) return { why: '', clears: false };
  const nowMs = ctx.clock.nowMs();
  const budgets = lookup.list('PodDisruptionBudget');
  const found = findCandidates({ search, diagnosis, snapshot, budgets, options, nowMs, random: ctx.random });
  if ('why' in found) return { why: found.why, clears: !found.why.startsWith('preemption: not eligible') };
  if (extenders === undefined) return picked(found);
  return extenders.preempt(waiting.state, found, snapshot, ctx).then(picked);
}

function picked(candidates: readonly Candidate[]): Outcome {
  const candidate = pickCandidate(candidates);
  return candidate === undefined ? { why: 'no candidate node for preemption', clears: false } : { candidate };
}

async function tell({ state: { pod, key } }: Waiting, verdict: Verdict, parts: LoopParts): Promise<void> {
  const { client, events, ctx } = parts;
  const { schedulerName: reporter = DEFAULT_SCHEDULER } = pod.spec;
  events.event(pod, 'Warning', 'FailedScheduling', truncated(verdict.message), { action: 'Scheduling', reporter });
  await writeVerdict(pod, verdict, client, ctx).catch((error) => quiet(error, key, ctx));
}

function quiet(error: unknown, pod: string, ctx: Ctx): void {
  if (ctx.signal.aborted || isReason(error, 'NotFound', 'Conflict')) return;
  ctx.log.warn('pod condition not written', { pod, error: describeError(error) });
}

function truncated(message: string): string {
  return message.length <= EVENT_MESSAGE_MAX ? message : `${message.slice(0, EVENT_MESSAGE_MAX - 4)} ...`;
}
