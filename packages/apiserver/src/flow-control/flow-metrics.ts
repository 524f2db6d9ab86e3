/** apiserver_flowcontrol_*: names and labels of upstream. Source: apiserver/pkg/util/flowcontrol/metrics/metrics.go. */
import type { Counter, Gauge, MetricsRegistry } from '../metrics/registry.ts';
import type { SeatDemand } from './demand.ts';
import type { WorkEstimate } from './work.ts';

/** Of one schema at one level: counted without looking up labels. */
export interface FlowMeters {
  estimated(work: WorkEstimate): void;
  enqueued(queueLength: number, seats: number): void;
  dequeued(seats: number): void;
  executing(change: number): void;
  seats(change: number): void;
  noAccommodation(): void;
  rejected(reason: 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled'): void;
  waited(seconds: number, executed: boolean): void;
  ran(seconds: number, isWatch: boolean): void;
  watchers(count: number): void;
}

export interface LevelLimits {
  readonly nominal: number;
  readonly min: number;
  readonly max: number;
  readonly current: number;
  readonly target: number;
  readonly demand: SeatDemand;
}

export interface FlowControlMetrics {
  metersOf(level: string, schema: string): FlowMeters;
  noteLimits(level: string, limits: LevelLimits): void;
  noteFairFraction(fraction: number): void;
  forget(level: string): void;
}

const LEVEL = ['priority_level'];
const FLOW = ['priority_level', 'flow_schema'];
const SECONDS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const PREFIX = 'apiserver_flowcontrol_';

export function createFlowControlMetrics(registry: MetricsRegistry): FlowControlMetrics {
  const known = new Map<string, FlowMeters>();
  const make = metersFactory(registry);
  const limits = limitGauges(registry);
  const fairFraction = registry.gauge(
    `${PREFIX}seat_fair_frac`,
    'Part of its target that each unbound level gets.',
    [],
  );
  return {
    metersOf(level, schema) {
      const key = `${level}\0${schema}`;
      const found = known.get(key) ?? make([level, schema]);
      known.set(key, found);
      return found;
    },
    noteLimits: limits.note,
    noteFairFraction: (fraction) => fairFraction.set([], fraction),
    forget: limits.forget,
  };
}

function metersFactory(registry: MetricsRegistry): (labels: readonly string[]) => FlowMeters {
  const counter = (name: string, help: string, labels = FLOW): Counter => registry.counter(PREFIX + name, help, labels);
  const gauge = (name: string, help: string): Gauge => registry.gauge(PREFIX + name, help, FLOW);
  const histogram = (name: string, help: string, buckets: readonly number[], more: readonly string[] = []) =>
    registry.histogram(PREFIX + name, help, [...FLOW, ...more], buckets);
  const rejected = counter('rejected_requests_total', 'Requests that were refused.', [...FLOW, 'reason']);
  const dispatched = counter('dispatched_requests_total', 'Requests that ran.');
  const noAccommodation = counter('request_dispatch_no_accommodation_total', 'Times a request had to wait for seats.');
  const inQueue = gauge('current_inqueue_requests', 'Requests that wait.');
  const seatsInQueue = gauge('current_inqueue_seats', 'Seats that waiting requests ask for.');
  const running = gauge('current_executing_requests', 'Requests that run; of a watch, its start.');
  const seats = gauge('current_executing_seats', 'Seats taken.');
  const inUse = gauge('request_concurrency_in_use', 'Seats taken.');
  const lengths = histogram('request_queue_length_after_enqueue', 'Length of the queue that a request found.', [
    ...[0, 10, 25, 50, 100, 250, 500, 1000],
  ]);
  const waits = histogram('request_wait_duration_seconds', 'Time in a queue.', SECONDS, ['execute']);
  const runs = histogram('request_execution_seconds', 'Time of execution; of a watch, of its start.', SECONDS, [
    'type',
  ]);
  const work = histogram(
    'work_estimated_seats',
    'Seats that a request is taken to need.',
    [1, 2, 4, 8, 16, 32, 64, 100],
  );
  const watched = histogram('watch_count_samples', 'Watchers of what is written.', [0, 1, 10, 100, 1000, 10000]);
  return (labels) => {
    const one = { dispatched: dispatched.with(labels), running: running.with(labels), seats: seats.with(labels) };
    const waiting = { requests: inQueue.with(labels), seats: seatsInQueue.with(labels), length: lengths.with(labels) };
    const wait = { yes: waits.with([...labels, 'true']), no: waits.with([...labels, 'false']) };
    const run = { regular: runs.with([...labels, 'regular']), watch: runs.with([...labels, 'watch']) };
    const [estimated, concurrency, samples] = [work.with(labels), inUse.with(labels), watched.with(labels)];
    return {
      estimated: ({ initialSeats, finalSeats }) => estimated.observe(Math.max(initialSeats, finalSeats)),
      enqueued(queueLength, count) {
        waiting.requests.value++;
        waiting.seats.value += count;
        waiting.length.observe(queueLength);
      },
      dequeued(count) {
        waiting.requests.value--;
        waiting.seats.value -= count;
      },
      executing(change) {
        one.running.value += change;
        if (change > 0) one.dispatched.value++;
      },
      seats(change) {
        one.seats.value += change;
        concurrency.value += change;
      },
      noAccommodation: () => noAccommodation.add(labels),
      rejected: (reason) => rejected.add([...labels, reason]),
      waited: (seconds, executed) => (executed ? wait.yes : wait.no).observe(seconds),
      ran: (seconds, isWatch) => (isWatch ? run.watch : run.regular).observe(seconds),
      watchers: (count) => samples.observe(count),
    };
  };
}

function limitGauges(registry: MetricsRegistry) {
  const gauge = (name: string, help: string) => registry.gauge(PREFIX + name, help, LEVEL);
  const rows: readonly (readonly [Gauge, (limits: LevelLimits) => number])[] = [
    [gauge('nominal_limit_seats', 'Seats by shares alone.'), ({ nominal }) => nominal],
    [gauge('request_concurrency_limit', 'Seats by shares alone.'), ({ nominal }) => nominal],
    [gauge('lower_limit_seats', 'Seats that are never lent.'), ({ min }) => min],
    [gauge('upper_limit_seats', 'Seats with all that may be borrowed.'), ({ max }) => max],
    [gauge('current_limit_seats', 'Seats of the present period.'), ({ current }) => current],
    [gauge('target_seats', 'Seats aimed at.'), ({ target }) => target],
    [
      gauge('demand_seats_high_watermark', 'Most seats wanted in the last period.'),
      ({ demand }) => demand.highWatermark,
    ],
    [gauge('demand_seats_average', 'Seats wanted in the last period, on average.'), ({ demand }) => demand.average],
    [
      gauge('demand_seats_stdev', 'Deviation of the seats wanted in the last period.'),
      ({ demand }) => demand.deviation,
    ],
    [gauge('demand_seats_smoothed', 'Seats wanted, smoothed.'), ({ demand }) => demand.smoothed],
  ];
  return {
    note(level: string, limits: LevelLimits): void {
      for (const [each, read] of rows) each.set([level], read(limits));
    },
    forget(level: string): void {
      for (const [each] of rows) each.remove([level]);
    },
  };
}
