/** All controllers of kube-controller-manager 1.36, and which `--controllers` selects. Source: …/app/controller_descriptor.go. */

/** Why a controller does not run unless asked for, or does not run at all. */
export type Exception = 'off by default' | 'feature gate' | 'cloud';

export interface KnownController {
  /** As in `--controllers`. */
  readonly name: string;
  /** Its name of earlier releases, still taken. */
  readonly alias?: string;
  readonly exception?: Exception;
}

const known = (name: string, alias?: string, exception?: Exception): KnownController => ({
  name,
  ...(alias !== undefined && { alias }),
  ...(exception !== undefined && { exception }),
});

export const KNOWN_CONTROLLERS: readonly KnownController[] = [
  known('bootstrap-signer-controller', 'bootstrapsigner', 'off by default'),
  known('certificatesigningrequest-approving-controller', 'csrapproving'),
  known('certificatesigningrequest-cleaner-controller', 'csrcleaner'),
  known('certificatesigningrequest-signing-controller', 'csrsigning'),
  known('cloud-node-controller', 'cloud-node', 'cloud'),
  known('cloud-node-lifecycle-controller', 'cloud-node-lifecycle', 'cloud'),
  known('clusterrole-aggregation-controller', 'clusterrole-aggregation'),
  known('cronjob-controller', 'cronjob'),
  known('daemonset-controller', 'daemonset'),
  known('deployment-controller', 'deployment'),
  known('device-taint-eviction-controller'),
  known('disruption-controller', 'disruption'),
  known('endpoints-controller', 'endpoint'),
  known('endpointslice-controller', 'endpointslice'),
  known('endpointslice-mirroring-controller', 'endpointslicemirroring'),
  known('ephemeral-volume-controller', 'ephemeral-volume'),
  known('garbage-collector-controller', 'garbagecollector'),
  known('horizontal-pod-autoscaler-controller', 'horizontalpodautoscaling'),
  known('job-controller', 'job'),
  known('kube-apiserver-serving-clustertrustbundle-publisher-controller', undefined, 'feature gate'),
  known('legacy-serviceaccount-token-cleaner-controller', 'legacy-service-account-token-cleaner'),
  known('namespace-controller', 'namespace'),
  known('node-ipam-controller', 'nodeipam'),
  known('node-lifecycle-controller', 'nodelifecycle'),
  known('node-route-controller', 'route', 'cloud'),
  known('persistentvolume-attach-detach-controller', 'attachdetach'),
  known('persistentvolume-binder-controller', 'persistentvolume-binder'),
  known('persistentvolume-expander-controller', 'persistentvolume-expander'),
  known('persistentvolume-protection-controller', 'pv-protection'),
  known('persistentvolumeclaim-protection-controller', 'pvc-protection'),
  known('pod-garbage-collector-controller', 'podgc'),
  known('podcertificaterequest-cleaner-controller', undefined, 'feature gate'),
  known('podgroup-protection-controller', undefined, 'feature gate'),
  known('replicaset-controller', 'replicaset'),
  known('replicationcontroller-controller', 'replicationcontroller'),
  known('resourceclaim-controller', 'resource-claim-controller'),
  known('resourcepoolstatusrequest-controller', undefined, 'feature gate'),
  known('resourcequota-controller', 'resourcequota'),
  known('root-ca-certificate-publisher-controller', 'root-ca-cert-publisher'),
  known('selinux-warning-controller', undefined, 'off by default'),
  known('service-cidr-controller'),
  known('service-lb-controller', 'service', 'cloud'),
  known('serviceaccount-controller', 'serviceaccount'),
  known('serviceaccount-token-controller', 'serviceaccount-token'),
  known('statefulset-controller', 'statefulset'),
  known('storage-version-migrator-controller', 'svm', 'feature gate'),
  known('storageversion-garbage-collector-controller', 'storage-version-gc', 'feature gate'),
  known('taint-eviction-controller'),
  known('token-cleaner-controller', 'tokencleaner', 'off by default'),
  known('ttl-after-finished-controller', 'ttl-after-finished'),
  known('ttl-controller', 'ttl'),
  known('validatingadmissionpolicy-status-controller'),
  known('volumeattributesclass-protection-controller'),
];

/** What a cluster of ours runs: upstream's defaults, and what kubeadm adds for nodes that join. */
export const CLUSTER_CONTROLLERS: readonly string[] = ['*', 'bootstrap-signer-controller', 'token-cleaner-controller'];

const byAnyName = new Map(
  KNOWN_CONTROLLERS.flatMap((row) => [[row.name, row] as const, ...(row.alias ? [[row.alias, row] as const] : [])]),
);

const bare = (word: string) => (word.startsWith('-') ? word.slice(1) : word);

/** Pure: the words of a `--controllers` list that name nothing. `all` is `*`. */
export function unknownControllers(list: readonly string[]): string[] {
  return list.map(bare).filter((name) => name !== '*' && !byAnyName.has(name));
}

/** Pure: whether a `--controllers` list (`*`, `foo`, `-foo`) has it run: the first word that names it decides. */
export function isSelected(name: string, list: readonly string[]): boolean {
  for (const word of list) {
    if (word === '*' || byAnyName.get(bare(word))?.name !== name) continue;
    return !word.startsWith('-');
  }
  const row = byAnyName.get(name);
  return list.includes('*') && row !== undefined && (row.exception === undefined || row.exception === 'cloud');
}
