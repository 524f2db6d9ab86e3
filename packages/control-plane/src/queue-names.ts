/** What upstream calls the queues of its controllers, in metrics. */

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
  ['serviceaccount-token-controller', 'serviceaccount_tokens_service'],
  ['root-ca-certificate-publisher-controller', 'root_ca_cert_publisher'],
  ['taint-eviction-controller', 'noexec_taint_node'],
  ['ttl-after-finished-controller', 'ttl_jobs_to_delete'],
  ['ttl-controller', 'ttlcontroller'],
  ['volumeattributesclass-protection-controller', 'vacprotection'],
]);

export const queueNameOf = (controller: string): string =>
  QUEUES.get(controller) ?? controller.replace(/-controller$/, '');
