/** Sizes of ReplicaSets during rollouts and scalings. Pure. Source: kubernetes pkg/controller/deployment/{rolling,sync}.go. */
import type { Deployment, ReplicaSet } from '@kapella/api/types/apps-v1';
import {
  activeOf,
  annotatedNumber,
  boundsOf,
  byCreation,
  DESIRED_REPLICAS,
  desiredOf,
  isRolling,
  MAX_REPLICAS,
  replicasOf,
  type Split,
  sumReplicas,
  sumStatus,
} from './replica-sets.ts';

export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
  /** Written even when only the annotations change. */
  readonly force?: boolean;
}

/** The size a new set should have: as large as surge allows, never beyond what is desired. */
export function planNewSize(deployment: Deployment, oldSets: readonly ReplicaSet[], newReplicas: number): number {
  const desired = desiredOf(deployment);
  if (!isRolling(deployment)) return desired;
  if (newReplicas >= desired) return desired;
  const room = desired + boundsOf(deployment).surge - sumReplicas(oldSets) - newReplicas;
  return room <= 0 ? newReplicas : newReplicas + Math.min(room, desired - newReplicas);
}

/** First what is unhealthy anyway, then as many as are available beyond the minimum; oldest sets first. */
export function planOldSizes(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Resize[] {
  const active = activeOf(oldSets).toSorted(byCreation);
  if (active.length === 0) return [];
  const minAvailable = desiredOf(deployment) - boundsOf(deployment).unavailable;
  const newUnavailable = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  const removableMax = sumReplicas(active) + replicasOf(newSet) - minAvailable - newUnavailable;
  if (removableMax <= 0) return [];

  const sizes = new Map(active.map((set) => [set, replicasOf(set)]));
  const resizes: Resize[] = [];
  const shrink = (set: ReplicaSet, by: number) => {
    const replicas = (sizes.get(set) ?? 0) - by;
    sizes.set(set, replicas);
    resizes.push({ set, replicas });
  };
  let left = removableMax;
  for (const set of active) {
    const unhealthy = (sizes.get(set) ?? 0) - (set.status?.availableReplicas ?? 0);
    // More available than asked for: its Pods are still going. It must not grow back.
    if (left <= 0 || unhealthy <= 0) continue;
    const by = Math.min(left, unhealthy);
    shrink(set, by);
    left -= by;
  }
  let spare = sumStatus(active, 'availableReplicas') + (newSet.status?.availableReplicas ?? 0) - minAvailable;
  for (const set of active) {
    const size = sizes.get(set) ?? 0;
    if (spare <= 0 || size === 0) continue;
    const by = Math.min(size, spare);
    shrink(set, by);
    spare -= by;
  }
  return resizes;
}

/** Whether the user changed the number of replicas since the sets were last sized. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return activeOf(sets).some((set) => {
    const desired = annotatedNumber(set, DESIRED_REPLICAS);
    return desired !== undefined && desired !== desiredOf(deployment);
  });
}

/** Amid a rollout the sets grow or shrink in proportion, so that scaling neither hastens nor delays it. */
export function planScaling(deployment: Deployment, { newSet, oldSets }: Split): Resize[] {
  const desired = desiredOf(deployment);
  const all = newSet === undefined ? [...oldSets] : [...oldSets, newSet];
  const active = activeOf(all);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? oldSets.toSorted(byCreation).at(-1);
    return only === undefined || replicasOf(only) === desired ? [] : [{ set: only, replicas: desired }];
  }
  if (isSaturated(deployment, newSet)) return activeOf(oldSets).map((set) => ({ set, replicas: 0 }));
  return isRolling(deployment) ? planProportional(deployment, active) : [];
}

function isSaturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  if (set === undefined) return false;
  const desired = desiredOf(deployment);
  return (
    replicasOf(set) === desired &&
    annotatedNumber(set, DESIRED_REPLICAS) === desired &&
    (set.status?.availableReplicas ?? 0) === desired
  );
}

function planProportional(deployment: Deployment, active: readonly ReplicaSet[]): Resize[] {
  const desired = desiredOf(deployment);
  const allowed = desired > 0 ? desired + boundsOf(deployment).surge : 0;
  const toAdd = allowed - sumReplicas(active);
  const newerFirst = toAdd > 0;
  const sorted = active.toSorted(
    (a, b) => replicasOf(b) - replicasOf(a) || (newerFirst ? byCreation(b, a) : byCreation(a, b)),
  );
  let added = 0;
  const sizes = sorted.map((set) => {
    const share = toAdd === 0 ? 0 : shareOf(deployment, set, toAdd, added);
    added += share;
    return replicasOf(set) + share;
  });
  // What rounding left over goes to the largest.
  if (toAdd !== 0) sizes[0] = Math.max(0, (sizes[0] ?? 0) + toAdd - added);
  return sorted.map((set, i) => ({ set, replicas: sizes[i] ?? 0, force: true }));
}

function shareOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (toAdd === added) return 0;
  const fraction = fractionOf(deployment, set);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

function fractionOf(deployment: Deployment, set: ReplicaSet): number {
  const desired = desiredOf(deployment);
  const size = replicasOf(set);
  if (desired === 0) return -size;
  const before = annotatedNumber(set, MAX_REPLICAS) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (desired + boundsOf(deployment).surge)) / before) - size;
}

/** Old sets beyond the history limit, lowest revision first; only those without a Pod. */
export function planCleanup(
  deployment: Deployment,
  oldSets: readonly ReplicaSet[],
  compare: (a: ReplicaSet, b: ReplicaSet) => number,
): ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined || limit === 2 ** 31 - 1) return [];
  const alive = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined).toSorted(compare);
  return alive
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      (set) =>
        replicasOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
    );
}
