/** What the scheduler counts, under upstream's names. Source: kubernetes pkg/scheduler/metrics/metrics.go. */
import type { MetricsRegistry } from '@kapella/base';
import type { QueueMetrics } from '../queue/queue-metrics.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** Times are in seconds. */
export interface SchedulerMetrics extends QueueMetrics {
  attempt(result: AttemptResult, profile: string, seconds: number): void;
  /** The decision without what was written. */
  algorithm(seconds: number): void;
  extensionPoint(point: string, status: string, profile: string, seconds: number): void;
  /** A Pod is bound: since it was first seen, after so many attempts. */
  scheduled(attempts: number, seconds: number, wasFlushed: boolean): void;
  permitWait(result: string, seconds: number): void;
  preemption(victimCount: number): void;
  preemptionDone(result: 'success' | 'error', seconds: number): void;
  evaluated(plugin: string, point: string, profile: string): void;
}

/** Not to have a series for each number of attempts. Source: schedule_one.go getAttemptsLabel. */
const ATTEMPTS_TOLD_MAX = 15;

export interface MetricSources {
  pending(queue: 'active' | 'backoff' | 'unschedulable' | 'gated'): number;
  cacheSize(type: 'nodes' | 'pods' | 'assumed_pods'): number;
  /** By the event's label. */
  inFlightEvents(): ReadonlyMap<string, number>;
  /** Pods that wait for a plugin's events, by plugin and profile. */
  unschedulable(): Iterable<readonly [labels: readonly [plugin: string, profile: string], count: number]>;
}

function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((start * factor ** i).toPrecision(12)));
}

/** `sources` are asked when the metrics are read. */
export function createSchedulerMetrics(registry: MetricsRegistry, sources: MetricSources): SchedulerMetrics {
  registerReadings(registry, sources);
  const incoming = registry.counter(
    'scheduler_queue_incoming_pods_total',
    'Number of pods added to scheduling queues by event and queue type.',
    ['queue', 'event'],
  );
  return {
    ...attemptMetrics(registry),
    ...preemptionMetrics(registry),
    incoming: (queue, event) => incoming.add([queue, event]),
  };
}

type AttemptMetrics = Pick<
  SchedulerMetrics,
  'attempt' | 'algorithm' | 'extensionPoint' | 'scheduled' | 'permitWait' | 'evaluated'
>;

function attemptMetrics(registry: MetricsRegistry): AttemptMetrics {
  const seconds = (name: string, help: string, labels: readonly string[], start = 0.001, count = 15) =>
    registry.histogram(`scheduler_${name}_seconds`, help, labels, exponential(start, 2, count));
  const attempts = registry.counter(
    'scheduler_schedule_attempts_total',
    "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod fits no node, 'error' a problem.",
    ['result', 'profile'],
  );
  const attempt = seconds(
    'scheduling_attempt_duration',
    'Scheduling attempt latency in seconds (scheduling algorithm + binding)',
    ['result', 'profile'],
  );
  const algorithm = seconds('scheduling_algorithm_duration', 'Scheduling algorithm latency in seconds', []);
  const point = seconds(
    'framework_extension_point_duration',
    'Latency for running all plugins of a specific extension point.',
    ['extension_point', 'status', 'profile'],
    0.0001,
    12,
  );
  const sliHelp = 'E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue.';
  const sli = seconds('pod_scheduling_sli_duration', sliHelp, ['attempts'], 0.01, 20);
  const permit = seconds('permit_wait_duration', 'Duration of waiting on permit.', ['result']);
  const podAttempts = registry.histogram(
    'scheduler_pod_scheduling_attempts',
    'Number of attempts to successfully schedule a pod.',
    [],
    exponential(1, 2, 5),
  );
  const afterFlush = registry.counter(
    'scheduler_pod_scheduled_after_flush_total',
    'Number of pods scheduled after they waited so long that they were tried without an event.',
    [],
  );
  const evaluations = registry.counter(
    'scheduler_plugin_evaluation_total',
    'Number of attempts to schedule pods by each plugin and the extension point.',
    ['plugin', 'extension_point', 'profile'],
  );
  return {
    attempt(result, profile, took) {
      attempts.add([result, profile]);
      attempt.observe([result, profile], took);
    },
    algorithm: (took) => algorithm.observe([], took),
    extensionPoint: (name, status, profile, took) => point.observe([name, status, profile], took),
    scheduled(count, took, wasFlushed) {
      if (wasFlushed) afterFlush.add([]);
      sli.observe([count >= ATTEMPTS_TOLD_MAX ? `${ATTEMPTS_TOLD_MAX}+` : String(count)], took);
      podAttempts.observe([], count);
    },
    permitWait: (result, took) => permit.observe([result], took),
    evaluated: (plugin, at, profile) => evaluations.add([plugin, at, profile]),
  };
}

function preemptionMetrics(registry: MetricsRegistry): Pick<SchedulerMetrics, 'preemption' | 'preemptionDone'> {
  const attempts = registry.counter(
    'scheduler_preemption_attempts_total',
    'Total preemption attempts in the cluster till now',
    [],
  );
  const victims = registry.histogram(
    'scheduler_preemption_victims',
    'Number of selected preemption victims',
    [],
    exponential(1, 2, 7),
  );
  const runs = registry.counter(
    'scheduler_preemption_goroutines_execution_total',
    'Number of preemption goroutines executed.',
    ['result'],
  );
  const took = registry.histogram(
    'scheduler_preemption_goroutines_duration_seconds',
    'Duration in seconds for running goroutines for the preemption.',
    ['result'],
    exponential(0.01, 2, 20),
  );
  return {
    preemption(victimCount) {
      attempts.add([]);
      if (victimCount > 0) victims.observe([], victimCount);
    },
    preemptionDone(result, seconds) {
      runs.add([result]);
      took.observe([result], seconds);
    },
  };
}

function registerReadings(registry: MetricsRegistry, sources: MetricSources): void {
  const pending = "Number of pending pods, by the queue type: 'active', 'backoff', 'unschedulable', 'gated'.";
  registry.readEach('scheduler_pending_pods', pending, 'gauge', ['queue'], () =>
    (['active', 'backoff', 'unschedulable', 'gated'] as const).map(
      (queue) => [[queue], sources.pending(queue)] as const,
    ),
  );
  registry.readEach(
    'scheduler_cache_size',
    'Number of nodes, pods, and assumed (bound) pods in the scheduler cache.',
    'gauge',
    ['type'],
    () => (['nodes', 'pods', 'assumed_pods'] as const).map((type) => [[type], sources.cacheSize(type)] as const),
  );
  registry.readEach(
    'scheduler_unschedulable_pods',
    'The number of unschedulable pods broken down by plugin name.',
    'gauge',
    ['plugin', 'profile'],
    sources.unschedulable,
  );
  const inFlight = 'Number of events currently tracked in the scheduling queue.';
  registry.readEach('scheduler_inflight_events', inFlight, 'gauge', ['event'], () =>
    [...sources.inFlightEvents()].map(([event, count]) => [[event], count] as const),
  );
}
