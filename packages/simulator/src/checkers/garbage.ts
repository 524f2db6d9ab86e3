/** Nothing that is owned goes while an owner is there, and nothing stays whose owners are gone. */
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { type Checker, nameOf } from './checker.ts';

const COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector';

export const garbageOnly: Checker = {
  name: 'nothing-owned-deleted-early',
  watch(world) {
    const uids = new Map<string, UnknownObject>();
    world.truth.onChange(({ next, old }) => {
      if (next !== undefined) uids.set(next.metadata.uid, next);
      else if (old !== undefined) uids.delete(old.metadata.uid);
    });
    alive.set(world, uids);
    const deleted: UnknownObject[] = [];
    world.truth.onChange(({ next, old }) => {
      if (old !== undefined && (next === undefined || isNewlyGoing(old, next))) deleted.push(old);
    });
    world.onAnswer.push(({ method, path, user }, status) => {
      const gone = deleted.splice(0);
      if (method !== 'DELETE' || status >= 300 || user.username !== COLLECTOR) return;
      const object = gone.find(({ metadata }) => path.endsWith(`/${metadata.name}`));
      const owners = object?.metadata.ownerReferences ?? [];
      const keeps = owners.filter(
        ({ uid }) => uids.get(uid) !== undefined && uids.get(uid)?.metadata.deletionTimestamp === undefined,
      );
      if (object !== undefined && keeps.length > 0)
        world.violate(
          'nothing-owned-deleted-early',
          `${nameOf(object)} was collected, and ${keeps[0]?.kind} ${keeps[0]?.name} is there`,
        );
    });
  },
};

export const noGarbage: Checker = {
  name: 'garbage-never-left',
  atRest(world) {
    for (const object of garbageOf(world))
      world.violate('garbage-never-left', `${nameOf(object)} is left without an owner`);
  },
};

const alive = new WeakMap<World, Map<string, UnknownObject>>();

const isNewlyGoing = (old: UnknownObject, next: UnknownObject) =>
  old.metadata.deletionTimestamp === undefined && next.metadata.deletionTimestamp !== undefined;

/** Objects with owners, none of which is there. */
export function garbageOf(world: World): UnknownObject[] {
  const uids = alive.get(world);
  return [...world.truth.all()].filter(({ metadata }) => {
    const owners = metadata.ownerReferences ?? [];
    return owners.length > 0 && owners.every(({ uid }) => uids?.has(uid) !== true);
  });
}
