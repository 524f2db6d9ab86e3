/** @kapella/scheduler: places Pods on nodes. Decisions are pure; the loop around them meets the cluster through the API. */
export { decide, type Decision, type Profile } from './framework/decide.ts';
export { defineSchedulerPlugin, type SchedulerPlugin } from './framework/plugin.ts';
export { NodeState, podStateOf, type PodState, Snapshot } from './framework/snapshot.ts';
export { defaultPlugins } from './plugins/index.ts';
export { createScheduler, defaultProfile, type Scheduler, type SchedulerDeps } from './scheduler.ts';
