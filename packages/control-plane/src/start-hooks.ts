/** What a server does once after its start, under the names by which upstream's /readyz shows it. */

/** Done when the server is put together. */
export const ASSEMBLY_HOOKS: readonly string[] = [
  ...['generic-apiserver-start-informers', 'start-apiserver-admission-initializer'],
  ...['priority-and-fairness-config-consumer', 'priority-and-fairness-filter', 'storage-object-count-tracker-hook'],
  ...['start-apiextensions-informers', 'start-apiextensions-controllers', 'crd-informer-synced'],
  ...['aggregator-reload-proxy-client-cert', 'start-kube-aggregator-informers'],
  ...['apiservice-status-local-available-controller', 'apiservice-status-remote-available-controller'],
  ...['apiservice-registration-controller', 'apiservice-discovery-controller', 'kube-apiserver-autoregistration'],
  ...['apiservice-openapi-controller', 'apiservice-openapiv3-controller'],
];

/** Done when the bootstrap objects are there. */
export const BOOTSTRAP_HOOKS: readonly string[] = [
  ...['rbac/bootstrap-roles', 'scheduling/bootstrap-system-priority-classes', 'bootstrap-controller'],
  ...['priority-and-fairness-config-producer', 'start-system-namespaces-controller'],
  ...['start-cluster-authentication-info-controller', 'start-legacy-token-tracking-controller'],
];

/** Done when the server's own lease is there. */
export const IDENTITY_HOOKS: readonly string[] = [
  ...['start-kube-apiserver-identity-lease-controller', 'start-kube-apiserver-identity-lease-garbage-collector'],
];
