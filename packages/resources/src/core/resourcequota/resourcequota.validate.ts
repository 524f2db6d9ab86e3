/** Rules for ResourceQuotas. Source: kubernetes pkg/apis/core/validation, ValidateResourceQuota. */
import type { ResourceQuota, ResourceQuotaSpec } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { IMMUTABLE } from '../../support/validation/basic.ts';
import { checkQuantityValue, checkResourceName, isHugePages } from '../../support/validation/quantities.ts';

const COMPUTE = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const OTHERS = [
  'ephemeral-storage',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
];
const STANDARD = new Set([...COMPUTE, ...OTHERS]);
const POD_AND_COMPUTE = ['pods', ...COMPUTE];
/** Which standard resources a scope can bound; a scope that is not here: all. */
const SCOPED: Readonly<Record<string, readonly string[]>> = {
  Terminating: POD_AND_COMPUTE,
  NotTerminating: POD_AND_COMPUTE,
  NotBestEffort: POD_AND_COMPUTE,
  PriorityClass: POD_AND_COMPUTE,
  CrossNamespacePodAffinity: POD_AND_COMPUTE,
  BestEffort: ['pods'],
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
};
const EXISTS_ONLY = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

export function validateResourceQuota({ spec, status }: ResourceQuota, errors: FieldErrors): void {
  checkSpec(spec, errors);
  checkAmounts(status?.hard, errors, 'status.hard');
  checkAmounts(status?.used, errors, 'status.used');
}

export function validateResourceQuotaUpdate(next: ResourceQuota, old: ResourceQuota, errors: FieldErrors): void {
  checkSpec(next.spec, errors);
  const sorted = ({ spec }: ResourceQuota) => [...new Set(spec.scopes ?? [])].sort();
  if (!jsonEqual(sorted(next), sorted(old))) errors.invalid('spec.scopes', next.spec.scopes ?? null, IMMUTABLE);
}

export function validateResourceQuotaStatus({ status }: ResourceQuota, _old: ResourceQuota, errors: FieldErrors): void {
  checkAmounts(status?.hard, errors, 'status.hard');
  checkAmounts(status?.used, errors, 'status.used');
}

function checkAmounts(list: Readonly<Record<string, string>> | undefined, errors: FieldErrors, field: string): void {
  for (const [name, amount] of Object.entries(list ?? {})) {
    const at = `${field}[${name}]`;
    const known = STANDARD.has(name) || isHugePages(name.replace(/^requests\./, ''));
    // A name without a domain must be one of those that quotas know.
    if (name.includes('/') ? checkResourceName(name, errors, at) : known) {
      checkQuantityValue(name, amount, errors, at);
      continue;
    }
    if (!name.includes('/')) errors.invalid(at, name, 'must be a standard resource for quota');
  }
}

function checkSpec(spec: ResourceQuotaSpec, errors: FieldErrors): void {
  checkAmounts(spec.hard, errors, 'spec.hard');
  const names = Object.keys(spec.hard ?? {});
  const unfit = (scope: string) =>
    names.filter((name) => STANDARD.has(name) && Object.hasOwn(SCOPED, scope) && !SCOPED[scope]?.includes(name));
  const scopes = spec.scopes ?? [];
  for (const scope of scopes) {
    if (!Object.hasOwn(SCOPED, scope)) errors.invalid('spec.scopes', scopes, 'unsupported scope');
    for (const _name of unfit(scope)) errors.invalid('spec.scopes', scopes, 'unsupported scope applied to resource');
  }
  checkConflicts(scopes, spec, errors, 'spec.scopes');
  const field = 'spec.scopeSelector.matchExpressions';
  for (const { scopeName, operator, values = [] } of spec.scopeSelector?.matchExpressions ?? []) {
    if (!Object.hasOwn(SCOPED, scopeName)) errors.invalid(`${field}.scopeName`, scopeName, 'unsupported scope');
    for (const _name of unfit(scopeName))
      errors.invalid(field, spec.scopeSelector, 'unsupported scope applied to resource');
    checkOperator(scopeName, operator, values, errors, field);
  }
  checkConflicts(
    (spec.scopeSelector?.matchExpressions ?? []).map((e) => e.scopeName),
    spec,
    errors,
    field,
  );
}

function checkOperator(
  scope: string,
  operator: string,
  values: readonly string[],
  errors: FieldErrors,
  field: string,
): void {
  if (EXISTS_ONLY.includes(scope) && operator !== 'Exists') {
    const why =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, " +
      'ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ' +
      'ResourceQuotaScopeCrossNamespacePodAffinity';
    errors.invalid(`${field}.operator`, operator, why);
  }
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length > 0) return;
    errors.required(
      `${field}.values`,
      "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
    );
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length === 0) return;
    const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    errors.invalid(`${field}.values`, values, why);
  } else errors.invalid(`${field}.operator`, operator, 'not a valid selector operator');
}

function checkConflicts(scopes: readonly string[], spec: ResourceQuotaSpec, errors: FieldErrors, field: string): void {
  for (const pair of CONFLICTS) {
    if (pair.every((scope) => scopes.includes(scope))) errors.invalid(field, spec.scopes ?? null, 'conflicting scopes');
  }
}
