/** What watchers are sent. Source: apiserver/pkg/endpoints/metrics/metrics.go. */
import type { DistributionSeries, MetricsRegistry, Series } from './registry.ts';

const LABELS = ['group', 'version', 'resource'];
const BYTES = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
const LIST_SECONDS = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60];

export interface WatchSeries {
  readonly events: Series;
  readonly bytes: DistributionSeries;
}

export interface WatchMetrics {
  of(group: string, version: string, resource: string): WatchSeries;
  /** A watch that began with a list has sent it. */
  listed(group: string, version: string, resource: string, scope: string, seconds: number): void;
}

export function createWatchMetrics(registry: MetricsRegistry): WatchMetrics {
  const events = registry.counter('apiserver_watch_events_total', 'Events sent to watch clients.', LABELS);
  const bytes = registry.histogram('apiserver_watch_events_sizes', 'Bytes of events sent.', LABELS, BYTES);
  const lists = registry.histogram(
    'apiserver_watch_list_duration_seconds',
    'Time until a watch that begins with a list has sent it.',
    [...LABELS, 'scope'],
    LIST_SECONDS,
  );
  const known = new Map<string, WatchSeries>();
  return {
    of(group, version, resource) {
      const key = `${group}/${version}/${resource}`;
      let found = known.get(key);
      if (found === undefined) {
        const labels = [group, version, resource];
        found = { events: events.with(labels), bytes: bytes.with(labels) };
        known.set(key, found);
      }
      return found;
    },
    listed: (group, version, resource, scope, seconds) => lists.observe([group, version, resource, scope], seconds),
  };
}
