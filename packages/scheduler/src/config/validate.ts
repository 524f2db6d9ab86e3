/** What a KubeSchedulerConfiguration may say. Source: kubernetes pkg/scheduler/apis/config/validation/validation.go. */
import { validateQualifiedName } from '@kapella/api';
import { FieldErrors } from '@kapella/base';
import type { ExtenderConfig } from '../extender/types.ts';
import { argsOf } from './args.ts';
import { pluginsOf } from './plugin-sets.ts';
import type { ProfileConfig, SchedulerConfig } from './types.ts';
import { validateArgs } from './validate-args.ts';

export function validateConfig(config: SchedulerConfig): FieldErrors {
  const errors = new FieldErrors();
  const { leaderElection, parallelism, podInitialBackoffSeconds, podMaxBackoffSeconds } = config;
  if (leaderElection.leaderElect && leaderElection.resourceLock !== 'leases') {
    const detail = 'resourceLock value must be "leases"';
    errors.invalid('leaderElection.resourceLock', leaderElection.resourceLock, detail);
  }
  if (parallelism <= 0) errors.invalid('parallelism', parallelism, 'should be an integer value greater than zero');
  validatePercentage(config.percentageOfNodesToScore, 'percentageOfNodesToScore', errors);
  if (podInitialBackoffSeconds <= 0) {
    errors.invalid('podInitialBackoffSeconds', podInitialBackoffSeconds, 'must be greater than 0');
  }
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    const detail = 'must be greater than or equal to PodInitialBackoffSeconds';
    errors.invalid('podMaxBackoffSeconds', podMaxBackoffSeconds, detail);
  }
  validateProfiles(config.profiles, errors);
  validateExtenders(config.extenders, errors);
  return errors;
}

function validatePercentage(value: number | undefined, field: string, errors: FieldErrors): void {
  if (value !== undefined && (value < 0 || value > 100)) errors.invalid(field, value, 'not in valid range [0-100]');
}

function validateProfiles(profiles: readonly ProfileConfig[], errors: FieldErrors): void {
  const seen = new Map<string, number>();
  const sortOf = (profile: ProfileConfig | undefined) => pluginsOf(profile?.plugins).queueSort.map(({ name }) => name);
  const [firstSort = ''] = sortOf(profiles[0]);
  for (const [i, profile] of profiles.entries()) {
    const at = `profiles[${i}]`;
    const { schedulerName = '' } = profile;
    if (schedulerName === '') errors.required(`${at}.schedulerName`);
    else if (seen.has(schedulerName)) {
      errors.duplicate(`${at}.schedulerName`, `profiles[${seen.get(schedulerName)}].schedulerName`);
    } else seen.set(schedulerName, i);
    validatePercentage(profile.percentageOfNodesToScore, `${at}.percentageOfNodesToScore`, errors);
    const sort = sortOf(profile);
    if (sort.length !== 1) {
      errors.invalid(`${at}.plugins.queueSort.Enabled`, sort.length, 'only one queue sort plugin can be enabled');
    } else if (sort[0] !== firstSort) {
      errors.invalid(`${at}.plugins.queueSort`, sort[0], 'must be the same for all profiles');
    }
    validatePluginConfig(profile, at, errors);
  }
}

function validatePluginConfig(profile: ProfileConfig, at: string, errors: FieldErrors): void {
  const seen = new Set<string>();
  for (const [i, { name }] of (profile.pluginConfig ?? []).entries()) {
    const field = `${at}.pluginConfig[${i}]`;
    if (seen.has(name)) errors.duplicate(field, name);
    seen.add(name);
    validateArgs(name, argsOf(name, profile), `${field}.args`, errors);
  }
}

function validateExtenders(extenders: readonly ExtenderConfig[], errors: FieldErrors): void {
  const managed = new Set<string>();
  for (const [i, extender] of extenders.entries()) {
    const at = `extenders[${i}]`;
    if ((extender.prioritizeVerb ?? '') !== '' && (extender.weight ?? 0) <= 0) {
      errors.invalid(`${at}.weight`, extender.weight ?? 0, 'must have a positive weight applied to it');
    }
    validateManaged(extender, `${at}.managedResources`, managed, errors);
  }
  const binderCount = extenders.filter(({ bindVerb }) => (bindVerb ?? '') !== '').length;
  if (binderCount > 1) {
    errors.invalid(
      'extenders',
      `found ${binderCount} extenders implementing bind`,
      'only one extender can implement bind',
    );
  }
}

function validateManaged(
  { managedResources = [] }: ExtenderConfig,
  at: string,
  seen: Set<string>,
  errors: FieldErrors,
) {
  for (const { name } of managedResources) {
    for (const message of validateQualifiedName(name)) errors.invalid(at, name, message);
    if (!name.includes('/') || name.includes('kubernetes.io/')) {
      errors.invalid(at, name, 'is an invalid extended resource name');
    }
    if (seen.has(name)) errors.invalid(`${at}.name`, name, 'duplicate extender managed resource name');
    seen.add(name);
  }
}
