/** Which updates of a Pod are news to its worker. */
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { isFinished } from '../lifecycle/activity.ts';
import { OWNED_CONDITIONS } from '../lifecycle/conditions.ts';

/** The node controller makes Pods unready while the agent is not heard: once it is, it says again how they are. */
export function isContradicted(ours: PodStatus | undefined, { status }: Pod): boolean {
  const theirs = new Map((status?.conditions ?? []).map((condition) => [condition.type, condition.status]));
  return (ours?.conditions ?? []).some(
    ({ type, status: own }) => OWNED_CONDITIONS.includes(type) && theirs.has(type) && theirs.get(type) !== own,
  );
}

/** Our own status writes come back as updates: they are no news. */
export function matters(old: Pod, next: Pod): boolean {
  const others = ({ status }: Pod) => (status?.conditions ?? []).filter(({ type }) => !OWNED_CONDITIONS.includes(type));
  const meta = ({ metadata: m }: Pod) => [
    m.labels,
    m.annotations,
    m.deletionTimestamp,
    m.deletionGracePeriodSeconds,
    m.generation,
  ];
  return (
    !jsonEqual(meta(old), meta(next)) ||
    !jsonEqual(old.spec, next.spec) ||
    !jsonEqual(others(old), others(next)) ||
    isFinished(old) !== isFinished(next)
  );
}
