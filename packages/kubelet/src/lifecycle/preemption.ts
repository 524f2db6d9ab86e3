/** Which Pods a critical Pod may push off a node that is full. Source: kubernetes pkg/kubelet/preemption, pkg/kubelet/types. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Lack } from './admission.ts';
import { isCritical } from './priority.ts';
import { podAmounts, qosOf } from './qos.ts';

export const PREEMPTED = {
  reason: 'Preempting',
  message: 'Preempted in order to admit critical pod',
  disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.',
} as const;

/** Whether the newcomer may push the other off. */
export function mayPreempt(newcomer: Pod, other: Pod): boolean {
  if (isCritical(newcomer) && !isCritical(other)) return true;
  const [own, others] = [newcomer.spec.priority, other.spec.priority];
  return own !== undefined && others !== undefined && own > others;
}

/**
 * As few as possible, those of the best classes of service last; each of the lacks is covered. undefined = all that may go
 * together are not enough.
 */
export function planPreemption(
  newcomer: Pod,
  others: readonly Pod[],
  lacks: readonly Lack[],
): readonly Pod[] | undefined {
  const candidates = others.filter((other) => mayPreempt(newcomer, other));
  if (without(lacks, candidates).length > 0) return undefined;
  const of = (qos: string) => candidates.filter((pod) => qosOf(pod) === qos);
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  // What each class must give when all of the lesser ones are gone, from the best class down.
  const fromGuaranteed = cheapest(guaranteed, without(lacks, [...bestEffort, ...burstable]));
  const fromBurstable = cheapest(burstable, without(lacks, [...bestEffort, ...fromGuaranteed]));
  const fromBestEffort = cheapest(bestEffort, without(lacks, [...fromBurstable, ...fromGuaranteed]));
  return [...fromBestEffort, ...fromBurstable, ...fromGuaranteed];
}

/** The words of upstream's error. */
export const noVictims = (lacks: readonly Lack[]): string => {
  const all = lacks.map(({ name, amount }) => `(res: ${name}, q: ${amount}), `).join('');
  const cause = `no set of running pods found to reclaim resources: [${all}]`;
  const why = `preemption: error finding a set of pods to preempt: ${cause}`;
  return `Unexpected error while attempting to recover from admission failure: ${why}`;
};

function without(lacks: readonly Lack[], pods: readonly Pod[]): readonly Lack[] {
  return lacks.flatMap((lack) => {
    const amount = pods.reduce((left, pod) => left - lack.amountOf(pod), lack.amount);
    return amount > 0 ? [{ ...lack, amount }] : [];
  });
}

/** One after the other, the one that comes nearest to what is missing; of equals the smaller. `pods` are enough. */
function cheapest(pods: readonly Pod[], lacks: readonly Lack[]): readonly Pod[] {
  const chosen: Pod[] = [];
  let missing = lacks;
  let left = pods;
  while (missing.length > 0 && left.length > 0) {
    const best = left.reduce((a, b) => (isBetter(b, a, missing) ? b : a));
    chosen.push(best);
    left = left.filter((pod) => pod !== best);
    missing = without(missing, [best]);
  }
  return chosen;
}

function isBetter(a: Pod, b: Pod, lacks: readonly Lack[]): boolean {
  const difference = distance(a, lacks) - distance(b, lacks);
  return difference < 0 || (difference === 0 && isSmaller(a, b));
}

/** Each lack counts the same, whatever its unit: the square of the share that stays open. */
const distance = (pod: Pod, lacks: readonly Lack[]) =>
  lacks.reduce((sum, { amount, amountOf }) => sum + (Math.max(0, amount - amountOf(pod)) / amount) ** 2, 0);

function isSmaller(a: Pod, b: Pod): boolean {
  const [first, second] = [podAmounts(a.spec), podAmounts(b.spec)];
  const memory = first.memoryRequestBytes - second.memoryRequestBytes;
  return memory === 0 ? first.cpuRequestMilli < second.cpuRequestMilli : memory < 0;
}
