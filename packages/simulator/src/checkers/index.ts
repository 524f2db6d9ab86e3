/** All checkers. `convergence` and `reads-are-true` are asked by the run itself, as they need time. */
import type { Checker } from './checker.ts';
import { garbageOnly, noGarbage } from './garbage.ts';
import { oneLeaderWrites } from './leaders.ts';
import { noNodeOverCapacity, onePodPerIndex, onePodPerOrdinal, quotaHolds } from './pods.ts';
import { noLostWrite } from './store.ts';
import { watchGuarantees } from './watches.ts';
import { budgetsHold, noPodTooMany, surgeHolds, unavailabilityHolds } from './workloads.ts';

export const checkers: readonly Checker[] = [
  noLostWrite,
  watchGuarantees,
  onePodPerOrdinal,
  onePodPerIndex,
  noNodeOverCapacity,
  quotaHolds,
  surgeHolds,
  noPodTooMany,
  unavailabilityHolds,
  budgetsHold,
  garbageOnly,
  noGarbage,
  oneLeaderWrites,
];
