/** @kapella/scheduler: places Pods on nodes. Decisions are pure; the loop around them meets the cluster through the API. */
export { defaultConfig, loadConfig } from './config/load.ts';
export { buildProfiles } from './config/profiles.ts';
export { ConfigError, DEFAULT_SCHEDULER, type SchedulerConfig } from './config/types.ts';
export type { ExtenderConfig, ExtenderTransport } from './extender/types.ts';
export { type ClusterLookup, createStaticLookup } from './framework/cluster-lookup.ts';
export { choose, type Decision, decide, diagnose, type Search, search } from './framework/decide.ts';
export { type Diagnosis, fitErrorMessage } from './framework/fit-error.ts';
export { Planner } from './framework/planner.ts';
export { PluginError, type PluginFactory, type PluginRejection, type SchedulerPlugin } from './framework/plugin.ts';
export { type PodState, podStateOf } from './framework/pod-state.ts';
export type { Profile } from './framework/profile.ts';
export { Snapshot } from './framework/snapshot.ts';
export { type Candidate, pickCandidate } from './preemption/candidates.ts';
export { findCandidates } from './preemption/preemption.ts';
export { pluginFactories } from './plugins/index.ts';
export { createScheduler, REQUESTS_AT_ONCE, type Scheduler, type SchedulerDeps } from './scheduler.ts';
