/** x-kubernetes-validations of a schema: whether they compile. Source: as customresourcedefinition.validate.ts. */
import { isPlainObject, itemsOf, type JsonSchema, valuesOf } from '@kapella/api';
import type { ValidationRule } from '@kapella/api/types/apiextensions-v1';
import type { FieldErrors } from '@kapella/base';
import {
  BOOL,
  type CelType,
  compileExpression,
  optionalOf,
  type Program,
  REQUEST_BYTES_MAX,
  type SizeNode,
  sizeAt,
  sizesOf,
  STRING,
  typeOfSchema,
} from '@kapella/cel';
import { EACH_MAX, tooCostly, TotalCost } from './rule-costs.ts';
import { checkFieldPath } from './rule-field-path.ts';

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

export interface RulesToCheck {
  /** The schema has not changed: each rule may cost what it did. */
  readonly isUnchanged: boolean;
}

/** All rules of one version's schema: whether they compile, what they may say, and what they may cost. */
export function checkRules(schema: JsonSchema, path: string, errors: FieldErrors, { isUnchanged }: RulesToCheck): void {
  const total = new TotalCost();
  const place: Place = { isRoot: true, cardinality: 1, uncorrelatable: undefined };
  checkAt(schema, place, path, { errors, total, limitsEach: !isUnchanged });
  total.report(path, errors);
}

/** Where a schema is within the whole. */
interface Place {
  readonly isRoot: boolean;
  /** How often such a value can be there; undefined: the schemas above set no limit. */
  readonly cardinality: number | undefined;
  /** Path of the list above whose items have no counterpart before a change. */
  readonly uncorrelatable: string | undefined;
}

interface Findings {
  readonly errors: FieldErrors;
  readonly total: TotalCost;
  readonly limitsEach: boolean;
}

function checkAt(schema: JsonSchema, place: Place, path: string, found: Findings): void {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length > 0) {
    const sizes = sizesOf(schema, place.isRoot);
    for (const [i, rule] of rules.entries()) {
      checkRule(rule, schema, sizes, place, `${path}.x-kubernetes-validations[${i}]`, found);
    }
  }
  const { uncorrelatable } = place;
  const own = elementsMax(schema);
  const cardinality = place.cardinality === undefined || own === undefined ? undefined : place.cardinality * own;
  const below: Place = { isRoot: false, cardinality, uncorrelatable };
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    checkAt(child, below, `${path}.properties[${name}]`, found);
  }
  const values = valuesOf(schema);
  if (values !== undefined) checkAt(values, below, `${path}.additionalProperties`, found);
  const items = itemsOf(schema);
  if (!isPlainObject(items)) return;
  const isMap = schema['x-kubernetes-list-type'] === 'map';
  const within = isMap ? below : { ...below, uncorrelatable: uncorrelatable ?? path };
  checkAt(items as JsonSchema, within, `${path}.items`, found);
}

/** How often children can be there for each value of this schema; undefined: there is no limit. */
function elementsMax(schema: JsonSchema): number | undefined {
  if (schema.type === 'array') return atLeast0(schema.maxItems);
  return schema.type === 'object' && schema.additionalProperties !== undefined ? atLeast0(schema.maxProperties) : 1;
}

const atLeast0 = (value: number | undefined) => (value === undefined ? undefined : Math.max(0, value));

function checkRule(
  rule: ValidationRule,
  schema: JsonSchema,
  sizes: SizeNode | undefined,
  place: Place,
  field: string,
  found: Findings,
): void {
  const { errors } = found;
  checkWords(rule, schema, field, errors);
  const { rule: source = '', messageExpression } = rule;
  if (source.trim() === '') return;
  const variables = ruleTypes(schema, place.isRoot, rule);
  if (variables === undefined) return;
  const compiled = compileExpression(source, { variables, resultTypes: [BOOL] });
  if (!compiled.ok) {
    errors.invalid(`${field}.rule`, rule, worded(compiled.text, 'cel expression must evaluate to a bool'));
  } else {
    const often = place.cardinality ?? Math.floor(REQUEST_BYTES_MAX / ((sizes?.bytesMin ?? 0) + 1));
    charge(compiled.program, sizes, often, 'estimated rule cost', `${field}.rule`, found);
    checkOldSelf(rule, compiled.program, place, field, errors);
  }
  if (messageExpression === undefined || messageExpression.trim() === '') return;
  const message = compileExpression(messageExpression, { variables, resultTypes: [STRING] });
  if (message.ok) {
    charge(message.program, sizes, 1, 'estimated messageExpression cost', `${field}.messageExpression`, found);
    return;
  }
  const why = worded(message.text, 'messageExpression must evaluate to a string');
  errors.invalid(`${field}.messageExpression`, rule, `messageExpression ${why}`);
}

/** Without a counterpart there is no old value; and who may go without one has to ask for it. */
function checkOldSelf(
  rule: ValidationRule,
  { uses }: Program,
  { uncorrelatable }: Place,
  field: string,
  errors: FieldErrors,
): void {
  if (uses.has('oldSelf')) {
    if (uncorrelatable === undefined) return;
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
    errors.invalid(`${field}.rule`, rule.rule, why);
  } else if (rule.optionalOldSelf !== undefined) {
    const why = 'may not be set if oldSelf is not used in rule';
    errors.invalid(`${field}.optionalOldSelf`, rule.optionalOldSelf, why);
  }
}

function charge(
  program: Program,
  sizes: SizeNode | undefined,
  often: number,
  what: string,
  field: string,
  { errors, total, limitsEach }: Findings,
): void {
  const once = program.estimateCostMax((path) => (sizes === undefined ? undefined : sizeAt(sizes, path)));
  const cost = once * often;
  if (limitsEach && cost > EACH_MAX) errors.forbidden(field, tooCostly(what, cost, EACH_MAX));
  total.add(field, cost);
}

function worded(text: string, wrongType: string): string {
  return text.startsWith('must evaluate') ? wrongType : `compilation failed: ${text}`;
}

function checkWords(
  { rule = '', message, messageExpression, reason, fieldPath }: ValidationRule,
  schema: JsonSchema,
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
  checkFieldPath(fieldPath, schema, `${field}.fieldPath`, errors);
}
