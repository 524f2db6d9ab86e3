/** What the node agent counts, by upstream's names. Source: kubernetes pkg/kubelet/metrics/metrics.go. */
import { createMetricsRegistry, type MetricsRegistry } from '@kapella/base';
import type { ProbeKind } from '../prober.ts';
import { lifecycleCounters, type LifecycleMetrics } from './lifecycle-metrics.ts';

const exponential = (start: number, factor: number, count: number) =>
  Array.from({ length: count }, (_, i) => Number((start * factor ** i).toPrecision(12)));
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const POD_SECONDS = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200,
] as const;
const OPERATION_SECONDS = exponential(0.005, 2.5, 14);
const PROBE_TYPE: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

export type ContainerType = 'container' | 'init_container' | 'ephemeral_container' | 'pod_sandbox';

export interface ProbedSeries {
  readonly kind: ProbeKind;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface KubeletMetrics extends LifecycleMetrics {
  /** Everything of /metrics. */
  readonly registry: MetricsRegistry;
  /** Everything of /metrics/probes. */
  readonly probes: MetricsRegistry;
  podSeen(): void;
  podStarted(seconds: number): void;
  podStartFailed(): void;
  containerStarted(type: ContainerType): void;
  containerStartFailed(type: ContainerType, code: string): void;
  sandboxStarted(handler: string, seconds: number): void;
  sandboxFailed(handler: string): void;
  imagePulled(sizeBytes: number, seconds: number): void;
  imageCollected(reason: 'age' | 'space'): void;
  workerStep(operation: 'create' | 'sync' | 'terminating' | 'terminated', seconds: number): void;
  evicted(signal: string): void;
  rejected(reason: string): void;
  preempted(signal: string): void;
  gracefulShutdown(startSeconds: number, endSeconds: number): void;
  topologyAdmission(milliseconds: number, isRefused: boolean): void;
  cpuPinned(isRefused: boolean): void;
  memoryPinned(isRefused: boolean): void;
  runtimeCall(operation: string, seconds: number, failed: boolean): void;
  statusWritten(seconds: number): void;
  probed(series: ProbedSeries, result: 'successful' | 'failed' | 'unknown', seconds: number): void;
  forgetProbe(series: ProbedSeries): void;
  httpRequest(method: string, path: string, longRunning: boolean): { ended(seconds: number): void };
  webSocket(subresource: string): void;
}

export function createKubeletMetrics(registry: MetricsRegistry = createMetricsRegistry()): KubeletMetrics {
  const probes = createMetricsRegistry();
  return {
    ...{ registry, probes },
    ...podCounters(registry),
    ...agentCounters(registry),
    ...alignmentCounters(registry),
    ...lifecycleCounters(registry),
    ...httpCounters(registry),
    ...probeCounters(probes),
  };
}

function podCounters(r: MetricsRegistry) {
  const startSeconds = r.histogram(
    'kubelet_pod_start_duration_seconds',
    'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
    [],
    POD_SECONDS,
  );
  const started = r.counter('kubelet_started_pods_total', 'Cumulative number of pods started', []);
  const startErrors = r.counter(
    'kubelet_started_pods_errors_total',
    'Cumulative number of errors when starting pods',
    [],
  );
  const containers = r.counter('kubelet_started_containers_total', 'Cumulative number of containers started', [
    'container_type',
  ]);
  const containerErrors = r.counter(
    'kubelet_started_containers_errors_total',
    'Cumulative number of errors when starting containers',
    ['container_type', 'code'],
  );
  const sandboxSeconds = r.histogram(
    'kubelet_run_podsandbox_duration_seconds',
    'Duration in seconds of the run_podsandbox operations.',
    ['runtime_handler'],
    SECONDS,
  );
  const sandboxErrors = r.counter(
    'kubelet_run_podsandbox_errors_total',
    'Cumulative number of the run_podsandbox operation errors by RuntimeClass.Handler.',
    ['runtime_handler'],
  );
  const pullSeconds = r.histogram(
    'kubelet_image_pull_duration_seconds',
    'Duration in seconds to pull an image.',
    ['image_size_in_bytes'],
    [1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
  );
  const collected = r.counter(
    'kubelet_image_garbage_collected_total',
    'Total number of images garbage collected by the kubelet.',
    ['reason'],
  );
  return {
    podSeen: () => started.add([]),
    podStarted: (seconds: number) => startSeconds.observe([], seconds),
    podStartFailed: () => startErrors.add([]),
    containerStarted: (type: ContainerType) => containers.add([type]),
    containerStartFailed: (type: ContainerType, code: string) => containerErrors.add([type, code]),
    sandboxStarted: (handler: string, seconds: number) => sandboxSeconds.observe([handler], seconds),
    sandboxFailed: (handler: string) => sandboxErrors.add([handler]),
    imagePulled: (sizeBytes: number, seconds: number) => pullSeconds.observe([sizeClass(sizeBytes)], seconds),
    imageCollected: (reason: 'age' | 'space') => collected.add([reason]),
  };
}

const MIB = 1024 ** 2;
const SIZE_CLASSES: readonly (readonly [max: number, name: string])[] = [
  [10 * MIB, '0-10MB'],
  [100 * MIB, '10MB-100MB'],
  [500 * MIB, '100MB-500MB'],
  [1024 * MIB, '500MB-1GB'],
  [5 * 1024 * MIB, '1GB-5GB'],
  [10 * 1024 * MIB, '5GB-10GB'],
  [20 * 1024 * MIB, '10GB-20GB'],
  [30 * 1024 * MIB, '20GB-30GB'],
  [40 * 1024 * MIB, '30GB-40GB'],
  [60 * 1024 * MIB, '40GB-60GB'],
  [100 * 1024 * MIB, '60GB-100GB'],
];
const sizeClass = (bytes: number) => SIZE_CLASSES.find(([max]) => bytes < max)?.[1] ?? 'GT100GB';

function agentCounters(r: MetricsRegistry) {
  const step = r.histogram(
    'kubelet_pod_worker_duration_seconds',
    'Duration in seconds to sync a single pod. Broken down by operation type: create, update, or sync',
    ['operation_type'],
    SECONDS,
  );
  const evictions = r.counter('kubelet_evictions', 'Cumulative number of pod evictions by eviction signal', [
    'eviction_signal',
  ]);
  const preemptions = r.counter('kubelet_preemptions', 'Cumulative number of pod preemptions by preemption resource', [
    'preemption_signal',
  ]);
  const rejections = r.counter(
    'kubelet_admission_rejections_total',
    'Cumulative number pod admission rejections by the Kubelet.',
    ['reason'],
  );
  const calls = r.counter(
    'kubelet_runtime_operations_total',
    'Cumulative number of runtime operations by operation type.',
    ['operation_type'],
  );
  const errors = r.counter(
    'kubelet_runtime_operations_errors_total',
    'Cumulative number of runtime operation errors by operation type.',
    ['operation_type'],
  );
  const callSeconds = r.histogram(
    'kubelet_runtime_operations_duration_seconds',
    'Duration in seconds of runtime operations. Broken down by operation type.',
    ['operation_type'],
    OPERATION_SECONDS,
  );
  const statusSeconds = r.histogram(
    'kubelet_pod_status_sync_duration_seconds',
    'Duration in seconds to sync a pod status update. Measures time from detection of a change to pod status until the API ' +
      'is successfully updated for that pod, even if multiple intevening changes to pod status occur.',
    [],
    [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30, 45, 60],
  );
  return {
    workerStep: (operation: string, seconds: number) => step.observe([operation], seconds),
    evicted: (signal: string) => evictions.add([signal]),
    rejected: (reason: string) => rejections.add([reason]),
    preempted: (signal: string) => preemptions.add([signal]),
    runtimeCall(operation: string, seconds: number, failed: boolean) {
      calls.add([operation]);
      callSeconds.observe([operation], seconds);
      if (failed) errors.add([operation]);
    },
    statusWritten: (seconds: number) => statusSeconds.observe([], seconds),
  };
}

function alignmentCounters(r: MetricsRegistry) {
  const pinned = (what: string, of: string) => {
    const requests = r.counter(
      `kubelet_${what}_pinning_requests_total`,
      `The number of ${of} allocations which required pinning.`,
      [],
    );
    const errors = r.counter(
      `kubelet_${what}_pinning_errors_total`,
      `The number of ${of} allocations which required pinning failed.`,
      [],
    );
    return (isRefused: boolean) => {
      requests.add([]);
      if (isRefused) errors.add([]);
    };
  };
  const started = r.gauge(
    'kubelet_graceful_shutdown_start_time_seconds',
    'Last graceful shutdown start time since unix epoch in seconds',
    [],
  );
  const ended = r.gauge(
    'kubelet_graceful_shutdown_end_time_seconds',
    'Last graceful shutdown end time since unix epoch in seconds',
    [],
  );
  const admissions = r.counter(
    'kubelet_topology_manager_admission_requests_total',
    'The number of admission requests where resources have to be aligned.',
    [],
  );
  const refusals = r.counter(
    'kubelet_topology_manager_admission_errors_total',
    'The number of admission request failures where resources could not be aligned.',
    [],
  );
  const took = r.histogram(
    'kubelet_topology_manager_admission_duration_ms',
    'Duration in milliseconds to serve a pod admission request.',
    [],
    exponential(0.05, 2, 15),
  );
  return {
    gracefulShutdown(startSeconds: number, endSeconds: number) {
      started.set([], startSeconds);
      ended.set([], endSeconds);
    },
    cpuPinned: pinned('cpu_manager', 'cpu core'),
    memoryPinned: pinned('memory_manager', 'memory pages'),
    topologyAdmission(milliseconds: number, isRefused: boolean) {
      admissions.add([]);
      if (isRefused) refusals.add([]);
      took.observe([], milliseconds);
    },
  };
}

function httpCounters(r: MetricsRegistry) {
  const httpLabels = ['method', 'path', 'server_type', 'long_running'] as const;
  const requests = r.counter(
    'kubelet_http_requests_total',
    'Number of the http requests received since the server started',
    httpLabels,
  );
  const requestSeconds = r.histogram(
    'kubelet_http_requests_duration_seconds',
    'Duration in seconds to serve http requests',
    httpLabels,
    SECONDS,
  );
  const inflight = r.gauge('kubelet_http_inflight_requests', 'Number of the inflight http requests', httpLabels);
  const sockets = r.counter(
    'kubelet_websocket_streaming_requests_total',
    'Total number of WebSocket streaming requests (exec/attach/portforward) received by the kubelet.',
    ['subresource'],
  );
  return {
    httpRequest(method: string, path: string, longRunning: boolean) {
      const labels = [method, path, 'readwrite', String(longRunning)];
      requests.add(labels);
      inflight.add(labels);
      return {
        ended(seconds: number) {
          inflight.add(labels, -1);
          requestSeconds.observe(labels, seconds);
        },
      };
    },
    webSocket: (subresource: string) => sockets.add([subresource]),
  };
}

const RESULTS = ['successful', 'failed', 'unknown'] as const;

function probeCounters(r: MetricsRegistry) {
  const total = r.gauge(
    'prober_probe_total',
    'Cumulative number of a liveness, readiness or startup probe for a container by result.',
    ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
    'counter',
  );
  const seconds = r.histogram(
    'prober_probe_duration_seconds',
    'Duration in seconds for a probe response.',
    ['probe_type', 'container', 'pod', 'namespace'],
    SECONDS,
  );
  const labels = ({ kind, container, pod, namespace, uid }: ProbedSeries, result: string) => [
    PROBE_TYPE[kind],
    result,
    container,
    pod,
    namespace,
    uid,
  ];
  return {
    probed(series: ProbedSeries, result: (typeof RESULTS)[number], took: number) {
      total.add(labels(series, result));
      seconds.observe([PROBE_TYPE[series.kind], series.container, series.pod, series.namespace], took);
    },
    forgetProbe(series: ProbedSeries) {
      for (const result of RESULTS) total.remove(labels(series, result));
      seconds.remove([PROBE_TYPE[series.kind], series.container, series.pod, series.namespace]);
    },
  };
}
