/** What becomes of Pods and containers on their way, counted. Source: kubernetes pkg/kubelet/metrics/metrics.go. */
import type { MetricsRegistry } from '@kapella/base';
import type { ContainerType } from './kubelet-metrics.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const DOUBLING = [1, 2, 4, 8, 16] as const;

export interface LifecycleMetrics {
  /** A worker for a Pod begins, `seconds` after the Pod was first seen. */
  workerStarted(containers: number, seconds: number): void;
  /** The runtime was listed. `nowSeconds`: since 1970. */
  relisted(seconds: number, sinceLastSeconds: number | undefined, nowSeconds: number): void;
  podRelisted(seconds: number): void;
  /** The runtime has a Pod that nobody knows. */
  orphanFound(): void;
  containerEnded(type: ContainerType, exitCode: number, reason: string): void;
  userNamespaceStarted(isError: boolean): void;
  imageVolume(outcome: 'requested' | 'mounted' | 'failed'): void;
  devicePlugin(resource: string): void;
  devicesAllocated(resource: string, seconds: number): void;
}

export const lifecycleCounters = (r: MetricsRegistry): LifecycleMetrics => ({
  ...workerCounters(r),
  ...relistCounters(r),
  ...containerCounters(r),
  ...deviceCounters(r),
});

function workerCounters(r: MetricsRegistry) {
  const containers = r.histogram('kubelet_containers_per_pod_count', 'The number of containers per pod.', [], DOUBLING);
  const starts = r.histogram(
    'kubelet_pod_worker_start_duration_seconds',
    'Duration in seconds from kubelet seeing a pod to starting a worker.',
    [],
    SECONDS,
  );
  const orphans = r.counter(
    'kubelet_orphaned_runtime_pods_total',
    'Number of pods that have been detected in the container runtime without being already known to the pod worker. This ' +
      'typically indicates the kubelet was restarted while a pod was force deleted in the API or in the local ' +
      'configuration, which is unusual.',
    [],
  );
  return {
    workerStarted(count: number, seconds: number) {
      containers.observe([], count);
      starts.observe([], seconds);
    },
    orphanFound: () => orphans.add([]),
  };
}

function relistCounters(r: MetricsRegistry) {
  const took = r.histogram(
    'kubelet_pleg_relist_duration_seconds',
    'Duration in seconds for relisting pods in PLEG.',
    [],
    SECONDS,
  );
  const between = r.histogram(
    'kubelet_pleg_relist_interval_seconds',
    'Interval in seconds between relisting in PLEG.',
    [],
    SECONDS,
  );
  const onePod = r.histogram(
    'kubelet_pleg_pod_relist_duration_seconds',
    'Duration in seconds for relisting a single pod in PLEG.',
    [],
    SECONDS,
  );
  const seen = r.gauge('kubelet_pleg_last_seen_seconds', 'Timestamp in seconds when PLEG was last seen active.', []);
  // Events are not queued: none is ever thrown away.
  r.counter('kubelet_pleg_discard_events', 'The number of discard events in PLEG.', []).add([], 0);
  return {
    relisted(seconds: number, sinceLast: number | undefined, nowSeconds: number) {
      took.observe([], seconds);
      if (sinceLast !== undefined) between.observe([], sinceLast);
      seen.set([], nowSeconds);
    },
    podRelisted: (seconds: number) => onePod.observe([], seconds),
  };
}

function containerCounters(r: MetricsRegistry) {
  const ended = r.counter('kubelet_terminated_containers_total', 'Cumulative number of container terminations.', [
    'container_type',
    'exit_code',
    'reason',
  ]);
  const mapped = r.counter(
    'kubelet_started_user_namespaced_pods_total',
    'Cumulative number of pods with user namespaces started. This metric will only be collected on Linux.',
    [],
  );
  const mappedErrors = r.counter(
    'kubelet_started_user_namespaced_pods_errors_total',
    'Cumulative number of errors when starting pods with user namespaces. This metric will only be collected on Linux.',
    [],
  );
  const volumes = {
    requested: r.counter('kubelet_image_volume_requested_total', 'Number of requested image volumes.', []),
    mounted: r.counter('kubelet_image_volume_mounted_succeed_total', 'Number of successful image volume mounts.', []),
    failed: r.counter('kubelet_image_volume_mounted_errors_total', 'Number of failed image volume mounts.', []),
  };
  return {
    containerEnded: (type: ContainerType, exitCode: number, reason: string) =>
      ended.add([type, String(exitCode), reason]),
    userNamespaceStarted: (isError: boolean) => (isError ? mappedErrors : mapped).add([]),
    imageVolume: (outcome: keyof typeof volumes) => volumes[outcome].add([]),
  };
}

function deviceCounters(r: MetricsRegistry) {
  const plugins = r.counter(
    'kubelet_device_plugin_registration_total',
    'Cumulative number of device plugin registrations. Broken down by resource name.',
    ['resource_name'],
  );
  const allocations = r.histogram(
    'kubelet_device_plugin_alloc_duration_seconds',
    'Duration in seconds to serve a device plugin Allocation request. Broken down by resource name.',
    ['resource_name'],
    SECONDS,
  );
  return {
    devicePlugin: (resource: string) => plugins.add([resource]),
    devicesAllocated: (resource: string, seconds: number) => allocations.observe([resource], seconds),
  };
}
