/** Rules for the expressions of webhooks and policies. Source: kubernetes pkg/apis/admissionregistration/validation. */
import { validateQualifiedName } from '@kapella/api';
import type { MatchCondition, Variable } from '@kapella/api/types/admissionregistration-v1';
import {
  CONDITION_TYPES,
  BOOL,
  type CelField,
  type CelType,
  compileExpression,
  type CompileOptions,
  DYN,
} from '@kapella/cel';
import type { FieldErrors } from '@kapella/base';
import { addInvalid } from '../support/validation/basic.ts';

const CONDITIONS_MAX = 64;

export function checkMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  errors: FieldErrors,
  field: string,
  types: ReadonlyMap<string, CelType> = CONDITION_TYPES,
): void {
  const all = conditions ?? [];
  if (all.length > CONDITIONS_MAX) errors.tooMany(field, all.length, CONDITIONS_MAX);
  const names = new Set<string>();
  for (const [i, { name = '', expression = '' }] of all.entries()) {
    const at = `${field}[${i}]`;
    if (name === '') errors.required(`${at}.name`);
    else {
      if (names.has(name)) errors.duplicate(`${at}.name`, name);
      names.add(name);
      addInvalid(errors, `${at}.name`, name, validateQualifiedName(name));
    }
    checkExpression(expression, types, errors, `${at}.expression`, { resultTypes: [BOOL] });
  }
}

/** Its type where it compiles; DYN where it does not, which is told. */
export function checkExpression(
  expression: string,
  types: ReadonlyMap<string, CelType>,
  errors: FieldErrors,
  field: string,
  options: Omit<CompileOptions, 'variables'> = {},
): CelType {
  if (expression.trim() === '') {
    errors.required(field);
    return DYN;
  }
  const compiled = compileExpression(expression, { ...options, variables: types });
  if (compiled.ok) return compiled.program.type;
  const isType = compiled.text.startsWith('must evaluate');
  errors.invalid(field, expression, isType ? compiled.text : `compilation failed: ${compiled.text}`);
  return DYN;
}

/** Each may use those before it. Returns the types with `variables` declared. */
export function checkVariables(
  variables: readonly Variable[] | undefined,
  types: ReadonlyMap<string, CelType>,
  errors: FieldErrors,
  field: string,
): ReadonlyMap<string, CelType> {
  const fields = new Map<string, CelField>();
  const declared = (): ReadonlyMap<string, CelType> =>
    new Map<string, CelType>([
      ...types,
      ['variables', { kind: 'object', name: 'kubernetes.variables', fields: new Map(fields) }],
    ]);
  for (const [i, { name = '', expression = '' }] of (variables ?? []).entries()) {
    const at = `${field}[${i}]`;
    if (name === '') errors.required(`${at}.name`, 'name is not specified');
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      errors.invalid(`${at}.name`, name, 'name is not a valid CEL identifier');
    fields.set(name, { key: name, type: checkExpression(expression, declared(), errors, `${at}.expression`) });
  }
  return declared();
}
