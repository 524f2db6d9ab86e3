/** Bugs planted on purpose: each must be noticed by the checker that is there for it. Listed in docs/simulation.md. */
import type { Mutation } from '../sim/mutation.ts';
import { componentMutations } from './components.ts';
import { consistencyMutations } from './consistency.ts';
import { machineryMutations } from './machinery.ts';
import { workloadMutations } from './workloads.ts';

export const mutations: readonly Mutation[] = [
  ...componentMutations,
  ...workloadMutations,
  ...machineryMutations,
  ...consistencyMutations,
];
