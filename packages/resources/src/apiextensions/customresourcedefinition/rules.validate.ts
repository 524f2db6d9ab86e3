/** x-kubernetes-validations of a schema: whether they compile. Source: as customresourcedefinition.validate.ts. */
import { isPlainObject, itemsOf, type JsonSchema, valuesOf } from '@kapella/api';
import type { ValidationRule } from '@kapella/api/types/apiextensions-v1';
import type { FieldErrors } from '@kapella/base';
import { BOOL, type CelType, compileExpression, optionalOf, STRING, typeOfSchema } from '@kapella/cel';

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** The variables of one rule; undefined where the schema has no type that rules could be about. */
export function ruleTypes(
  schema: JsonSchema,
  isRoot: boolean,
  rule: ValidationRule,
): ReadonlyMap<string, CelType> | undefined {
  const self = typeOfSchema(schema, 'selfType', isRoot);
  if (self === undefined) return undefined;
  return new Map([
    ['self', self],
    ['oldSelf', rule.optionalOldSelf === true ? optionalOf(self) : self],
  ]);
}

export function checkRules(schema: JsonSchema, path: string, errors: FieldErrors): void {
  checkAt(schema, true, path, errors);
}

function checkAt(schema: JsonSchema, isRoot: boolean, path: string, errors: FieldErrors): void {
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    checkRule(rule, schema, isRoot, `${path}.x-kubernetes-validations[${i}]`, errors);
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    checkAt(child, false, `${path}.properties[${name}]`, errors);
  }
  const values = valuesOf(schema);
  if (values !== undefined) checkAt(values, false, `${path}.additionalProperties`, errors);
  const items = itemsOf(schema);
  if (isPlainObject(items)) checkAt(items as JsonSchema, false, `${path}.items`, errors);
}

function checkRule(
  rule: ValidationRule,
  schema: JsonSchema,
  isRoot: boolean,
  field: string,
  errors: FieldErrors,
): void {
  checkWords(rule, field, errors);
  const { rule: source = '', messageExpression } = rule;
  if (source.trim() === '') return;
  const variables = ruleTypes(schema, isRoot, rule);
  if (variables === undefined) return;
  const compiled = compileExpression(source, { variables, resultTypes: [BOOL] });
  if (!compiled.ok)
    errors.invalid(`${field}.rule`, rule, worded(compiled.text, 'cel expression must evaluate to a bool'));
  if (messageExpression === undefined || messageExpression.trim() === '') return;
  const message = compileExpression(messageExpression, { variables, resultTypes: [STRING] });
  if (message.ok) return;
  const why = worded(message.text, 'messageExpression must evaluate to a string');
  errors.invalid(`${field}.messageExpression`, rule, `messageExpression ${why}`);
}

function worded(text: string, wrongType: string): string {
  return text.startsWith('must evaluate') ? wrongType : `compilation failed: ${text}`;
}

function checkWords(
  { rule = '', message, messageExpression, reason, fieldPath }: ValidationRule,
  field: string,
  errors: FieldErrors,
): void {
  if (rule.trim() === '') errors.required(`${field}.rule`, 'rule is not specified');
  if (message !== undefined && message.trim() === '') {
    errors.invalid(`${field}.message`, message, 'must be non-empty if specified');
  } else if (message?.includes('\n') === true) {
    errors.invalid(`${field}.message`, message, 'must not contain line breaks');
  } else if (message === undefined && rule.includes('\n') && messageExpression === undefined) {
    errors.required(`${field}.message`, 'message must be specified if rule contains line breaks');
  }
  if (messageExpression !== undefined && messageExpression.trim() === '') {
    errors.required(`${field}.messageExpression`, 'messageExpression must be non-empty if specified');
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.notSupported(`${field}.reason`, reason, REASONS);
  if (fieldPath === '') errors.invalid(`${field}.fieldPath`, fieldPath, 'must be non-empty if specified');
}
