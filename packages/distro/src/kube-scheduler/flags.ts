/** The flags of upstream's kube-scheduler 1.36: which are honoured, which change nothing here. */
import { CliError, nearest } from '@kapella/cli';

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

const KNOWN: readonly string[] = [...HONOURED, ...WITHOUT_EFFECT];
const HELP = 'kube-scheduler --help lists the flags.';

/** The last value of each flag. */
export type SchedulerFlags = ReadonlyMap<string, string>;

/** `--flag=value`, `--flag value`, booleans also alone. Throws CliError Usage in upstream's words for unknown ones. */
export function parseSchedulerFlags(words: readonly string[]): SchedulerFlags {
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const { name, value } = readWord(words[i] as string);
    const needsNext = value === undefined && !BOOLEANS.has(name);
    if (needsNext && words[i + 1] === undefined) throw new CliError('Usage', `flag needs an argument: --${name}`, HELP);
    values.set(name, value ?? (needsNext ? (words[++i] as string) : 'true'));
  }
  return values;
}

function readWord(word: string): { readonly name: string; readonly value: string | undefined } {
  const match = /^-{1,2}([^=]+)(?:=([\s\S]*))?$/.exec(word);
  const name = match?.[1] ?? '';
  if (match === null) {
    throw new CliError('Usage', `unknown command ${JSON.stringify(word)} for "kube-scheduler"`, HELP);
  }
  if (KNOWN.includes(name)) return { name, value: match[2] };
  const near = nearest(name, [...KNOWN]);
  throw new CliError('Usage', `unknown flag: --${name}`, near === undefined ? HELP : `Did you mean --${near}?`);
}

/** Names of the given flags that change nothing here, sorted. */
export function idleSchedulerFlags(flags: SchedulerFlags): readonly string[] {
  return [...flags.keys()].filter((name) => WITHOUT_EFFECT.includes(name)).sort();
}

export function schedulerFlagsHelp(): string {
  const rows = (names: readonly string[]) => names.toSorted().map((name) => `  --${name}`);
  return [
    'A Kubernetes scheduler that takes the flags and the configuration of kube-scheduler 1.36, for any API server.',
    '',
    'Examples:',
    '  kapella kube-scheduler --kubeconfig scheduler.conf',
    '  kapella kube-scheduler --config scheduler.yaml --secure-port 10259',
    '',
    'Honoured:',
    ...rows(HONOURED),
    '',
    'Taken without effect:',
    ...rows(WITHOUT_EFFECT),
    '',
  ].join('\n');
}
