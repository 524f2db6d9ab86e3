/** How a work queue does, under upstream's names. Source: component-base/metrics/prometheus/workqueue/metrics.go. */
import type { Clock, MetricsRegistry } from '@kapella/base';

const SECONDS = Array.from({ length: 10 }, (_, i) => 10 ** (i - 8));
const NAME = ['name'];

/** Told by one queue of its keys. */
export interface QueueMeter {
  /** Waits from now on. */
  added(key: string): void;
  /** Is worked on from now on. */
  taken(key: string): void;
  done(key: string): void;
  retried(): void;
  forgotten(): void;
}

export const NO_QUEUE_METER: QueueMeter = {
  ...{ added: () => {}, taken: () => {}, done: () => {}, retried: () => {}, forgotten: () => {} },
};

interface Work {
  readonly clock: Clock;
  readonly startedMs: Map<string, number>;
  waiting: number;
}

const byRegistry = new WeakMap<MetricsRegistry, Map<string, Work>>();

/** A queue of the same name begun anew takes the place of the old one. */
export function createQueueMeter(metrics: MetricsRegistry, name: string, clock: Clock): QueueMeter {
  const work: Work = { clock, startedMs: new Map(), waiting: 0 };
  worksOf(metrics).set(name, work);
  const counter = (what: string, help: string) => metrics.counter(`workqueue_${what}_total`, help, NAME).with([name]);
  const seconds = (what: string, help: string) =>
    metrics.histogram(`workqueue_${what}_duration_seconds`, help, NAME, SECONDS).with([name]);
  const adds = counter('adds', 'Keys added to a work queue.');
  const retries = counter('retries', 'Keys added again after they failed.');
  const waits = seconds('queue', 'Time that a key waits in a work queue.');
  const works = seconds('work', 'Time that working on a key takes.');
  const addedMs = new Map<string, number>();
  const since = (from: Map<string, number>, key: string): number | undefined => {
    const ms = from.get(key);
    from.delete(key);
    return ms === undefined ? undefined : (clock.monotonicMs() - ms) / 1000;
  };
  return {
    added(key) {
      adds.value++;
      work.waiting++;
      addedMs.set(key, clock.monotonicMs());
    },
    taken(key) {
      work.waiting--;
      const waited = since(addedMs, key);
      if (waited !== undefined) waits.observe(waited);
      work.startedMs.set(key, clock.monotonicMs());
    },
    done(key) {
      const worked = since(work.startedMs, key);
      if (worked !== undefined) works.observe(worked);
    },
    retried: () => void retries.value++,
    forgotten() {
      work.waiting = 0;
      addedMs.clear();
    },
  };
}

/** The gauges are read when somebody asks, of all queues that are measured there. */
function worksOf(metrics: MetricsRegistry): Map<string, Work> {
  const known = byRegistry.get(metrics);
  if (known !== undefined) return known;
  const works = new Map<string, Work>();
  byRegistry.set(metrics, works);
  const each = (what: string, help: string, read: (work: Work) => number) =>
    metrics.readEach(`workqueue_${what}`, help, 'gauge', NAME, () =>
      [...works].map(([name, work]) => [[name], read(work)]),
    );
  const ages = ({ clock, startedMs }: Work) => [...startedMs.values()].map((ms) => (clock.monotonicMs() - ms) / 1000);
  each('depth', 'Keys that wait in a work queue.', ({ waiting }) => waiting);
  each('unfinished_work_seconds', 'Time so far of all keys that are worked on.', (work) =>
    ages(work).reduce((sum, age) => sum + age, 0),
  );
  each('longest_running_processor_seconds', 'Time so far of the key that takes longest.', (work) =>
    ages(work).reduce((longest, age) => Math.max(longest, age), 0),
  );
  return works;
}
