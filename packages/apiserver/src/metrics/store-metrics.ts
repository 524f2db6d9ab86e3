/** How long the store takes, by resource, under the names that upstream has for its etcd. Source: storage/etcd3/metrics. */
import type { Ctx } from '@kapella/base';
import type { Store } from '@kapella/store';
import type { DistributionSeries, MetricsRegistry, Series } from './registry.ts';
import { DURATION_SECONDS } from './request-metrics.ts';

const LABELS = ['operation', 'group', 'resource'];

interface Operation {
  readonly total: Series;
  readonly seconds: DistributionSeries;
  readonly fail: () => void;
}

/** The same store; what is read and written through it is measured as this resource's. */
export function measuredStore(store: Store, group: string, resource: string, metrics: MetricsRegistry): Store {
  const seconds = metrics.histogram(
    'etcd_request_duration_seconds',
    'Time of store requests.',
    LABELS,
    DURATION_SECONDS,
  );
  const total = metrics.counter('etcd_requests_total', 'Store requests.', LABELS);
  const failed = metrics.counter('etcd_request_errors_total', 'Store requests that failed.', LABELS);
  const events = metrics.counter('apiserver_storage_events_received_total', 'Events of the store.', [
    'group',
    'resource',
  ]);
  const made = new Map<string, Operation>();
  const operationOf = (operation: string): Operation => {
    const labels = [operation, group, resource];
    const known = made.get(operation) ?? {
      total: total.with(labels),
      seconds: seconds.with(labels),
      fail: () => failed.add(labels),
    };
    made.set(operation, known);
    return known;
  };
  const timed = async <T>(operation: string, work: Promise<T>, { clock }: Ctx): Promise<T> => {
    const series = operationOf(operation);
    const fromMs = clock.monotonicMs();
    try {
      return await work;
    } catch (error) {
      series.fail();
      throw error;
    } finally {
      series.total.value++;
      series.seconds.observe((clock.monotonicMs() - fromMs) / 1000);
    }
  };
  return {
    backend: store.backend,
    embedded: store.embedded,
    get: (key, ctx) => timed('get', store.get(key, ctx), ctx),
    list: (prefix, options, ctx) => timed('list', store.list(prefix, options, ctx), ctx),
    commit(write, ctx) {
      const operation = write.value === undefined ? 'delete' : write.expectedRevision === 0 ? 'create' : 'update';
      return timed(operation, store.commit(write, ctx), ctx);
    },
    watch(prefix, afterRevision, sink) {
      const received = events.with([group, resource]);
      return store.watch(prefix, afterRevision, {
        events(batch) {
          received.value += batch.length;
          sink.events(batch);
        },
        progress: (revision) => sink.progress(revision),
        closed: (error) => sink.closed(error),
      });
    },
    currentRevision: (ctx) => store.currentRevision(ctx),
    requestProgress: (revision) => store.requestProgress(revision),
    ...(store.needsRewrite === undefined
      ? {}
      : { needsRewrite: (key: string, ctx: Ctx) => store.needsRewrite?.(key, ctx) ?? Promise.resolve(false) }),
    compact: (revision, ctx) => store.compact(revision, ctx),
    close: () => store.close(),
  };
}
