/** x-kubernetes-validations at run time. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go. */
import {
  isPlainObject,
  itemsOf,
  type JsonSchema,
  type PlainObject,
  propertyOf,
  UNCORRELATED,
  valuesOf,
} from '@kapella/api';
import type { ValidationRule } from '@kapella/api/types/apiextensions-v1';
import { type FieldErrors, jsonEqual, stringifyExactJson, UNSHOWN } from '@kapella/base';
import {
  BOOL,
  CelError,
  CelOptional,
  COST_BUDGET,
  compileExpression,
  fromJson,
  NONE,
  type Program,
  STRING,
} from '@kapella/cel';
import { normalizeFieldPath, ruleTypes } from '@kapella/resources';

const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** `old`: UNCORRELATED where there is no counterpart: rules about changes are left out. */
export type RuleCheck = (value: unknown, old: unknown, errors: FieldErrors) => void;

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Program;
  readonly message: Program | undefined;
  readonly isTransition: boolean;
}

interface RuleNode {
  readonly schema: JsonSchema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly values: RuleNode | undefined;
  readonly items: RuleNode | undefined;
}

/** undefined: no rule anywhere in the schema. */
export function compileRules(schema: JsonSchema): RuleCheck | undefined {
  const root = nodeOf(schema, true);
  if (root === undefined) return undefined;
  return (value, old, errors) => new Walk(errors).visit(root, value, old, '');
}

/** undefined: nothing below has a rule, so nothing is visited. */
function nodeOf(schema: JsonSchema | undefined, isRoot: boolean): RuleNode | undefined {
  if (schema === undefined) return undefined;
  const rules = (schema['x-kubernetes-validations'] ?? []).flatMap((rule) => compileRule(rule, schema, isRoot));
  const properties = new Map<string, RuleNode>();
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const node = nodeOf(child, false);
    if (node !== undefined) properties.set(name, node);
  }
  const values = nodeOf(valuesOf(schema), false);
  const items = nodeOf(itemsOf(schema), false);
  if (rules.length === 0 && properties.size === 0 && values === undefined && items === undefined) return undefined;
  return { schema, rules, properties, values, items };
}

/** Rules that do not compile were refused with their definition. */
function compileRule(rule: ValidationRule, schema: JsonSchema, isRoot: boolean): CompiledRule[] {
  const variables = ruleTypes(schema, isRoot, rule);
  if (variables === undefined) return [];
  const compiled = compileExpression(rule.rule, { variables, resultTypes: [BOOL] });
  if (!compiled.ok) return [];
  const message =
    rule.messageExpression === undefined
      ? undefined
      : compileExpression(rule.messageExpression, { variables, resultTypes: [STRING] });
  const isTransition = compiled.program.uses.has('oldSelf');
  return [
    { rule, program: compiled.program, message: message?.ok === true ? message.program : undefined, isTransition },
  ];
}

const fieldPath = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

class Walk {
  readonly #errors: FieldErrors;
  #budget = COST_BUDGET;

  constructor(errors: FieldErrors) {
    this.#errors = errors;
  }

  visit(node: RuleNode, value: unknown, old: unknown, path: string): void {
    if (value === null || value === undefined || this.#budget < 0) return;
    // What did not change was fine before, or was let pass before.
    const isSame = old !== UNCORRELATED && jsonEqual(value, old);
    for (const compiled of node.rules) {
      if (this.#budget < 0) return;
      if (!isSame || compiled.isTransition) this.#check(compiled, node.schema, value, old, path);
    }
    if (isSame) return;
    if (Array.isArray(value)) this.#visitItems(node, value, old, path);
    else if (isPlainObject(value)) this.#visitFields(node, value, isPlainObject(old) ? old : undefined, path);
  }

  #visitFields(node: RuleNode, value: PlainObject, old: PlainObject | undefined, path: string): void {
    if (node.properties.size === 0 && node.values === undefined) return;
    for (const name of Object.keys(value)) {
      const declared = node.properties.get(name);
      const child = declared ?? (propertyOf(node.schema, name) === undefined ? node.values : undefined);
      if (child === undefined) continue;
      const previous = old !== undefined && Object.hasOwn(old, name) ? old[name] : UNCORRELATED;
      this.visit(child, value[name], previous, declared === undefined ? `${path}[${name}]` : fieldPath(path, name));
    }
  }

  #visitItems(node: RuleNode, list: readonly unknown[], old: unknown, path: string): void {
    const { items } = node;
    if (items === undefined) return;
    const find = counterparts(node.schema, old);
    list.forEach((item, i) => {
      this.visit(items, item, find(item), `${path}[${i}]`);
    });
  }

  #check(compiled: CompiledRule, schema: JsonSchema, value: unknown, old: unknown, path: string): void {
    const { rule, program, isTransition } = compiled;
    const hasOld = old !== UNCORRELATED;
    if (isTransition && !hasOld && rule.optionalOldSelf !== true) return;
    const variables = { self: value, oldSelf: oldSelfOf(program, rule, old) };
    const tell = (why: string) => this.#errors.invalid(path === '' ? '<nil>' : path, schema.type ?? '', why);
    if (this.#budget === 0) {
      this.#budget = -1;
      tell(OUT_OF_BUDGET);
      return;
    }
    try {
      const result = program.evaluate(variables);
      if (!this.#pay(result.cost)) tell(OUT_OF_BUDGET);
      else if (result.value !== true) this.#fail(rule, schema, value, path, wordsOf(compiled, variables));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (this.#pay(error.cost)) tell(this.#whyFailed(error, rule));
      else tell(OUT_OF_BUDGET);
    }
  }

  /** false: the object may not cost more; nothing is checked any more. */
  #pay(cost: number): boolean {
    this.#budget = cost > this.#budget ? -1 : this.#budget - cost;
    return this.#budget >= 0;
  }

  #whyFailed({ message }: CelError, rule: ValidationRule): string {
    const words = (rule.message ?? rule.rule).trim();
    if (message.startsWith('operation cancelled: actual cost limit exceeded')) {
      this.#budget = -1;
      return `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${words}`;
    }
    if (message.startsWith('no such overload')) {
      const what = 'call arguments did not match a supported operator, function or macro signature for rule';
      return `'${message}': ${what}: ${words}`;
    }
    return `${message} evaluating rule: ${words}`;
  }

  /** Objects and lists are not shown. */
  #fail(rule: ValidationRule, schema: JsonSchema, value: unknown, path: string, words: string): void {
    const { reason, fieldPath = '' } = rule;
    const isShown = schema.type !== 'object' && schema.type !== 'array';
    const below = normalizeFieldPath(fieldPath, schema) ?? '';
    const joined = path === '' || below === '' || below.startsWith('[') ? `${path}${below}` : `${path}.${below}`;
    const field = joined === '' ? '<nil>' : joined;
    if (reason === 'FieldValueForbidden') this.#errors.forbidden(field, words);
    else if (reason === 'FieldValueRequired') this.#errors.required(field, words);
    else if (reason === 'FieldValueDuplicate') this.#errors.duplicate(field, isShown ? value : UNSHOWN);
    else this.#errors.invalid(field, isShown ? value : UNSHOWN, words);
  }
}

function oldSelfOf(program: Program, rule: ValidationRule, old: unknown): unknown {
  if (!program.uses.has('oldSelf')) return null;
  if (rule.optionalOldSelf !== true) return old === UNCORRELATED ? null : old;
  return old === UNCORRELATED ? NONE : new CelOptional(fromJson(old, { kind: 'dyn' }));
}

/** An expression that fails or says nothing gives way to the message that is written down. */
function wordsOf({ rule, message }: CompiledRule, variables: Readonly<Record<string, unknown>>): string {
  const fallback = rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
  if (message === undefined) return fallback;
  try {
    const text = String(message.evaluate(variables).value).trim();
    return text === '' || text.includes('\n') ? fallback : text;
  } catch (error) {
    if (error instanceof CelError) return fallback;
    throw error;
  }
}

/** Only items of a list that is a map by keys have one. */
function counterparts(schema: JsonSchema, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return () => UNCORRELATED;
  const keyOf = (item: unknown) =>
    stringifyExactJson(keys.map((key) => (isPlainObject(item) ? (item[key] ?? null) : null)));
  const byKey = new Map(old.map((item) => [keyOf(item), item]));
  return (item) => byKey.get(keyOf(item)) ?? UNCORRELATED;
}
