/** Defaults of Jobs, shared with CronJobs. Source: kubernetes pkg/apis/batch/v1/defaults.go. */
import type { JobSpec } from '@kapella/api/types/batch-v1';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';

const INT32_MAX = 2 ** 31 - 1;

/** What the types' own markers default, also inside a CronJob. */
export function withJobTemplateDefaults(spec: JobSpec): JobSpec {
  const rules = spec.podFailurePolicy?.rules;
  return {
    ...spec,
    template: withTemplateDefaults(spec.template),
    ...(rules && {
      podFailurePolicy: {
        ...spec.podFailurePolicy,
        rules: rules.map((rule) => ({
          ...rule,
          ...(rule.onPodConditions && {
            onPodConditions: rule.onPodConditions.map((pattern) => ({ ...pattern, status: pattern.status || 'True' })),
          }),
        })),
      },
    }),
  };
}

export function withJobSpecDefaults(given: JobSpec): JobSpec {
  const spec = withJobTemplateDefaults(given);
  const single = spec.completions === undefined && spec.parallelism === undefined;
  return {
    ...spec,
    ...(single && { completions: 1 }),
    parallelism: spec.parallelism ?? 1,
    backoffLimit: spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? 6 : INT32_MAX),
    completionMode: spec.completionMode ?? 'NonIndexed',
    suspend: spec.suspend ?? false,
    podReplacementPolicy:
      spec.podReplacementPolicy ?? (spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    manualSelector: spec.manualSelector ?? false,
  };
}
