/** What the process costs, by the names that Prometheus' client libraries use. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricsRegistry } from '@kapella/apiserver';

const RESOLUTION_MS = 5;

/** Measures the event loop from now on. */
export function addProcessMetrics(metrics: MetricsRegistry): void {
  addCostMetrics(metrics);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const gauge = (name: string, help: string, read: () => number) => metrics.readGauge(name, help, read);
  gauge('nodejs_eventloop_lag_max_seconds', 'The longest time in which the event loop answered nobody.', () => {
    return Number.isFinite(delay.max) ? Math.max(0, delay.max / 1e9 - RESOLUTION_MS / 1000) : 0;
  });
  gauge(
    'nodejs_eventloop_lag_p99_seconds',
    'The 99th percentile of the event loop lags.',
    () => delay.percentile(99) / 1e9,
  );
}

/** All that costs nothing until it is asked for. */
export function addCostMetrics(metrics: MetricsRegistry): void {
  const startSeconds = Date.now() / 1000 - process.uptime();
  const gauge = (name: string, help: string, read: () => number) => metrics.readGauge(name, help, read);
  metrics.readEach(
    'process_cpu_seconds_total',
    'Total user and system CPU time spent in seconds.',
    'counter',
    [],
    () => {
      const { user, system } = process.cpuUsage();
      return [[[], (user + system) / 1e6]];
    },
  );
  gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', () => statusBytes('VmSize'));
  gauge('process_max_fds', 'Maximum number of open file descriptors.', openFilesMax);
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startSeconds);
  gauge('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length);
  gauge(
    'nodejs_heap_size_used_bytes',
    'Process heap size used from Node.js in bytes.',
    () => process.memoryUsage().heapUsed,
  );
}

function statusBytes(field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

function openFilesMax(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
}
