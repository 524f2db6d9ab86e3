/** Environment variables and what they may refer to. Source: kubernetes pkg/apis/core/validation, ValidateEnv. */
import { nameIsDnsSubdomain, validateConfigMapKey, validateRelaxedEnvVarName } from '@kapella/api';
import type {
  EnvFromSource,
  EnvVar,
  FileKeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsLabel, checkQualifiedName } from './basic.ts';
import { checkNoBacksteps } from './paths.ts';

export const ENV_FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const VOLUME_FIELD_PATHS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const KNOWN_FIELD_PATHS = new Set([
  ...ENV_FIELD_PATHS,
  ...VOLUME_FIELD_PATHS,
  'spec.restartPolicy',
  'spec.schedulerName',
]);
const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function checkEnv(env: readonly EnvVar[], errors: FieldErrors, field: string): void {
  for (const [i, variable] of env.entries()) {
    const at = `${field}[${i}]`;
    if (!variable.name) errors.required(`${at}.name`);
    else addInvalid(errors, `${at}.name`, variable.name, validateRelaxedEnvVarName(variable.name));
    checkValueFrom(variable, errors, `${at}.valueFrom`);
  }
}

function checkValueFrom({ value, valueFrom }: EnvVar, errors: FieldErrors, field: string): void {
  if (valueFrom === undefined) return;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) checkFieldRef(fieldRef, ENV_FIELD_PATHS, errors, `${field}.fieldRef`);
  if (resourceFieldRef !== undefined) checkResourceRef(resourceFieldRef, false, errors, `${field}.resourceFieldRef`);
  if (configMapKeyRef !== undefined) checkKeyRef(configMapKeyRef, errors, `${field}.configMapKeyRef`);
  if (secretKeyRef !== undefined) checkKeyRef(secretKeyRef, errors, `${field}.secretKeyRef`);
  if (fileKeyRef !== undefined) checkFileKeyRef(fileKeyRef, errors, `${field}.fileKeyRef`);
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef];
  const count = sources.filter((source) => source !== undefined).length;
  if (count === 0) {
    const names = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.invalid(field, '', `must specify one of: ${names}`);
  } else if (value) errors.invalid(field, '', 'may not be specified when `value` is not empty');
  else if (count > 1) errors.invalid(field, '', 'may not have more than one field specified at a time');
}

const SUBSCRIPT = /^(.+)\['(.+)'\]$/;

export function checkFieldRef(
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  allowed: readonly string[],
  errors: FieldErrors,
  field: string,
): void {
  if (apiVersion === '') errors.required(`${field}.apiVersion`);
  if (fieldPath === '') {
    errors.required(`${field}.fieldPath`);
    return;
  }
  const match = SUBSCRIPT.exec(fieldPath);
  const path = match?.[1] ?? fieldPath;
  if (apiVersion !== '' && apiVersion !== 'v1') {
    const why = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    errors.invalid(`${field}.fieldPath`, fieldPath, why);
  } else if (match !== null && path === 'metadata.annotations') {
    checkQualifiedName((match[2] ?? '').toLowerCase(), errors, field);
  } else if (match !== null && path === 'metadata.labels') {
    checkQualifiedName(match[2] ?? '', errors, field);
  } else if (match !== null) {
    errors.invalid(
      `${field}.fieldPath`,
      fieldPath,
      'error converting fieldPath: field label does not support subscript',
    );
  } else if (!KNOWN_FIELD_PATHS.has(path)) {
    const why = `error converting fieldPath: field label not supported: ${path}`;
    errors.invalid(`${field}.fieldPath`, fieldPath, why);
  } else if (!allowed.includes(path)) {
    errors.notSupported(`${field}.fieldPath`, path, [...allowed].sort());
  }
}

export function checkResourceRef(
  { containerName, resource = '', divisor }: Partial<ResourceFieldSelector>,
  inVolume: boolean,
  errors: FieldErrors,
  field: string,
): void {
  const huge = isHugePages(resource);
  if (inVolume && !containerName) errors.required(`${field}.containerName`);
  else if (resource === '') errors.required(`${field}.resource`);
  else if (!RESOURCES.includes(resource) && !huge) errors.notSupported(`${field}.resource`, resource, RESOURCES);
  if (divisor === undefined || divisor === '0' || divisor === '') return;
  const rule = DIVISOR_RULES.find(({ applies }) => applies(resource));
  if (rule === undefined || rule.values.includes(divisor)) return;
  const why = `only divisor's values ${rule.told} are supported with the ${rule.what} resource`;
  errors.invalid(`${field}.divisor`, resource, why);
}

const CPU_DIVISORS = ['1m', '1'];
const isHugePages = (resource: string) =>
  resource.startsWith('requests.hugepages-') || resource.startsWith('limits.hugepages-');

interface DivisorRule {
  readonly applies: (resource: string) => boolean;
  readonly values: readonly string[];
  /** The values as clients read them. */
  readonly told: string;
  readonly what: string;
}

const byteRule = (what: string, applies: DivisorRule['applies']): DivisorRule => ({
  applies,
  values: BYTE_DIVISORS,
  told: BYTE_DIVISORS.join(', '),
  what,
});

/** The first that applies. */
const DIVISOR_RULES: readonly DivisorRule[] = [
  { applies: (resource) => resource.endsWith('.cpu'), values: CPU_DIVISORS, told: '1m and 1', what: 'cpu' },
  byteRule('memory', (resource) => resource.endsWith('.memory')),
  byteRule('local ephemeral storage', (resource) => resource.endsWith('.ephemeral-storage')),
  byteRule('hugepages', isHugePages),
];

function checkKeyRef({ name = '', key }: { name?: string; key: string }, errors: FieldErrors, field: string): void {
  addInvalid(errors, `${field}.name`, name, nameIsDnsSubdomain(name, false));
  if (!key) errors.required(`${field}.key`);
  else addInvalid(errors, `${field}.key`, key, validateConfigMapKey(key));
}

function checkFileKeyRef({ key, volumeName, path }: FileKeySelector, errors: FieldErrors, field: string): void {
  if (!key) errors.required(`${field}.key`);
  else addInvalid(errors, `${field}.key`, key, validateRelaxedEnvVarName(key));
  if (!volumeName) errors.required(`${field}.volumeName`);
  else checkDnsLabel(volumeName, errors, `${field}.volumeName`);
  if (!path) errors.required(`${field}.path`);
  else checkNoBacksteps(path, errors, `${field}.path`);
}

function checkSourceName(name: string | undefined, errors: FieldErrors, field: string): void {
  if (!name) errors.required(field);
  else addInvalid(errors, field, name, nameIsDnsSubdomain(name, true));
}

export function checkEnvFrom(sources: readonly EnvFromSource[], errors: FieldErrors, field: string): void {
  for (const [i, { prefix, configMapRef, secretRef }] of sources.entries()) {
    const at = `${field}[${i}]`;
    if (prefix) addInvalid(errors, `${at}.prefix`, prefix, validateRelaxedEnvVarName(prefix));
    if (configMapRef !== undefined) checkSourceName(configMapRef.name, errors, `${at}.configMapRef.name`);
    if (secretRef !== undefined) checkSourceName(secretRef.name, errors, `${at}.secretRef.name`);
    if (configMapRef === undefined && secretRef === undefined) {
      errors.invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`');
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.invalid(field, '', 'may not have more than one field specified at a time');
    }
  }
}
