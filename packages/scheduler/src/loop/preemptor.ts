/** Removes the victims, beside the loop. Source: kubernetes pkg/scheduler/framework/preemption/executor.go. */
import { coreV1 } from '@kapella/api';
import { describeError, isReason } from '@kapella/base';
import type { PodState } from '../framework/pod-state.ts';
import type { Candidate } from '../preemption/candidates.ts';
import { DEFAULT_SCHEDULER } from '../config/types.ts';
import type { Waiting } from '../queue/scheduling-queue.ts';
import type { LoopParts } from './parts.ts';
import { conditionOf, nominate, patchStatus } from './pod-status.ts';

/** The Pod is not tried while its victims are being removed; afterwards it waits for them to go. */
export async function preempt(waiting: Waiting, candidate: Candidate, parts: LoopParts): Promise<void> {
  const { queue, metrics, ctx } = parts;
  const startMs = ctx.clock.monotonicMs();
  metrics.preemption(candidate.victims.length);
  queue.setPreempting(waiting, true);
  const seconds = () => (ctx.clock.monotonicMs() - startMs) / 1000;
  try {
    await Promise.all(candidate.victims.map((victim) => remove(victim, waiting.state, candidate.node, parts)));
    metrics.preemptionDone('success', seconds());
  } catch (error) {
    if (ctx.signal.aborted) return;
    metrics.preemptionDone('error', seconds());
    ctx.log.warn('victims not removed', { pod: waiting.state.key, error: describeError(error) });
    queue.setPreempting(waiting, false);
    queue.activate(waiting);
    return;
  }
  queue.setPreempting(waiting, false);
}

async function remove(victim: PodState, preemptor: PodState, node: string, parts: LoopParts): Promise<void> {
  const { client, events, held, ctx } = parts;
  if (held.reject(victim.key, 'DefaultPreemption', 'preempted')) return; // not bound yet: it goes back to the queue
  const { pod } = victim;
  const scheduler = preemptor.pod.spec.schedulerName ?? DEFAULT_SCHEDULER;
  const message = `${scheduler}: preempting to accommodate a higher priority pod`;
  try {
    const condition = conditionOf(pod, 'DisruptionTarget', 'True', 'PreemptionByScheduler', message, ctx);
    await patchStatus(pod, { conditions: [condition] }, client, ctx);
    await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
  } catch (error) {
    if (isReason(error, 'NotFound', 'Conflict')) return; // gone already
    throw error;
  }
  events.event(pod, 'Normal', 'Preempted', `Preempted by pod ${preemptor.pod.metadata.uid} on node ${node}`, {
    ...{ action: 'Preempting', related: preemptor.pod, reporter: scheduler },
  });
}

/** Pods less important than the one that now has the node's promise look for another. */
export async function clearLesserNominations(node: string, pod: PodState, parts: LoopParts): Promise<void> {
  const { snapshot, client, queue, ctx } = parts;
  const lesser = [...(snapshot.nominated.get(node)?.values() ?? [])].filter((other) => other.priority < pod.priority);
  for (const other of lesser) {
    snapshot.nominate(other, undefined);
    const waiting = queue.get(other.key);
    if (waiting !== undefined) queue.activate(waiting);
    await nominate(other.pod, undefined, client, ctx).catch((error) => {
      if (!ctx.signal.aborted && !isReason(error, 'NotFound')) {
        ctx.log.warn('nomination not cleared', { pod: other.key, error: describeError(error) });
      }
    });
  }
}
