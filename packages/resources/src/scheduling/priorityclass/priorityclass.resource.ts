/** scheduling.k8s.io/v1 PriorityClass, as the API server sees it. Source: kubernetes pkg/registry/scheduling/priorityclass. */
import type { PriorityClass } from '@kapella/api/types/scheduling-v1';
import { defineResource } from '@kapella/apiserver';
import type { FieldErrors } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';

const USER_VALUE_MAX = 1_000_000_000;
const SYSTEM_PREFIX = 'system-';
const SYSTEM_CLASSES: ReadonlyMap<string, { readonly value: number }> = new Map([
  ['system-node-critical', { value: 2_000_001_000 }],
  ['system-cluster-critical', { value: 2_000_000_000 }],
]);
const POLICIES = ['Never', 'PreemptLowerPriority'];

export const priorityClassResource = defineResource<PriorityClass>({
  id: {
    group: 'scheduling.k8s.io',
    version: 'v1',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    singular: 'priorityclass',
  },
  names: { short: ['pc'] },
  scope: 'cluster',
  generationBumpsOn: [],
  columns: [
    nameColumn(),
    { name: 'Value', type: 'integer', value: (item) => item.value ?? 0 },
    { name: 'Global-Default', type: 'boolean', value: (item) => item.globalDefault ?? false },
    ageColumn(),
    { name: 'PreemptionPolicy', value: (item) => item.preemptionPolicy ?? '' },
  ],
  withDefaults: (item) => ({
    ...item,
    value: item.value ?? 0,
    preemptionPolicy: item.preemptionPolicy ?? 'PreemptLowerPriority',
  }),
  validate: validatePriorityClass,
  validateUpdate(next, old, errors) {
    if ((next.value ?? 0) !== (old.value ?? 0)) errors.forbidden('value', 'may not be changed in an update.');
    errors.immutable('preemptionPolicy', next.preemptionPolicy, old.preemptionPolicy);
  },
  allowUnconditionalUpdate: true,
});

function validatePriorityClass(
  { metadata, value = 0, globalDefault, preemptionPolicy }: PriorityClass,
  errors: FieldErrors,
): void {
  const { name = '' } = metadata;
  if (name.startsWith(SYSTEM_PREFIX)) {
    const known = SYSTEM_CLASSES.get(name);
    if (known?.value !== value || globalDefault === true) {
      const why = "priority class names with 'system-' prefix are reserved for system use only. error: ";
      const error =
        known === undefined
          ? `${name} is not a known system priority class`
          : `value of ${name} PriorityClass must be ${known.value}`;
      errors.forbidden('metadata.name', why + error);
    }
  } else if (value > USER_VALUE_MAX) {
    const why = `maximum allowed value of a user defined priority is ${USER_VALUE_MAX}`;
    errors.forbidden('value', why);
  }
  if (!preemptionPolicy) errors.required('preemptionPolicy');
  else if (!POLICIES.includes(preemptionPolicy)) {
    errors.notSupported('preemptionPolicy', preemptionPolicy ?? '', ['PreemptLowerPriority', 'Never']);
  }
}
