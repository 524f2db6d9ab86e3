/** The server's own request metrics under upstream's names. Source: apiserver/pkg/endpoints/metrics/metrics.go. */
import type { ApiResponse, ByteSink, ResponseStream } from '@kapella/client';
import type { RequestInfo } from '../http/request-info.ts';
import type { MetricsRegistry } from './registry.ts';

const DURATION_SECONDS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const REQUEST_LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'];
const VERBS: ReadonlySet<string> = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
]);

export interface RequestMetrics {
  /** The stream of a long-running request, counted while it lasts. */
  trackStream(info: RequestInfo, stream: ResponseStream): ResponseStream;
  observe(info: RequestInfo, response: ApiResponse, durationMs: number): void;
}

export function createRequestMetrics(registry: MetricsRegistry): RequestMetrics {
  const total = registry.counter(
    'apiserver_request_total',
    'Counter of apiserver requests by verb, resource and code.',
    [...REQUEST_LABELS, 'code'],
  );
  const duration = registry.histogram(
    'apiserver_request_duration_seconds',
    'Response latency in seconds.',
    REQUEST_LABELS,
    DURATION_SECONDS,
  );
  const longRunning = registry.gauge(
    'apiserver_longrunning_requests',
    'Gauge of all active long-running apiserver requests.',
    REQUEST_LABELS,
  );
  return {
    trackStream: (info, stream) => countedStream(stream, (change) => longRunning.add(labelsOf(info, 200), change)),
    observe(info, response, durationMs) {
      const labels = labelsOf(info, response.status);
      total.add([...labels, String(response.status)]);
      if (info.verb !== 'watch') duration.observe(labels, durationMs / 1000);
    },
  };
}

function countedStream(stream: ResponseStream, count: (change: number) => void): ResponseStream {
  return {
    start(sink: ByteSink, signal) {
      let isOpen = true;
      const leave = () => {
        if (isOpen) count(-1);
        isOpen = false;
      };
      count(1);
      signal.addEventListener('abort', leave, { once: true });
      const counted: ByteSink = {
        write: (chunk) => sink.write(chunk),
        close: (error) => {
          leave();
          sink.close(error);
        },
        onDrain: (fn) => sink.onDrain(fn),
      };
      stream.start(counted, signal);
    },
  };
}

/** Only paths that exist make a label: clients must not be able to fill the memory with invented ones. */
function labelsOf(info: RequestInfo, status: number): readonly string[] {
  const verb = VERBS.has(info.verb) ? info.verb.toUpperCase() : 'other';
  if (!info.isResource || status === 404 || status === 401 || status === 403) return [verb, '', '', '', '', ''];
  const scope = info.name !== '' ? 'resource' : info.namespace !== '' ? 'namespace' : 'cluster';
  return [verb, info.group, info.version, info.resource, info.subresource, scope];
}
