/** What is remembered of a cluster under `<data-dir>/cluster.json`, so that its name alone finds it again. */
import {
  AUTH_DEFAULTS,
  type ClusterOptions,
  COMPONENT_DEFAULTS,
  type GivenOptions,
  OPTION_SPECS,
  RESOLV_CONF,
  STORE_DEFAULTS,
} from '@kapella/cli';

export interface ClusterRecord {
  readonly options: ClusterOptions;
  /** Entries of the data directory that were there before and are not Kapella's: `reset` leaves them. */
  readonly keep: readonly string[];
  /** The user's kubeconfig into which the context was merged. */
  readonly mergedInto?: string;
}

export const RECORD_FILE = 'cluster.json';
/** Where clusters are found by name: the default data directory, or a link to the one that was chosen. */
export const REGISTRY_DIR = '/var/lib/kapella';

/** Undefined when the text is none of ours. */
export function parseRecord(text: string | undefined): ClusterRecord | undefined {
  if (text === undefined) return undefined;
  let value: Partial<Omit<ClusterRecord, 'options'>> & { readonly options?: Partial<ClusterOptions> };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  if (value?.options === undefined) return undefined;
  // An option that did not exist when the cluster was made has its default.
  const options: Partial<ClusterOptions> = {
    resolvConf: RESOLV_CONF,
    schedulerConfig: '',
    kubeletConfig: '',
    nodes: 1,
    podNetwork: 'routes',
    ...COMPONENT_DEFAULTS,
    ...STORE_DEFAULTS,
    ...AUTH_DEFAULTS,
    ...value.options,
  };
  if (OPTION_SPECS.some(({ field }) => options[field] === undefined)) return undefined;
  return { keep: [], ...value, options: options as ClusterOptions };
}

export const formatRecord = (record: ClusterRecord): string => `${JSON.stringify(record, undefined, 2)}\n`;

/** Options as they would be typed. */
export function toGiven(options: ClusterOptions): GivenOptions {
  const given = OPTION_SPECS.filter(({ field }) => options[field] !== '').map(({ field }) => [
    field,
    String(options[field]),
  ]);
  return Object.fromEntries(given) as GivenOptions;
}

/** `--name x --data-dir …`: every option, for the processes of the cluster. */
export function optionWords(options: ClusterOptions): string[] {
  return OPTION_SPECS.filter(({ field }) => options[field] !== '').flatMap(({ field, flag }) => [
    flag,
    String(options[field]),
  ]);
}

/** Address for clients on this machine. */
export function apiServerUrl({ bindAddress, apiPort }: ClusterOptions): string {
  return `https://${bindAddress === '0.0.0.0' ? '127.0.0.1' : bindAddress}:${apiPort}`;
}
