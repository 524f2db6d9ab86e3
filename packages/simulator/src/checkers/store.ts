/** No acknowledged write is lost, revisions only grow, and what the server answers is what the disk holds. */
import { coreV1 } from '@kapella/api';
import type { World } from '../sim/world.ts';
import type { Checker } from './checker.ts';

export const noLostWrite: Checker = {
  name: 'no-acknowledged-write-lost',
  watch(world) {
    let answers = 0;
    world.onAnswer.push(() => {
      if (++answers % 50 === 0) compare(world);
    });
  },
  atRest: compare,
};

function compare(world: World): void {
  for (const [key, revision] of world.acknowledged) {
    if ((world.truth.revisions.get(key) ?? 0) < revision) {
      world.violate('no-acknowledged-write-lost', `${key} was acknowledged at ${revision} and is not on disk`);
      return;
    }
    // What is durable stays so: nothing needs to look at it again.
    world.acknowledged.delete(key);
  }
}

/** Resolves when compared: asks the server, so it needs time. */
export async function compareReads(world: World): Promise<void> {
  const { items } = await world.client.list(coreV1.Pod, {}, world.ctx);
  const served = items
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}@${metadata.resourceVersion}`)
    .sort();
  const there = world.truth
    .list('Pod')
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}@${metadata.resourceVersion}`)
    .sort();
  if (served.join() === there.join()) return;
  const odd = [...served.filter((name) => !there.includes(name)), ...there.filter((name) => !served.includes(name))];
  world.violate('reads-are-true', `list of Pods differs from the disk in ${odd.slice(0, 5).join(', ')}`);
}
