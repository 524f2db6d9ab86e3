/** What a Pod may not say for its operating system. Source: kubernetes pkg/apis/core/validation, validateOS. */
import type { PodSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

const NOT_ON_WINDOWS = 'cannot be set for a windows pod';
const POD_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;
const CONTAINER_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

export function checkOs(spec: PodSpec, errors: FieldErrors, field: string): void {
  if (spec.os === undefined) return;
  const { name } = spec.os;
  if (!name) errors.required(`${field}.os.name`);
  else if (name !== 'linux' && name !== 'windows') errors.notSupported(`${field}.os`, name, ['linux', 'windows']);
  else if (name === 'linux') checkLinux(spec, errors, field);
  else checkWindows(spec, errors, field);
}

function eachContext(
  spec: PodSpec,
  field: string,
  visit: (context: Readonly<Record<string, unknown>>, at: string) => void,
): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [i, { securityContext }] of (spec[list] ?? []).entries()) {
      if (securityContext === undefined) continue;
      visit(securityContext as Readonly<Record<string, unknown>>, `${field}.${list}[${i}].securityContext`);
    }
  }
}

function checkLinux(spec: PodSpec, errors: FieldErrors, field: string): void {
  const why = 'windows options cannot be set for a linux pod';
  if (spec.securityContext?.windowsOptions !== undefined)
    errors.forbidden(`${field}.securityContext.windowsOptions`, why);
  eachContext(spec, field, (context, at) => {
    if (context.windowsOptions !== undefined) errors.forbidden(`${at}.windowsOptions`, why);
  });
}

function checkWindows(spec: PodSpec, errors: FieldErrors, field: string): void {
  for (const name of POD_FIELDS) {
    if (spec.securityContext?.[name] !== undefined)
      errors.forbidden(`${field}.securityContext.${name}`, NOT_ON_WINDOWS);
  }
  for (const name of ['hostUsers', 'shareProcessNamespace'] as const) {
    if (spec[name] !== undefined) errors.forbidden(`${field}.${name}`, NOT_ON_WINDOWS);
  }
  for (const name of ['hostPID', 'hostIPC'] as const) {
    if (spec[name] === true) errors.forbidden(`${field}.${name}`, NOT_ON_WINDOWS);
  }
  eachContext(spec, field, (context, at) => {
    for (const name of CONTAINER_FIELDS)
      if (context[name] !== undefined) errors.forbidden(`${at}.${name}`, NOT_ON_WINDOWS);
  });
}
