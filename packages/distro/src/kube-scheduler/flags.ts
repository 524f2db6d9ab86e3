/** The flags of upstream's kube-scheduler 1.36: which are honoured, which change nothing here. */
import { type FlagValues, idleFlags, parseProgramFlags, type ProgramFlags, programHelp } from '../drop-in/flags.ts';

const HONOURED = [
  ...['bind-address', 'cert-dir', 'config', 'help', 'kubeconfig', 'leader-elect', 'leader-elect-lease-duration'],
  ...['leader-elect-renew-deadline', 'leader-elect-resource-name', 'leader-elect-resource-namespace'],
  ...['leader-elect-retry-period', 'master', 'secure-port', 'tls-cert-file', 'tls-private-key-file', 'version'],
];

/** Tuning of what is built otherwise here, or of what is always so. */
const WITHOUT_EFFECT = [
  ...['allow-metric-labels', 'allow-metric-labels-manifest', 'authentication-kubeconfig'],
  ...['authentication-skip-lookup', 'authentication-token-webhook-cache-ttl', 'authentication-tolerate-lookup-failure'],
  ...['authorization-always-allow-paths', 'authorization-kubeconfig', 'authorization-webhook-cache-authorized-ttl'],
  ...[
    'authorization-webhook-cache-unauthorized-ttl',
    'client-ca-file',
    'contention-profiling',
    'disable-http2-serving',
  ],
  ...['disabled-metrics', 'emulated-version', 'feature-gates', 'http2-max-streams-per-connection', 'kube-api-burst'],
  ...['kube-api-content-type', 'kube-api-qps', 'leader-elect-resource-lock', 'log-flush-frequency'],
  ...['log-json-info-buffer-size', 'log-json-split-stream', 'log-text-info-buffer-size', 'log-text-split-stream'],
  ...['logging-format', 'min-compatibility-version', 'permit-address-sharing', 'permit-port-sharing'],
  ...['pod-max-in-unschedulable-pods-duration', 'profiling', 'requestheader-allowed-names'],
  ...['requestheader-client-ca-file', 'requestheader-extra-headers-prefix', 'requestheader-group-headers'],
  ...['requestheader-uid-headers', 'requestheader-username-headers', 'show-hidden-metrics-for-version'],
  ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-min-version', 'tls-sni-cert-key', 'v', 'vmodule'],
  'write-config-to',
];

const BOOLEANS = new Set([
  ...['authentication-skip-lookup', 'authentication-tolerate-lookup-failure', 'contention-profiling'],
  ...['disable-http2-serving', 'help', 'leader-elect', 'log-json-split-stream', 'log-text-split-stream'],
  ...['permit-address-sharing', 'permit-port-sharing', 'profiling', 'version'],
]);

const SCHEDULER: ProgramFlags = {
  program: 'kube-scheduler',
  honoured: HONOURED,
  withoutEffect: WITHOUT_EFFECT,
  booleans: BOOLEANS,
  help: [
    'A Kubernetes scheduler that takes the flags and the configuration of kube-scheduler 1.36, for any API server.',
    '',
    'Examples:',
    '  kapella kube-scheduler --kubeconfig scheduler.conf',
    '  kapella kube-scheduler --config scheduler.yaml --secure-port 10259',
  ],
};

export type SchedulerFlags = FlagValues;

export const parseSchedulerFlags = (words: readonly string[]): SchedulerFlags => parseProgramFlags(SCHEDULER, words);
export const idleSchedulerFlags = (flags: SchedulerFlags): readonly string[] => idleFlags(SCHEDULER, flags);
export const schedulerFlagsHelp = (): string => programHelp(SCHEDULER);
