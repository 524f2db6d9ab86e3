/** Rules for admission policies. Source: kubernetes pkg/apis/admissionregistration/validation/validation.go. */
import type { MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '@kapella/api/types/admissionregistration-v1';
import type { FieldErrors } from '@kapella/base';
import { BOOL, type CelType, NULL, policyTypes, STRING } from '@kapella/cel';
import { checkEnum } from '../support/validation/basic.ts';
import { checkExpression, checkMatchConditions, checkVariables } from './expressions.validate.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

export function validateValidatingPolicy({ spec }: ValidatingAdmissionPolicy, errors: FieldErrors): void {
  const types = checkCommon(spec, errors);
  const { validations = [], auditAnnotations = [] } = spec ?? {};
  if (validations.length === 0 && auditAnnotations.length === 0) {
    errors.required('spec.validations', 'validations or auditAnnotations must be non-empty');
  }
  for (const [i, { expression, message, messageExpression, reason }] of validations.entries()) {
    const field = `spec.validations[${i}]`;
    checkExpression(expression ?? '', types, errors, `${field}.expression`, { resultTypes: [BOOL] });
    if (messageExpression)
      checkExpression(messageExpression, types, errors, `${field}.messageExpression`, { resultTypes: [STRING] });
    if (message?.includes('\n') === true)
      errors.invalid(`${field}.message`, message, 'message must not contain line breaks');
    if (reason !== undefined && !REASONS.includes(reason)) errors.notSupported(`${field}.reason`, reason, REASONS);
  }
  for (const [i, { valueExpression }] of auditAnnotations.entries()) {
    const field = `spec.auditAnnotations[${i}].valueExpression`;
    checkExpression(valueExpression ?? '', types, errors, field, { resultTypes: [STRING, NULL] });
  }
}

export function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy, errors: FieldErrors): void {
  checkCommon(spec, errors);
  const { mutations = [] } = spec ?? {};
  if (mutations.length === 0) errors.required('spec.mutations', 'mutations must contain at least one item');
  for (const [i, { patchType, applyConfiguration, jsonPatch }] of mutations.entries()) {
    const field = `spec.mutations[${i}]`;
    checkEnum(patchType, ['ApplyConfiguration', 'JSONPatch'], errors, `${field}.patchType`, true);
    const isPatch = patchType === 'JSONPatch';
    const given = isPatch ? jsonPatch : applyConfiguration;
    const name = isPatch ? 'jsonPatch' : 'applyConfiguration';
    if ((given?.expression ?? '').trim() === '')
      errors.required(`${field}.${name}.expression`, 'expression is not specified');
  }
}

function checkCommon(
  spec: ValidatingAdmissionPolicy['spec'] | MutatingAdmissionPolicy['spec'] | undefined,
  errors: FieldErrors,
): ReadonlyMap<string, CelType> {
  const { failurePolicy, matchConditions, matchConstraints, paramKind, variables } = spec ?? {};
  checkEnum(failurePolicy, ['Fail', 'Ignore'], errors, 'spec.failurePolicy');
  if (paramKind !== undefined) {
    if (!paramKind.apiVersion) errors.required('spec.paramKind.apiVersion');
    if (!paramKind.kind) errors.required('spec.paramKind.kind');
  }
  if (matchConstraints === undefined) errors.required('spec.matchConstraints');
  else if ((matchConstraints.resourceRules?.length ?? 0) === 0) errors.required('spec.matchConstraints.resourceRules');
  const types = policyTypes(paramKind !== undefined);
  checkMatchConditions(matchConditions, errors, 'spec.matchConditions', types);
  return checkVariables(variables, types, errors, 'spec.variables');
}
