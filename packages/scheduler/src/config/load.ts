/** Reads, defaults and checks a KubeSchedulerConfiguration. Source: kubernetes pkg/scheduler/apis/config/v1/defaults.go. */
import { parseYaml } from '@kapella/api';
import { describeError } from '@kapella/base';
import { ARGS_SHAPES, CONFIG_SHAPE, checkShape } from './shape.ts';
import { API_VERSION, ConfigError, DEFAULT_SCHEDULER, type ProfileConfig, type SchedulerConfig } from './types.ts';
import { validateConfig } from './validate.ts';

type Raw = Partial<SchedulerConfig> & { readonly apiVersion?: string; readonly kind?: string };

/** YAML or JSON. Throws ConfigError. */
export function loadConfig(text: string): SchedulerConfig {
  let raw: unknown;
  try {
    const { value, duplicates } = parseYaml(text);
    if (duplicates.length > 0) throw new ConfigError(`strict decoding error: ${duplicates.join(', ')}`);
    raw = value;
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError(describeError(error), { cause: error });
  }
  const problems: string[] = [];
  checkShape(raw ?? {}, CONFIG_SHAPE, '', problems);
  if (problems.length > 0) throw new ConfigError(`strict decoding error: ${problems.join(', ')}`);
  const { apiVersion, kind, ...fields } = (raw ?? {}) as Raw;
  if (kind !== 'KubeSchedulerConfiguration' || apiVersion !== API_VERSION) {
    const found = `${JSON.stringify(kind ?? '')} of ${JSON.stringify(apiVersion ?? '')}`;
    throw new ConfigError(`expected a KubeSchedulerConfiguration of ${API_VERSION}, found ${found}`);
  }
  checkArgs(fields.profiles ?? []);
  const config = withDefaults(fields);
  const errors = validateConfig(config);
  if (errors.any) throw new ConfigError(errors.list.map(({ field, message }) => `${field}: ${message}`).join('\n'));
  return config;
}

export function defaultConfig(): SchedulerConfig {
  return withDefaults({});
}

const DEFAULTS: SchedulerConfig = {
  parallelism: 16,
  percentageOfNodesToScore: 0,
  podInitialBackoffSeconds: 1,
  podMaxBackoffSeconds: 10,
  leaderElection: {
    leaderElect: true,
    leaseDuration: '15s',
    renewDeadline: '10s',
    retryPeriod: '2s',
    resourceLock: 'leases',
    resourceName: 'kube-scheduler',
    resourceNamespace: 'kube-system',
  },
  clientConnection: {},
  profiles: [{ schedulerName: DEFAULT_SCHEDULER }],
  extenders: [],
};

/** A profile without a name is the default one, as long as there is no other. */
function withDefaults(raw: Partial<SchedulerConfig>): SchedulerConfig {
  const config = {
    ...DEFAULTS,
    ...present(raw),
    leaderElection: { ...DEFAULTS.leaderElection, ...raw.leaderElection },
  };
  const { profiles } = config;
  if (profiles.length === 0) return { ...config, profiles: DEFAULTS.profiles };
  const [only] = profiles;
  if (profiles.length > 1 || only?.schedulerName !== undefined) return config;
  return { ...config, profiles: [{ ...only, schedulerName: DEFAULT_SCHEDULER }] };
}

/** A field without a value is as good as none. */
function present(raw: Partial<SchedulerConfig>): Partial<SchedulerConfig> {
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null && value !== undefined));
}

function checkArgs(profiles: readonly ProfileConfig[]): void {
  const problems: string[] = [];
  for (const [i, { pluginConfig = [] }] of profiles.entries()) {
    for (const [j, { name, args }] of pluginConfig.entries()) {
      const shape = ARGS_SHAPES.get(name);
      if (shape === undefined) continue;
      const at = `decoding .profiles[${i}].pluginConfig[${j}]: decoding args for plugin ${name}`;
      const { kind = `${name}Args`, apiVersion = API_VERSION } = (args ?? {}) as Raw;
      if (kind !== `${name}Args` || apiVersion !== API_VERSION) {
        problems.push(
          `${at}: args for plugin ${name} were not of type ${name}Args.kubescheduler.config.k8s.io, got ${kind}`,
        );
      }
      const found: string[] = [];
      checkShape(args, shape, '', found);
      problems.push(...found.map((problem) => `${at}: strict decoding error: ${problem}`));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join(', '));
}
