/** All checkers. `convergence` and `reads-are-true` are asked by the run itself, as they need time. */
import { addressesUnique } from './addresses.ts';
import { autoscalerBounded } from './autoscaling.ts';
import type { Checker } from './checker.ts';
import { noLostUpdate, readsNeverGoBack } from './counters.ts';
import { garbageOnly, noGarbage } from './garbage.ts';
import { oneLeaderWrites } from './leaders.ts';
import { namespaceEmpty } from './namespaces.ts';
import { nodesStayReady } from './nodes.ts';
import { noNodeOverCapacity, onePodPerIndex, onePodPerOrdinal, quotaHolds } from './pods.ts';
import { jobCountsTrue, oneDaemonPerNode, orderedStart } from './sets.ts';
import { noLostWrite } from './store.ts';
import { claimsKept, oneClaimPerVolume } from './volumes.ts';
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
  noLostUpdate,
  readsNeverGoBack,
  nodesStayReady,
  orderedStart,
  oneDaemonPerNode,
  jobCountsTrue,
  addressesUnique,
  oneClaimPerVolume,
  claimsKept,
  autoscalerBounded,
  namespaceEmpty,
];
