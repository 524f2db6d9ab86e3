/** The metrics of controllers' queues. Source: component-base/metrics/prometheus/workqueue. */
import type { MetricsRegistry } from '@kapella/base';
import type { ControllerHooks } from '@kapella/controller';

/** Seconds, by powers of ten. */
const BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/** Where the name of upstream's queue is not the head of the controller's name. */
const QUEUES: ReadonlyMap<string, string> = new Map([
  ['clusterrole-aggregation-controller', 'ClusterRoleAggregator'],
  ['endpoints-controller', 'endpoint'],
  ['endpointslice-controller', 'endpoint_slice'],
  ['endpointslice-mirroring-controller', 'endpoint_slice_mirroring'],
  ['ephemeral-volume-controller', 'ephemeral_volume'],
  ['garbage-collector-controller', 'garbage_collector_attempt_to_delete'],
  ['horizontal-pod-autoscaler-controller', 'horizontalpodautoscaler'],
  ['node-lifecycle-controller', 'node_lifecycle_controller'],
  ['persistentvolume-protection-controller', 'pvprotection'],
  ['persistentvolumeclaim-protection-controller', 'pvcprotection'],
  ['resourceclaim-controller', 'resource_claim'],
  ['resourcequota-controller', 'resourcequota_primary'],
  ['root-ca-certificate-publisher-controller', 'root_ca_cert_publisher'],
  ['taint-eviction-controller', 'noexec_taint_node'],
  ['ttl-after-finished-controller', 'ttl_jobs_to_delete'],
  ['ttl-controller', 'ttlcontroller'],
  ['volumeattributesclass-protection-controller', 'vacprotection'],
]);

const queueOf = (controller: string) => QUEUES.get(controller) ?? controller.replace(/-controller$/, '');

export function workQueueMetrics(metrics: MetricsRegistry): ControllerHooks {
  const depth = metrics.gauge('workqueue_depth', 'Keys that wait.', ['name']);
  const adds = metrics.counter('workqueue_adds_total', 'Keys taken up.', ['name']);
  const retries = metrics.counter('workqueue_retries_total', 'Keys to be tried again.', ['name']);
  const works = metrics.histogram(
    'workqueue_work_duration_seconds',
    'How long work on a key takes.',
    ['name'],
    BUCKETS,
  );
  const seriesOf = (controller: string) => {
    const labels = [queueOf(controller)];
    return { labels, adds: adds.with(labels), retries: retries.with(labels), works: works.with(labels) };
  };
  const known = new Map<string, ReturnType<typeof seriesOf>>();
  const of = (controller: string) => {
    const series = known.get(controller) ?? seriesOf(controller);
    known.set(controller, series);
    return series;
  };
  return {
    queueLength: (controller, length) => depth.set(of(controller).labels, length),
    reconciled(controller, durationMs, error) {
      const series = of(controller);
      series.adds.value++;
      series.works.observe(durationMs / 1000);
      if (error !== undefined) series.retries.value++;
    },
  };
}
