/** apiserver.config.k8s.io/v1 EncryptionConfiguration. Source: apiserver/pkg/apis/apiserver/validation/validation_encryption.go. */
import { FieldErrors } from '@kapella/base';

export interface NamedKey {
  readonly name: string;
  /** base64. Never shown. */
  readonly secret: string;
}

export interface KmsConfiguration {
  readonly apiVersion: 'v2';
  readonly name: string;
  /** `unix:///run/kms.sock` */
  readonly endpoint: string;
  readonly timeoutMs: number;
}

export type Provider =
  | { readonly kind: 'identity' }
  | { readonly kind: 'aesgcm' | 'aescbc' | 'secretbox'; readonly keys: readonly NamedKey[] }
  | { readonly kind: 'kms'; readonly kms: KmsConfiguration };

export interface ResourceRule {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*`. */
  readonly resources: readonly string[];
  /** The first writes, all read. */
  readonly providers: readonly Provider[];
}

export interface EncryptionConfiguration {
  readonly rules: readonly ResourceRule[];
}

export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

const API_VERSIONS = ['apiserver.config.k8s.io/v1'];
const PROVIDERS = ['aesgcm', 'aescbc', 'secretbox', 'kms', 'identity'] as const;
const KEY_SIZES = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const;
const KMS_TIMEOUT_MS = 3_000;
const NO_REST = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

type Raw = Readonly<Record<string, unknown>>;

/** `value`: the decoded file. Throws Error with every fault and its place; secrets are not shown. */
export function parseEncryptionConfiguration(value: unknown): EncryptionConfiguration {
  const errors = new FieldErrors();
  const root = mapOf(value, '', ['apiVersion', 'kind', 'metadata', 'resources'], errors);
  if (!API_VERSIONS.includes(String(root['apiVersion'])) || root['kind'] !== 'EncryptionConfiguration') {
    throw new Error('the file must be of apiVersion apiserver.config.k8s.io/v1 and kind EncryptionConfiguration');
  }
  const entries = listOf(root['resources'], 'resources', errors);
  if (entries.length === 0) errors.required('resources', 'at least one resources is required');
  const kmsNames = new Set<string>();
  const rules = entries.map((entry, i) => parseRule(entry, `resources[${i}]`, kmsNames, errors));
  checkMasks(rules, errors);
  if (errors.any) throw new Error(errors.list.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return { rules };
}

function parseRule(value: unknown, path: string, kmsNames: Set<string>, errors: FieldErrors): ResourceRule {
  const rule = mapOf(value, path, ['resources', 'providers'], errors);
  const resources = listOf(rule['resources'], `${path}.resources`, errors).map(String);
  if (resources.length === 0) errors.required(`${path}.resources`, `at least one ${path}.resources is required`);
  checkOverlap(resources, `${path}.resources`, errors);
  for (const [i, name] of resources.entries()) checkResource(name, `${path}.resources[${i}]`, errors);
  const given = listOf(rule['providers'], `${path}.providers`, errors);
  if (given.length === 0) errors.required(`${path}.providers`, `at least one ${path}.providers is required`);
  const providers = given
    .map((provider, i) => parseProvider(provider, `${path}.providers[${i}]`, kmsNames, errors))
    .filter((provider) => provider !== undefined);
  return { resources, providers };
}

function checkOverlap(names: readonly string[], path: string, errors: FieldErrors): void {
  const all = names.map(parseGroupResource);
  if (new Set(names).size < names.length) {
    errors.invalid(path, names, 'the same resource cannot be specified multiple times');
  }
  const overlaps = all.some((one, i) =>
    all.some((other, j) => {
      if (i === j || (one.group === other.group && one.resource === other.resource)) return false;
      if (one.group === '*' && one.resource === '*') return true;
      return one.group === other.group && (one.resource === '*' || other.resource === '*');
    }),
  );
  if (!overlaps) return;
  const why =
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
  errors.invalid(path, names, why);
}

function checkResource(name: string, path: string, errors: FieldErrors): void {
  const { group, resource } = parseGroupResource(name);
  const why = resourceFault(name, group, resource);
  if (why !== undefined) errors.invalid(path, name, why);
}

function resourceFault(name: string, group: string, resource: string): string | undefined {
  if (name.toLowerCase() !== name) return 'resource name should not contain capital letters';
  if (name === '*') return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (NO_REST.includes(name)) return 'resources which do not have REST API/s cannot be encrypted';
  if (group === 'events.k8s.io') {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  }
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption";
  if (group === '*' && resource !== '*') return 'encrypting the same resource across groups is not supported';
  return undefined;
}

/** What an earlier wildcard already covers would never be looked at. */
function checkMasks(rules: readonly ResourceRule[], errors: FieldErrors): void {
  const earlier = new Set<string>();
  for (const [i, { resources }] of rules.entries()) {
    for (const name of resources) {
      const { group } = parseGroupResource(name);
      const mask = [`*.${group}`, '*.*'].find((wildcard) => earlier.has(wildcard));
      if (mask !== undefined)
        errors.invalid(`resources[${i}].resources`, name, `masked by earlier rule ${JSON.stringify(mask)}`);
    }
    for (const name of resources) earlier.add(name);
  }
}

function parseProvider(value: unknown, path: string, kmsNames: Set<string>, errors: FieldErrors): Provider | undefined {
  const given = mapOf(value, path, PROVIDERS, errors);
  const kinds = PROVIDERS.filter((kind) => given[kind] !== undefined && given[kind] !== null);
  const [kind] = kinds;
  if (kind === undefined) {
    const why = 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity';
    errors.required(path, why);
    return undefined;
  }
  if (kinds.length > 1) {
    const why = 'more than one provider specified in a single element, should split into different list elements';
    errors.invalid(path, kinds, why);
    return undefined;
  }
  if (kind === 'identity') return { kind };
  if (kind === 'kms') return parseKms(given[kind], `${path}.kms`, kmsNames, errors);
  const { keys } = mapOf(given[kind], `${path}.${kind}`, ['keys'], errors);
  const rows = listOf(keys, `${path}.${kind}.keys`, errors);
  if (rows.length === 0) errors.required(`${path}.${kind}.keys`, 'at least one keys is required');
  return { kind, keys: rows.map((row, i) => parseKey(row, `${path}.${kind}.keys[${i}]`, KEY_SIZES[kind], errors)) };
}

function parseKey(value: unknown, path: string, sizes: readonly number[], errors: FieldErrors): NamedKey {
  const key = mapOf(value, path, ['name', 'secret'], errors);
  const [name, secret] = [String(key['name'] ?? ''), String(key['secret'] ?? '')];
  if (name === '') errors.required(`${path}.name`, 'name is a mandatory field for a key');
  if (secret === '') {
    errors.required(`${path}.secret`, 'secret is a mandatory field for a key');
    return { name, secret };
  }
  const length = base64Length(secret);
  if (length === undefined) errors.invalid(`${path}.secret`, 'REDACTED', 'secrets must be base64 encoded');
  else if (!sizes.includes(length)) {
    const why = `secret is not of the expected length, got ${length}, expected one of [${sizes.join(' ')}]`;
    errors.invalid(`${path}.secret`, 'REDACTED', why);
  }
  return { name, secret };
}

function base64Length(text: string): number | undefined {
  try {
    return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? atob(text).length : undefined;
  } catch {
    return undefined;
  }
}

function parseKms(value: unknown, path: string, names: Set<string>, errors: FieldErrors): Provider | undefined {
  const given = mapOf(value, path, ['apiVersion', 'name', 'cachesize', 'endpoint', 'timeout'], errors);
  const { apiVersion = 'v1', name = '', endpoint = '', timeout } = given as Record<string, string | undefined>;
  if (apiVersion === 'v1') {
    errors.forbidden(`${path}.apiVersion`, 'KMSv1 is deprecated and switched off, as in upstream: use v2');
    return undefined;
  }
  if (apiVersion !== 'v2') {
    const why = `unsupported apiVersion ${apiVersion} for KMS provider, only v1 and v2 are supported`;
    errors.invalid(`${path}.apiVersion`, apiVersion, why);
  }
  if (name === '') errors.required(`${path}.name`, 'name is a mandatory field for a provider');
  if (name.includes(':'))
    errors.invalid(`${path}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`);
  if (names.has(name))
    errors.invalid(`${path}.name`, name, `duplicate KMS provider name ${name}, names must be unique`);
  names.add(name);
  if (given['cachesize'] !== undefined)
    errors.invalid(`${path}.cachesize`, given['cachesize'], 'cachesize is not supported in v2');
  checkEndpoint(endpoint, `${path}.endpoint`, errors);
  const timeoutMs = timeout === undefined ? KMS_TIMEOUT_MS : durationMs(String(timeout));
  if (timeoutMs === undefined || timeoutMs <= 0)
    errors.invalid(`${path}.timeout`, timeout, 'timeout should be a positive value');
  return { kind: 'kms', kms: { apiVersion: 'v2', name, endpoint, timeoutMs: timeoutMs ?? KMS_TIMEOUT_MS } };
}

function checkEndpoint(endpoint: string, path: string, errors: FieldErrors): void {
  const scheme = /^([a-zA-Z][\w+.-]*):/.exec(endpoint)?.[1] ?? '';
  if (endpoint === '') errors.required(path, 'endpoint is a mandatory field for a kms');
  else if (scheme !== 'unix') {
    errors.invalid(path, endpoint, `unsupported scheme "${scheme}" for KMS provider, only unix is supported`);
  }
}

/** Go's durations: `3s`, `1m30s`. */
function durationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    total += Number(number) * (UNITS[unit as string] as number);
  return total;
}

/** `deployments.apps`; what has no dot is of the core group. */
export function parseGroupResource(text: string): GroupResource {
  const dot = text.indexOf('.');
  return dot < 0 ? { group: '', resource: text } : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

function mapOf(value: unknown, path: string, known: readonly string[], errors: FieldErrors): Raw {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    errors.invalid(path === '' ? '<root>' : path, value === undefined ? null : typeof value, 'must be a mapping');
    return {};
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) errors.invalid(path === '' ? key : `${path}.${key}`, key, 'unknown field');
  }
  return value as Raw;
}

function listOf(value: unknown, path: string, errors: FieldErrors): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  errors.invalid(path, typeof value, 'must be a list');
  return [];
}
