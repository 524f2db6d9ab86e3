/** Rules for Jobs. Source: kubernetes pkg/apis/batch/validation, ValidateJob. */
import { validateDns1123Label, validateDomainPrefixedPath, validateLabelSelector } from '@kapella/api';
import type { Job, JobSpec } from '@kapella/api/types/batch-v1';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { selects } from '../../support/selector.ts';
import { addInvalid, checkNotNegative } from '../../support/validation/basic.ts';
import { validatePodTemplateSpec } from '../../support/validation/pod-template.ts';
import { checkFailurePolicy, checkSuccessPolicy } from './job.validate-policies.ts';

const PARALLELISM_MAX = 100_000; // of indexed Jobs, as below
const FAILED_INDEXES_MAX = 100_000;
const MANY_COMPLETIONS = 100_000;
const PARALLELISM_MAX_MANY = 10_000;
const FAILED_INDEXES_MAX_MANY = 10_000;
const MANAGED_BY_LENGTH_MAX = 63;
const MODES = ['NonIndexed', 'Indexed'];

export function validateJob(job: Job, errors: FieldErrors): void {
  checkGeneratedSelector(job, errors);
  checkSelectedSpec(job.spec, errors);
  const { completionMode, completions = 0 } = job.spec;
  if (completionMode !== 'Indexed' || completions <= 0) return;
  const hostname = `${job.metadata.name}-${completions - 1}`;
  if (validateDns1123Label(hostname).length > 0) {
    const why = `will not able to create pod with invalid DNS label: ${hostname}`;
    errors.invalid('metadata.name', job.metadata.name, why);
  }
}

const GENERATED = [
  ['controller-uid', 'uid'],
  ['job-name', 'name'],
  ['batch.kubernetes.io/controller-uid', 'uid'],
  ['batch.kubernetes.io/job-name', 'name'],
] as const;

function checkGeneratedSelector({ metadata, spec }: Job, errors: FieldErrors): void {
  if (spec.manualSelector === true || spec.selector === undefined) return;
  const labels = spec.template.metadata?.labels ?? {};
  const expected: Record<string, string> = {};
  for (const [label, part] of GENERATED) {
    const value = metadata[part];
    expected[label] = value;
    const field = 'spec.template.metadata.labels';
    if (labels[label] === undefined) errors.required(`${field}[${label}]`, `must be '${value}'`);
    else if (labels[label] !== value) errors.invalid(`${field}[${label}]`, labels, `must be '${value}'`);
  }
  if (!selects(spec.selector, expected))
    errors.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
}

function checkSelectedSpec(spec: JobSpec, errors: FieldErrors): void {
  checkJobSpec(spec, errors, 'spec');
  if (spec.selector === undefined) errors.required('spec.selector');
  else validateLabelSelector(spec.selector, errors, 'spec.selector');
  const labels = spec.template.metadata?.labels;
  if (!selects(spec.selector, labels)) {
    errors.invalid('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`');
  }
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** What holds for Jobs and for the templates of CronJobs. */
export function checkJobSpec(spec: JobSpec, errors: FieldErrors, field: string): void {
  for (const name of COUNTS) checkNotNegative(spec[name], errors, `${field}.${name}`);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  }
  if (spec.managedBy !== undefined) {
    addInvalid(errors, `${field}.managedBy`, spec.managedBy, validateDomainPrefixedPath(spec.managedBy));
    if (spec.managedBy.length > MANAGED_BY_LENGTH_MAX) errors.tooLong(`${field}.managedBy`, MANAGED_BY_LENGTH_MAX);
  }
  checkMode(spec, errors, field);
  if (spec.podFailurePolicy !== undefined) checkFailurePolicy(spec, errors, `${field}.podFailurePolicy`);
  if (spec.successPolicy !== undefined) {
    if (spec.completionMode === 'Indexed') checkSuccessPolicy(spec, errors, `${field}.successPolicy`);
    else errors.invalid(`${field}.successPolicy`, spec.successPolicy, 'requires indexed completion mode');
  }
  checkReplacement(spec, errors, `${field}.podReplacementPolicy`);
  validatePodTemplateSpec(spec.template, errors, `${field}.template`);
  checkRestartPolicy(spec, errors, `${field}.template.spec.restartPolicy`);
}

function checkMode(spec: JobSpec, errors: FieldErrors, field: string): void {
  const mode = spec.completionMode;
  if (mode !== undefined && !MODES.includes(mode)) errors.notSupported(`${field}.completionMode`, mode, MODES);
  if (mode === 'Indexed') checkIndexed(spec, errors, field);
  if (mode !== undefined && mode !== 'NonIndexed') return;
  for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[name] !== undefined) errors.invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode');
  }
}

function checkReplacement(spec: JobSpec, errors: FieldErrors, field: string): void {
  const policy = spec.podReplacementPolicy;
  const allowed = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (policy !== undefined && !allowed.includes(policy)) errors.notSupported(field, policy, allowed);
}

function checkRestartPolicy({ template, podFailurePolicy }: JobSpec, errors: FieldErrors, field: string): void {
  const policy = template.spec.restartPolicy;
  if (!policy || policy === 'Always') errors.required(field, 'valid values: "OnFailure", "Never"');
  else if (policy !== 'OnFailure' && policy !== 'Never') errors.notSupported(field, policy, ['OnFailure', 'Never']);
  else if (podFailurePolicy !== undefined && policy !== 'Never') {
    errors.invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified');
  }
}

function checkIndexed(spec: JobSpec, errors: FieldErrors, field: string): void {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (completions === undefined) errors.required(`${field}.completions`, 'when completion mode is Indexed');
  const most = (max: number) => `must be less than or equal to ${max}`;
  if (parallelism !== undefined && parallelism > PARALLELISM_MAX) {
    errors.invalid(`${field}.parallelism`, parallelism, `${most(PARALLELISM_MAX)} when completion mode is Indexed`);
  }
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    errors.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions');
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > FAILED_INDEXES_MAX) {
    errors.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, most(FAILED_INDEXES_MAX));
  }
  if ((completions ?? 0) <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return;
  const when = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined) {
    errors.required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`);
  } else if (maxFailedIndexes > FAILED_INDEXES_MAX_MANY) {
    errors.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, `${most(FAILED_INDEXES_MAX_MANY)} ${when}`);
  }
  if (parallelism !== undefined && parallelism > PARALLELISM_MAX_MANY) {
    errors.invalid(`${field}.parallelism`, parallelism, `${most(PARALLELISM_MAX_MANY)} ${when}`);
  }
}

const FIXED = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

export function validateJobUpdate(next: Job, old: Job, errors: FieldErrors): void {
  validateJob(next, errors);
  const { completions, parallelism, completionMode } = next.spec;
  if (completionMode !== 'Indexed') errors.immutable('spec.completions', completions, old.spec.completions);
  else if (completions !== undefined && completions !== old.spec.completions && completions !== parallelism) {
    errors.invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism');
  }
  checkTemplateUpdate(next, old, errors);
  for (const name of FIXED) errors.immutable(`spec.${name}`, next.spec[name], old.spec[name]);
}

/** A suspended Job that has not run may be placed anew and resized. */
function checkTemplateUpdate(next: Job, old: Job, errors: FieldErrors): void {
  const suspended = old.spec.suspend === true;
  const notStarted = old.status?.startTime === undefined;
  const after = next.spec.template;
  const before = suspended && notStarted ? withPlacementOf(old.spec.template, after) : old.spec.template;
  if (!suspended) errors.immutable('spec.template', after, before);
  else if (!jsonEqual(withoutResources(after).spec, withoutResources(before).spec)) {
    errors.immutable('spec.template.spec', after.spec, before.spec);
  }
}

function withPlacementOf(old: PodTemplateSpec, next: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = next.spec;
  const { annotations, labels } = next.metadata ?? {};
  const { nodeAffinity: _replaced, ...otherAffinity } = old.spec.affinity ?? {};
  const nodeAffinity = affinity?.nodeAffinity;
  const merged = { ...otherAffinity, ...(nodeAffinity && { nodeAffinity }) };
  const keepsAffinity = affinity !== undefined || Object.keys(otherAffinity).length > 0;
  return {
    ...old,
    metadata: { ...old.metadata, annotations, labels },
    spec: { ...old.spec, nodeSelector, tolerations, schedulingGates, affinity: keepsAffinity ? merged : undefined },
  };
}

function withoutResources(template: PodTemplateSpec): PodTemplateSpec {
  const { containers, initContainers, ...spec } = template.spec;
  const strip = (list: typeof containers) => list.map(({ resources: _resources, ...container }) => container);
  return { ...template, spec: { ...spec, containers: strip(containers), initContainers: strip(initContainers ?? []) } };
}
