/** The flags of upstream's kube-controller-manager 1.36: which are honoured, which change nothing here. */
import type { FlagValues, ProgramFlags } from '../drop-in/flags.ts';
import { numberFlag } from '../drop-in/flags.ts';

/** Which controllers a `--concurrent-*-syncs` flag is about. */
const CONCURRENCY: ReadonlyMap<string, readonly string[]> = new Map([
  ['concurrent-cron-job-syncs', ['cronjob-controller']],
  ['concurrent-daemonset-syncs', ['daemonset-controller']],
  ['concurrent-deployment-syncs', ['deployment-controller']],
  ['concurrent-device-taint-eviction-syncs', ['device-taint-eviction-controller']],
  ['concurrent-endpoint-syncs', ['endpoints-controller']],
  ['concurrent-ephemeralvolume-syncs', ['ephemeral-volume-controller']],
  ['concurrent-gc-syncs', ['garbage-collector-controller']],
  ['concurrent-horizontal-pod-autoscaler-syncs', ['horizontal-pod-autoscaler-controller']],
  ['concurrent-job-syncs', ['job-controller']],
  ['concurrent-namespace-syncs', ['namespace-controller']],
  ['concurrent-rc-syncs', ['replicationcontroller-controller']],
  ['concurrent-replicaset-syncs', ['replicaset-controller']],
  ['concurrent-resource-quota-syncs', ['resourcequota-controller']],
  ['concurrent-resourceclaim-syncs', ['resourceclaim-controller']],
  ['concurrent-service-endpoint-syncs', ['endpointslice-controller']],
  ['concurrent-serviceaccount-token-syncs', ['serviceaccount-token-controller']],
  ['concurrent-statefulset-syncs', ['statefulset-controller']],
  ['concurrent-ttl-after-finished-syncs', ['ttl-after-finished-controller']],
  ['concurrent-validating-admission-policy-status-syncs', ['validatingadmissionpolicy-status-controller']],
  ['mirroring-concurrent-service-endpoint-syncs', ['endpointslice-mirroring-controller']],
]);

/** Names of the signers by the middle of `--cluster-signing-*-cert-file`. */
export const SIGNER_FLAGS: ReadonlyMap<string, string> = new Map([
  ['kube-apiserver-client', 'kubernetes.io/kube-apiserver-client'],
  ['kubelet-client', 'kubernetes.io/kube-apiserver-client-kubelet'],
  ['kubelet-serving', 'kubernetes.io/kubelet-serving'],
  ['legacy-unknown', 'kubernetes.io/legacy-unknown'],
]);

const HONOURED = [
  ...['allocate-node-cidrs', 'bind-address', 'cluster-cidr', 'cluster-signing-cert-file', 'cluster-signing-duration'],
  ...['cluster-signing-key-file', 'controllers', 'enable-garbage-collector', 'help', 'kubeconfig', 'leader-elect'],
  ...['leader-elect-lease-duration', 'leader-elect-renew-deadline', 'leader-elect-resource-name'],
  ...['leader-elect-resource-namespace', 'leader-elect-retry-period', 'master', 'node-cidr-mask-size'],
  ...['node-cidr-mask-size-ipv4', 'root-ca-file', 'secure-port', 'tls-cert-file', 'tls-private-key-file'],
  ...['service-account-private-key-file', 'use-service-account-credentials', 'version'],
  ...[...SIGNER_FLAGS.keys()].flatMap((name) => [
    `cluster-signing-${name}-cert-file`,
    `cluster-signing-${name}-key-file`,
  ]),
  ...CONCURRENCY.keys(),
];

const WITHOUT_EFFECT = [
  ...[
    'allow-metric-labels',
    'allow-metric-labels-manifest',
    'allow-untagged-cloud',
    'attach-detach-reconcile-sync-period',
  ],
  ...['authentication-kubeconfig', 'authentication-skip-lookup', 'authentication-token-webhook-cache-ttl'],
  ...['authentication-tolerate-lookup-failure', 'authorization-always-allow-paths', 'authorization-kubeconfig'],
  ...['authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl', 'cert-dir'],
  ...[
    'cidr-allocator-type',
    'client-ca-file',
    'cloud-config',
    'cloud-provider',
    'cluster-name',
    'concurrent-service-syncs',
  ],
  ...['configure-cloud-routes', 'contention-profiling', 'controller-shutdown-timeout', 'controller-start-interval'],
  ...['disable-attach-detach-reconcile-sync', 'disable-force-detach-on-timeout', 'disable-http2-serving'],
  ...['disabled-metrics', 'emulated-version', 'emulation-forward-compatible', 'enable-dynamic-provisioning'],
  ...['enable-hostpath-provisioner', 'enable-leader-migration', 'endpoint-updates-batch-period'],
  ...['endpointslice-updates-batch-period', 'external-cloud-volume-plugin', 'feature-gates', 'flex-volume-plugin-dir'],
  ...['horizontal-pod-autoscaler-cpu-initialization-period', 'horizontal-pod-autoscaler-downscale-stabilization'],
  ...['horizontal-pod-autoscaler-initial-readiness-delay', 'horizontal-pod-autoscaler-sync-period'],
  ...['horizontal-pod-autoscaler-tolerance', 'http2-max-streams-per-connection', 'kube-api-burst'],
  ...['kube-api-content-type', 'kube-api-qps', 'large-cluster-size-threshold', 'leader-elect-resource-lock'],
  ...['leader-migration-config', 'legacy-service-account-token-clean-up-period', 'log-flush-frequency'],
  ...['log-json-info-buffer-size', 'log-json-split-stream', 'log-text-info-buffer-size', 'log-text-split-stream'],
  ...['logging-format', 'max-endpoints-per-slice', 'min-compatibility-version', 'min-resync-period'],
  ...['mirroring-endpointslice-updates-batch-period', 'mirroring-max-endpoints-per-subset', 'namespace-sync-period'],
  ...['node-cidr-mask-size-ipv6', 'node-eviction-rate', 'node-monitor-grace-period', 'node-monitor-period'],
  ...['node-startup-grace-period', 'permit-address-sharing', 'permit-port-sharing', 'profiling'],
  ...['pv-recycler-increment-timeout-nfs', 'pv-recycler-minimum-timeout-hostpath', 'pv-recycler-minimum-timeout-nfs'],
  ...['pv-recycler-pod-template-filepath-hostpath', 'pv-recycler-pod-template-filepath-nfs'],
  ...['pv-recycler-timeout-increment-hostpath', 'pvclaimbinder-sync-period', 'requestheader-allowed-names'],
  ...['requestheader-client-ca-file', 'requestheader-extra-headers-prefix', 'requestheader-group-headers'],
  ...['requestheader-uid-headers', 'requestheader-username-headers', 'resource-quota-sync-period'],
  ...['route-reconciliation-period', 'secondary-node-eviction-rate'],
  ...['service-cluster-ip-range', 'show-hidden-metrics-for-version', 'terminated-pod-gc-threshold'],
  ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-min-version', 'tls-sni-cert-key', 'unhealthy-zone-threshold'],
  ...['v', 'vmodule'],
];

export const CONTROLLER_MANAGER: ProgramFlags = {
  program: 'kube-controller-manager',
  honoured: HONOURED,
  withoutEffect: WITHOUT_EFFECT,
  booleans: new Set([
    ...['allocate-node-cidrs', 'allow-untagged-cloud', 'authentication-skip-lookup'],
    ...['authentication-tolerate-lookup-failure', 'configure-cloud-routes', 'contention-profiling'],
    ...['disable-attach-detach-reconcile-sync', 'disable-force-detach-on-timeout', 'disable-http2-serving'],
    ...['emulation-forward-compatible', 'enable-dynamic-provisioning', 'enable-garbage-collector'],
    ...['enable-hostpath-provisioner', 'enable-leader-migration', 'help', 'leader-elect', 'log-json-split-stream'],
    ...['log-text-split-stream', 'permit-address-sharing', 'permit-port-sharing', 'profiling'],
    ...['service-account-private-key-file', 'use-service-account-credentials', 'version'],
  ]),
  help: [
    'All controllers of a Kubernetes cluster, by the flags of kube-controller-manager 1.36, for any API server.',
    '',
    'Examples:',
    '  kapella kube-controller-manager --kubeconfig controller-manager.conf --use-service-account-credentials',
    "  kapella kube-controller-manager --kubeconfig admin.conf --controllers '*,-job,bootstrapsigner'",
    '',
    'Names of controllers: docs/controllers.md.',
  ],
};

/** Keys in flight by controller, as far as flags say. */
export function concurrencyFlags(flags: FlagValues): ReadonlyMap<string, number> {
  const wanted = new Map<string, number>();
  for (const [flag, controllers] of CONCURRENCY) {
    const count = numberFlag(flags, flag);
    if (count !== undefined) for (const name of controllers) wanted.set(name, Math.max(1, Math.trunc(count)));
  }
  return wanted;
}
