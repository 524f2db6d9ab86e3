/** What the parts of the loop share. */
import type { Ctx } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { Extenders } from '../extender/extenders.ts';
import type { ClusterLookup } from '../framework/cluster-lookup.ts';
import type { Planner } from '../framework/planner.ts';
import type { PluginHandle } from '../framework/plugin.ts';
import type { Snapshot } from '../framework/snapshot.ts';
import type { SchedulerMetrics } from '../metrics/scheduler-metrics.ts';
import type { SchedulingQueue } from '../queue/scheduling-queue.ts';
import type { HeldPods } from './waits.ts';

export interface LoopParts {
  readonly ctx: Ctx;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly lookup: ClusterLookup;
  readonly snapshot: Snapshot;
  readonly planner: Planner;
  readonly queue: SchedulingQueue;
  readonly held: HeldPods;
  readonly handle: PluginHandle;
  readonly metrics: SchedulerMetrics;
  readonly extenders: Extenders | undefined;
  /** Placed by this scheduler, not yet seen bound by the informer. */
  readonly assumed: Set<string>;
}
