/** The flags of upstream's kube-apiserver 1.36: which are honoured, which change nothing here, which are refused. */
import { CliError, nearest } from '@kapella/cli';

/** Flags by name, each with all of its values in order. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/** --audit-*: where events go, and how. */
const AUDIT = [
  ...['log', 'webhook'].flatMap((backend) =>
    [
      ...['mode', 'version', 'batch-buffer-size', 'batch-max-size', 'batch-max-wait', 'batch-throttle-burst'],
      ...['batch-throttle-enable', 'batch-throttle-qps', 'truncate-enabled', 'truncate-max-batch-size'],
      'truncate-max-event-size',
    ].map((name) => `audit-${backend}-${name}`),
  ),
  ...['compress', 'format', 'maxage', 'maxbackup', 'maxsize', 'path'].map((name) => `audit-log-${name}`),
  ...['audit-policy-file', 'audit-webhook-config-file', 'audit-webhook-initial-backoff'],
];

/** What may run at once, for how long, and how it ends. */
const LIMITS = [
  'feature-gates',
  ...['enable-priority-and-fairness', 'event-ttl', 'goaway-chance', 'http2-max-streams-per-connection'],
  ...['max-mutating-requests-inflight', 'max-requests-inflight', 'min-request-timeout', 'profiling'],
  ...['request-timeout', 'shutdown-delay-duration', 'shutdown-send-retry-after'],
];

/** Flags that `kapella server` takes too, from a file. */
export const GUARD_FLAGS: readonly string[] = [...AUDIT, ...LIMITS];

const HONOURED = [
  ...GUARD_FLAGS,
  ...['advertise-address', 'allow-privileged', 'anonymous-auth', 'api-audiences', 'authorization-mode', 'bind-address'],
  ...['encryption-provider-config', 'encryption-provider-config-automatic-reload'],
  ...['etcd-cafile', 'etcd-certfile', 'etcd-keyfile', 'etcd-prefix'],
  ...['cert-dir', 'client-ca-file', 'disable-admission-plugins', 'enable-admission-plugins', 'etcd-servers', 'help'],
  ...[
    'kubelet-certificate-authority',
    'kubelet-client-certificate',
    'kubelet-client-key',
    'requestheader-client-ca-file',
  ],
  ...['secure-port', 'service-account-issuer', 'service-account-key-file', 'service-account-signing-key-file'],
  ...[
    'authorization-config',
    'authorization-policy-file',
    'authorization-webhook-cache-authorized-ttl',
    'authorization-webhook-cache-unauthorized-ttl',
    'authorization-webhook-config-file',
    'authorization-webhook-version',
    'authentication-config',
    'requestheader-allowed-names',
    'requestheader-extra-headers-prefix',
    'requestheader-group-headers',
    'requestheader-uid-headers',
    'requestheader-username-headers',
    'authentication-token-webhook-cache-ttl',
    'authentication-token-webhook-config-file',
    'authentication-token-webhook-version',
    'enable-bootstrap-token-auth',
    'oidc-ca-file',
    'oidc-client-id',
    'oidc-groups-claim',
    'oidc-groups-prefix',
    'oidc-issuer-url',
    'oidc-required-claim',
    'oidc-signing-algs',
    'oidc-username-claim',
    'oidc-username-prefix',
    'service-account-extend-token-expiration',
    'service-account-max-token-expiration',
    'service-account-jwks-uri',
  ],
  ...['proxy-client-cert-file', 'proxy-client-key-file'],
  ...['service-cluster-ip-range', 'tls-cert-file', 'tls-private-key-file', 'token-auth-file', 'v', 'version'],
];

/** Tuning of what is built otherwise here, or of what is always so. */
const WITHOUT_EFFECT = [
  ...[
    'admission-control',
    'aggregator-reject-forwarding-redirect',
    'allow-metric-labels',
    'allow-metric-labels-manifest',
  ],
  ...['contention-profiling', 'coordinated-leadership-lease-duration', 'coordinated-leadership-renew-deadline'],
  ...['coordinated-leadership-retry-period', 'cors-allowed-origins', 'debug-socket-path', 'delete-collection-workers'],
  ...['default-not-ready-toleration-seconds', 'default-unreachable-toleration-seconds', 'disable-http2-serving'],
  ...['disabled-metrics', 'emulated-version', 'emulation-forward-compatible', 'enable-aggregator-routing'],
  ...['enable-garbage-collector', 'enable-logs-handler'],
  ...['endpoint-reconciler-type', 'etcd-compaction-interval'],
  ...[
    'etcd-count-metric-poll-period',
    'etcd-db-metric-poll-interval',
    'etcd-healthcheck-timeout',
    'etcd-readycheck-timeout',
  ],
  ...['etcd-servers-overrides', 'external-hostname'],
  ...['kubelet-preferred-address-types', 'kubelet-timeout', 'kubernetes-service-node-port'],
  ...['lease-reuse-duration-seconds', 'livez-grace-period', 'log-flush-frequency', 'log-json-info-buffer-size'],
  ...['log-json-split-stream', 'log-text-info-buffer-size', 'log-text-split-stream', 'logging-format'],
  ...['max-connection-bytes-per-sec', 'min-compatibility-version'],
  ...['peer-advertise-ip', 'peer-advertise-port', 'peer-ca-file', 'permit-address-sharing'],
  ...['permit-port-sharing'],
  ...['runtime-config'],
  ...['runtime-config-emulation-forward-compatible', 'service-account-lookup'],
  ...['service-node-port-range', 'show-hidden-metrics-for-version'],
  ...['shutdown-watch-termination-grace-period', 'storage-backend'],
  ...[
    'storage-initialization-timeout',
    'storage-media-type',
    'strict-transport-security-directives',
    'tls-cipher-suites',
  ],
  ...['tls-curve-preferences', 'tls-min-version', 'tls-sni-cert-key', 'tracing-config-file', 'vmodule', 'watch-cache'],
  ...['watch-cache-sizes'],
];

/** Ignoring these would leave a server less guarded than its administrator believes. */
const REFUSED = [
  ...['admission-control-config-file'],
  ...['egress-selector-config-file', 'service-account-signing-endpoint'],
];

const BOOLEANS = new Set([
  ...['aggregator-reject-forwarding-redirect', 'allow-privileged', 'anonymous-auth', 'contention-profiling'],
  ...[
    'disable-http2-serving',
    'emulation-forward-compatible',
    'enable-aggregator-routing',
    'enable-bootstrap-token-auth',
  ],
  ...[
    'enable-garbage-collector',
    'enable-logs-handler',
    'enable-priority-and-fairness',
    'help',
    'log-json-split-stream',
  ],
  ...['log-text-split-stream', 'permit-address-sharing', 'permit-port-sharing', 'profiling', 'service-account-lookup'],
  ...[
    'runtime-config-emulation-forward-compatible',
    'service-account-extend-token-expiration',
    'shutdown-send-retry-after',
  ],
  ...['version', 'watch-cache', 'encryption-provider-config-automatic-reload', 'audit-log-compress'],
  ...['audit-log-truncate-enabled', 'audit-webhook-truncate-enabled', 'audit-log-batch-throttle-enable'],
  ...['audit-webhook-batch-throttle-enable'],
]);

const KNOWN = new Set([...HONOURED, ...WITHOUT_EFFECT, ...REFUSED]);

/** `--flag=value`, `--flag value`, booleans also alone. Throws CliError Usage in upstream's words for unknown ones. */
export function parseFlags(words: readonly string[]): FlagValues {
  const values = new Map<string, string[]>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const match = /^-{1,2}([^=]+)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1] ?? '';
    if (match === null)
      throw new CliError('Usage', `unknown command ${JSON.stringify(word)} for "kube-apiserver"`, HELP);
    if (!KNOWN.has(name)) throw new CliError('Usage', `unknown flag: --${name}`, suggestion(name));
    if (REFUSED.includes(name)) {
      throw new CliError(
        'Usage',
        `--${name} is not served by Kapella yet`,
        'Leave it out: it guards, so it is not ignored.',
      );
    }
    const isAlone = match[2] === undefined;
    if (isAlone && !BOOLEANS.has(name) && words[i + 1] === undefined) {
      throw new CliError('Usage', `flag needs an argument: --${name}`, HELP);
    }
    const value = match[2] ?? (BOOLEANS.has(name) ? 'true' : (words[++i] as string));
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return values;
}

const HELP = 'kube-apiserver --help lists the flags.';

function suggestion(name: string): string {
  const near = nearest(name, [...KNOWN]);
  return near === undefined ? HELP : `Did you mean --${near}?`;
}

/** Names of the given flags that change nothing here, sorted. */
export function idleFlags(values: FlagValues): readonly string[] {
  return [...values.keys()].filter((name) => WITHOUT_EFFECT.includes(name)).sort();
}

export function flagsHelp(): string {
  const rows = (names: readonly string[]) => names.toSorted().map((name) => `  --${name}`);
  return [
    'A Kubernetes API server that takes the flags of kube-apiserver 1.36. Its objects are in etcd: a real one, or what\n' +
      '`kapella envtest` puts in its place.',
    '',
    'Examples:',
    '  export KUBEBUILDER_ASSETS="$(kapella envtest --print-path)"; go test ./...',
    '',
    'Honoured:',
    ...rows(HONOURED),
    '',
    'Taken without effect:',
    ...rows(WITHOUT_EFFECT),
    '',
    'Refused, since they guard and are not built yet:',
    ...rows(REFUSED),
    '',
  ].join('\n');
}

/** The last value wins, as in upstream's flags of one value. */
export function last(values: FlagValues, name: string): string | undefined {
  return values.get(name)?.at(-1);
}

/** All values of a list flag, separated by commas or given several times. */
export function list(values: FlagValues, name: string): readonly string[] {
  return (values.get(name) ?? [])
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}
