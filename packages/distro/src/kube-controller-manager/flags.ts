/** The flags of upstream's kube-controller-manager 1.36: which are honoured, which change nothing here. */
import { CliError } from '@kapella/cli';
import type { Pace } from '@kapella/client';
import { type FlagValues, numberFlag, type ProgramFlags } from '../drop-in/flags.ts';
import { TUNING_FLAGS } from './tuning-flags.ts';

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
  ['concurrent-service-syncs', ['service-lb-controller']],
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

/** Refused with another value than these, since what they ask for is not here. */
const ONLY: ReadonlyMap<string, readonly string[]> = new Map([
  ['allow-untagged-cloud', ['false']],
  ['cloud-config', ['']],
  ['cloud-provider', ['', 'external']],
  ['external-cloud-volume-plugin', ['']],
  ['leader-elect-resource-lock', ['leases']],
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
  ...['authorization-always-allow-paths', 'kube-api-burst', 'kube-api-qps', 'node-cidr-mask-size-ipv6'],
  ...['service-cluster-ip-range', 'tls-min-version', ...ONLY.keys(), ...TUNING_FLAGS],
  ...CONCURRENCY.keys(),
];

const WITHOUT_EFFECT = [
  ...['allow-metric-labels', 'allow-metric-labels-manifest', 'attach-detach-reconcile-sync-period'],
  ...['authentication-kubeconfig', 'authentication-skip-lookup', 'authentication-token-webhook-cache-ttl'],
  ...['authentication-tolerate-lookup-failure', 'authorization-kubeconfig'],
  ...['authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl', 'cert-dir'],
  ...['cidr-allocator-type', 'client-ca-file', 'cluster-name', 'configure-cloud-routes', 'contention-profiling'],
  ...['controller-shutdown-timeout', 'controller-start-interval', 'disable-attach-detach-reconcile-sync'],
  ...['disable-http2-serving', 'disabled-metrics', 'emulated-version', 'emulation-forward-compatible'],
  ...['enable-hostpath-provisioner', 'enable-leader-migration', 'feature-gates', 'flex-volume-plugin-dir'],
  ...['http2-max-streams-per-connection', 'kube-api-content-type', 'leader-migration-config', 'log-flush-frequency'],
  ...['log-json-info-buffer-size', 'log-json-split-stream', 'log-text-info-buffer-size', 'log-text-split-stream'],
  ...['logging-format', 'min-compatibility-version', 'min-resync-period', 'permit-address-sharing'],
  ...['permit-port-sharing', 'profiling', 'pv-recycler-increment-timeout-nfs'],
  ...['pv-recycler-minimum-timeout-hostpath', 'pv-recycler-minimum-timeout-nfs'],
  ...['pv-recycler-pod-template-filepath-hostpath', 'pv-recycler-pod-template-filepath-nfs'],
  ...['pv-recycler-timeout-increment-hostpath', 'requestheader-allowed-names', 'requestheader-client-ca-file'],
  ...['requestheader-extra-headers-prefix', 'requestheader-group-headers', 'requestheader-uid-headers'],
  ...['requestheader-username-headers', 'show-hidden-metrics-for-version', 'tls-cipher-suites'],
  ...['tls-curve-preferences', 'tls-sni-cert-key', 'v', 'vmodule'],
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
    ...['use-service-account-credentials', 'version'],
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

/** Throws CliError Usage for what is asked for and not here: to run without it would be worse than not to run. */
export function refuseUnsupported(flags: FlagValues): void {
  for (const [flag, values] of ONLY) {
    const value = flags.get(flag);
    if (value === undefined || values.includes(value)) continue;
    const hint = `Leave it out${values.some((one) => one !== '') ? `, or give ${values.filter(Boolean).join(' or ')}` : ''}.`;
    throw new CliError('Usage', `--${flag}=${value} is not supported`, hint);
  }
}

/** Undefined: as fast as the API server lets it, where upstream's defaults are 20 a second and 30 at once. */
export function paceFlags(flags: FlagValues): Pace | undefined {
  const perSecond = numberFlag(flags, 'kube-api-qps');
  const burst = numberFlag(flags, 'kube-api-burst');
  if (perSecond === undefined || perSecond === 0) return undefined;
  return { perSecond, burst: Math.max(1, burst ?? perSecond) };
}
