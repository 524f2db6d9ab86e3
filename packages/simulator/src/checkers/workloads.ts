/** Bounds of rollouts and of evictions. */
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { type Checker, isFinished, isGoing, isReady, nameOf, ownerOf, selects } from './checker.ts';

/** While a Deployment's size stays, its ReplicaSets together ask for no more Pods than replicas and surge. */
export const surgeHolds: Checker = {
  name: 'surge-bound-holds',
  watch(world) {
    // A Deployment that becomes smaller has more Pods than it should until it is brought down.
    const largest = new Map<string, number>();
    world.truth.onChange(({ kind, next }) => {
      if (next === undefined) return;
      if (kind === 'Deployment') {
        const { uid } = next.metadata;
        largest.set(uid, Math.max(largest.get(uid) ?? 0, next.spec?.replicas ?? 0));
      }
      if (kind !== 'ReplicaSet' || !world.isCalm('fault')) return;
      const owner = ownerOf(next, 'Deployment');
      const found = world.truth
        .list('Deployment', next.metadata.namespace)
        .find(({ metadata }) => metadata.uid === owner?.uid);
      if (found === undefined) return;
      const asked = setsOf(world, found).reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
      const bound = (largest.get(found.metadata.uid) ?? 0) + Number(found.spec?.strategy?.rollingUpdate?.maxSurge ?? 0);
      if (asked > bound)
        world.violate('surge-bound-holds', `${nameOf(found)}: ${asked} Pods asked for, at most ${bound}`);
    });
  },
};

const setsOf = (world: World, deployment: UnknownObject) =>
  world.truth
    .list('ReplicaSet', deployment.metadata.namespace)
    .filter((set) => ownerOf(set, 'Deployment')?.uid === deployment.metadata.uid);

/** A ReplicaSet that was not made smaller just now gets no Pod beyond what it asks for. */
export const noPodTooMany: Checker = {
  name: 'no-pod-too-many',
  watch(world) {
    const shrunkMs = new Map<string, number>();
    world.truth.onChange(({ kind, next, old }) => {
      if (next === undefined) return;
      if (kind === 'ReplicaSet' && isShrunk(next, old)) shrunkMs.set(next.metadata.uid, world.nowMs);
      const owner = kind === 'Pod' && old === undefined ? ownerOf(next, 'ReplicaSet') : undefined;
      if (owner === undefined || !world.isCalm('fault', 'eviction')) return;
      if (world.nowMs - (shrunkMs.get(owner.uid) ?? -SHRUNK_MS) >= SHRUNK_MS) countPods(world, next, owner);
    });
  },
};

const isShrunk = (next: UnknownObject, old: UnknownObject | undefined) =>
  (old?.spec?.replicas ?? 0) > (next.spec?.replicas ?? 0);

function countPods(
  world: World,
  { metadata }: UnknownObject,
  owner: { readonly uid: string; readonly name: string },
): void {
  const set = world.truth.list('ReplicaSet', metadata.namespace).find((other) => other.metadata.uid === owner.uid);
  if (set === undefined) return;
  const asked = set.spec?.replicas ?? 0;
  const live = podsOf(world, set).filter((pod) => !isFinished(pod)).length;
  if (live > asked) world.violate('no-pod-too-many', `${owner.name} asks for ${asked} Pods and has ${live}`);
}

const SHRUNK_MS = 10_000;

/** A rollout takes an old Pod away only when enough others are ready. */
export const unavailabilityHolds: Checker = {
  name: 'unavailability-bound-holds',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'ReplicaSet' || next === undefined || old === undefined) return;
      const taken = (old.spec?.replicas ?? 0) - (next.spec?.replicas ?? 0);
      if (taken > 0 && world.isCalm('fault', 'eviction')) checkTaken(world, next, taken);
    });
  },
};

function checkTaken(world: World, set: UnknownObject, taken: number): void {
  const owner = ownerOf(set, 'Deployment');
  const all = world.truth.list('Deployment', set.metadata.namespace);
  const found = all.find(({ metadata }) => metadata.uid === owner?.uid);
  const sets = found === undefined ? [] : setsOf(world, found);
  // With one set it is being scaled, which no rollout bounds.
  const others = sets.filter(({ metadata }) => metadata.uid !== set.metadata.uid);
  if (found === undefined || others.every((other) => (other.spec?.replicas ?? 0) === 0)) return;
  const least = (found.spec?.replicas ?? 0) - Number(found.spec?.strategy?.rollingUpdate?.maxUnavailable ?? 0);
  const pods = sets.flatMap((other) => podsOf(world, other));
  const ready = pods.filter(isReady).length;
  const unready = podsOf(world, set).filter((pod) => !isReady(pod)).length;
  const lost = Math.max(0, taken - unready);
  if (ready >= least && ready - lost < least)
    world.violate('unavailability-bound-holds', `${nameOf(found)}: ${ready} ready, ${lost} taken, ${least} wanted`);
}

/** Those that are not on their way out. */
const podsOf = (world: World, set: UnknownObject) =>
  world.truth
    .list('Pod', set.metadata.namespace)
    .filter((pod) => ownerOf(pod, 'ReplicaSet')?.uid === set.metadata.uid && !isGoing(pod));

/** An eviction that was granted leaves as many healthy Pods as each budget wants. */
export const budgetsHold: Checker = {
  name: 'budgets-never-violated',
  watch(world) {
    world.onAnswer.push(({ method, path }, status) => {
      const match = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/.exec(path);
      if (match === null || method !== 'POST' || status >= 300 || !world.isCalm('fault')) return;
      const [, namespace = ''] = match;
      for (const budget of world.truth.list('PodDisruptionBudget', namespace)) {
        const covered = world.truth
          .list('Pod', namespace)
          .filter((pod) => selects(budget.spec?.selector ?? {}, pod.metadata.labels));
        const healthy = covered.filter((pod) => isReady(pod) && !isGoing(pod)).length;
        const evicted = covered.find((pod) => pod.metadata.name === match[2]);
        // One that was not ready was not counted: upstream lets it go.
        if (evicted === undefined || !isReady(evicted)) continue;
        const wanted = Number(budget.spec?.minAvailable ?? 0);
        if (healthy < wanted)
          world.violate('budgets-never-violated', `${nameOf(budget)} wants ${wanted}, an eviction left ${healthy}`);
      }
    });
  },
};
