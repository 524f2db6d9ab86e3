/** @kapella/simulator: a whole cluster on a virtual clock and a seed, with hollow nodes. */
export * from './api.ts';
export * from './clock.ts';
export * from './components.ts';
export * from './network.ts';
export { createPlainTokens } from './plain-tokens.ts';
export { durationMs } from './duration.ts';
export { ANNOTATION_PREFIX, defaultBehaviour, type HollowBehaviour } from './hollow/behaviour.ts';
export { createFleet, type Fleet, type FleetOptions } from './hollow/fleet.ts';
export { parseStages, type Stage } from './hollow/stages/stage.ts';
export type { HollowNode, HollowNodeOptions } from './hollow/hollow-node.ts';
export { checkers } from './checkers/index.ts';
export { scenarios } from './scenarios/index.ts';
export { mutations } from './mutations/index.ts';
export type { Mutation } from './sim/mutation.ts';
export type { FaultStep, Plan, Step } from './sim/plan.ts';
export { planOf, type RunOptions, type RunResult, runPlan } from './sim/run.ts';
export { shrink } from './sim/shrink.ts';
export type { Violation } from './sim/world.ts';
