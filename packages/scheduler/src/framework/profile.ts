/** A profile ready to run: its plugins by extension point, in the order in which they are asked. */
import type { PluginRejection, SchedulerPlugin } from './plugin.ts';

export interface ScoredPlugin {
  readonly plugin: SchedulerPlugin;
  readonly weight: number;
}

export interface Profile {
  readonly schedulerName: string;
  /** Share of the nodes to look for before scoring, as upstream counts it; undefined: all that fit are scored. */
  readonly percentageOfNodesToScore?: number;
  readonly preEnqueue: readonly SchedulerPlugin[];
  readonly queueSort: SchedulerPlugin;
  readonly preFilter: readonly SchedulerPlugin[];
  readonly filter: readonly SchedulerPlugin[];
  readonly postFilter: readonly SchedulerPlugin[];
  readonly preScore: readonly SchedulerPlugin[];
  readonly score: readonly ScoredPlugin[];
  readonly reserve: readonly SchedulerPlugin[];
  readonly permit: readonly SchedulerPlugin[];
  readonly preBind: readonly SchedulerPlugin[];
  readonly bind: readonly SchedulerPlugin[];
  readonly postBind: readonly SchedulerPlugin[];
  /** Every plugin once. */
  readonly all: readonly SchedulerPlugin[];
}

export type { PluginRejection };
