/** Where a cluster's objects are kept: the options of the store, by the names of upstream's flags where it has them. */
import { CliError } from './cli-error.ts';

/** Empty: not given. */
export interface StoreOptions {
  /** `lmdb`, `memory` or `etcd`. */
  readonly store: string;
  /** URLs, separated by commas. */
  readonly etcdEndpoints: string;
  readonly etcdCafile: string;
  readonly etcdCertfile: string;
  readonly etcdKeyfile: string;
  readonly etcdPrefix: string;
  readonly etcdUser: string;
  readonly etcdPasswordFile: string;
  /** Path of an EncryptionConfiguration. */
  readonly encryptionProviderConfig: string;
  /** `true` or `false`. */
  readonly encryptionProviderConfigAutomaticReload: string;
}

export const STORE_DEFAULTS: StoreOptions = {
  store: 'lmdb',
  etcdEndpoints: '',
  etcdCafile: '',
  etcdCertfile: '',
  etcdKeyfile: '',
  etcdPrefix: '/registry',
  etcdUser: '',
  etcdPasswordFile: '',
  encryptionProviderConfig: '',
  encryptionProviderConfigAutomaticReload: 'false',
};

/** Defaults where nothing was given. */
export function storeOptionsOf(given: Partial<Record<keyof StoreOptions, string>>): StoreOptions {
  const options: Record<keyof StoreOptions, string> = { ...STORE_DEFAULTS };
  for (const { field } of STORE_OPTION_SPECS) options[field] = given[field] ?? STORE_DEFAULTS[field];
  return options;
}

interface StoreOptionSpec {
  readonly field: keyof StoreOptions;
  readonly flag: string;
  readonly value: string;
  readonly help: string;
  check(value: string): string | undefined;
}

const STORES = ['lmdb', 'memory', 'etcd'];
const anything = () => undefined;
const file = (field: keyof StoreOptions, flag: string, help: string): StoreOptionSpec => ({
  ...{ field, flag, help },
  value: 'FILE',
  check: anything,
});

export const STORE_OPTION_SPECS: readonly StoreOptionSpec[] = [
  {
    field: 'store',
    flag: '--store',
    value: 'STORE',
    help: 'lmdb (a file of the cluster), memory, or etcd (default: lmdb)',
    check: (value) => (STORES.includes(value) ? undefined : `must be ${STORES.join(', ')}`),
  },
  {
    field: 'etcdEndpoints',
    flag: '--etcd-endpoints',
    value: 'URLS',
    help: 'client URLs of the etcd members, separated by commas; with --store etcd',
    check: (value) => (/\s/.test(value) ? 'must be URLs separated by commas, without blanks' : undefined),
  },
  file('etcdCafile', '--etcd-cafile', 'CA certificates that etcd servers are checked against'),
  file('etcdCertfile', '--etcd-certfile', 'client certificate for etcd'),
  file('etcdKeyfile', '--etcd-keyfile', 'private key of the client certificate'),
  {
    field: 'etcdPrefix',
    flag: '--etcd-prefix',
    value: 'PREFIX',
    help: 'begins the key of every object in etcd (default: /registry)',
    check: (value) => (/^\/?[^/\s]+(\/[^/\s]+)*\/?$/.test(value) ? undefined : 'must be a path such as /registry'),
  },
  {
    field: 'etcdUser',
    flag: '--etcd-user',
    value: 'NAME',
    help: 'user of etcd, where etcd has users',
    check: anything,
  },
  file('etcdPasswordFile', '--etcd-password-file', "file that holds the etcd user's password"),
  file(
    'encryptionProviderConfig',
    '--encryption-provider-config',
    'EncryptionConfiguration: which resources are encrypted at rest, and how',
  ),
  {
    field: 'encryptionProviderConfigAutomaticReload',
    flag: '--encryption-provider-config-automatic-reload',
    value: 'BOOL',
    help: 'true: read that file again when it changes (default: false)',
    check: (value) => (value === 'true' || value === 'false' ? undefined : 'must be true or false'),
  },
];

/** Fields that name files: relative ones are meant from where the command was given. */
export const STORE_FILE_FIELDS = [
  'etcdCafile',
  'etcdCertfile',
  'etcdKeyfile',
  'etcdPasswordFile',
  'encryptionProviderConfig',
] as const;

/** Throws CliError Usage for options that do not go together. */
export function checkStoreOptions(options: StoreOptions): void {
  const isEtcd = options.store === 'etcd';
  if (isEtcd && options.etcdEndpoints === '') {
    throw new CliError('Usage', '--store etcd needs --etcd-endpoints', 'Give --etcd-endpoints https://HOST:2379.');
  }
  if (!isEtcd && options.etcdEndpoints !== '') {
    throw new CliError('Usage', `--etcd-endpoints goes with --store etcd, not ${options.store}`, 'Give --store etcd.');
  }
  if ((options.etcdCertfile === '') !== (options.etcdKeyfile === '')) {
    throw new CliError('Usage', '--etcd-certfile and --etcd-keyfile go together', 'Give both or neither.');
  }
  if ((options.etcdUser === '') !== (options.etcdPasswordFile === '')) {
    throw new CliError('Usage', '--etcd-user and --etcd-password-file go together', 'Give both or neither.');
  }
}
