/** A node whose agent is up and heard stays Ready. */
import type { World } from '../sim/world.ts';
import { type Checker, isGoing, isReady, nameOf } from './checker.ts';

export const nodesStayReady: Checker = {
  name: 'nodes-stay-ready',
  watch(world: World) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'Node' || next === undefined || old === undefined || isGoing(next)) return;
      if (isReady(old) && !isReady(next) && world.isCalm('fault'))
        world.violate('nodes-stay-ready', `${nameOf(next)} is said to be down, and nothing went wrong`);
    });
  },
};
