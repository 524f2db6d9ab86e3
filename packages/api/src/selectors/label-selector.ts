/** Label selectors. Source: apimachinery/pkg/labels/selector.go, apis/meta/v1/helpers.go and validation. */
import type { FieldErrors } from '@kapella/base';
import { validateLabelName, validateLabels, validateLabelValue } from '../names/index.ts';
import { parseRequirements } from './label-parser.ts';
import { createRequirement, type Labels, Requirement, SelectorError, type SelectorOperator } from './requirement.ts';

/** metav1.LabelSelector. */
export interface LabelSelectorFields {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly LabelSelectorExpression[];
}

/** metav1.LabelSelectorRequirement. */
export interface LabelSelectorExpression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Compiled once, matched often. Immutable. */
export interface LabelSelector {
  /** All of them must hold; sorted by key. */
  readonly requirements: readonly Requirement[];
  /** Restricts nothing. */
  readonly isEmpty: boolean;
  /** Can match nothing, whatever the labels. */
  readonly isNothing: boolean;
  matches(labels: Labels | undefined): boolean;
  /** The one value that the label must have; undefined when that is not settled. */
  exactMatch(key: string): string | undefined;
  /** Canonical query-string form. */
  toString(): string;
}

const NO_LABELS: Labels = Object.freeze(Object.create(null));
const OPERATORS: ReadonlyMap<string, SelectorOperator> = new Map<string, SelectorOperator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

class Requirements implements LabelSelector {
  readonly requirements: readonly Requirement[];
  readonly isNothing = false;

  constructor(requirements: readonly Requirement[]) {
    this.requirements = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  get isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  matches(labels: Labels = NO_LABELS): boolean {
    for (const requirement of this.requirements) if (!requirement.matches(labels)) return false;
    return true;
  }

  exactMatch(key: string): string | undefined {
    const found = this.requirements.find((requirement) => requirement.key === key);
    if (found === undefined || found.values.length !== 1) return undefined;
    return found.operator === '=' || found.operator === '==' || found.operator === 'in' ? found.values[0] : undefined;
  }

  toString(): string {
    return this.requirements.join(',');
  }
}

/** Matches everything. */
export const everySelector: LabelSelector = new Requirements([]);

/** Matches nothing: what an absent selector means. */
export const nothingSelector: LabelSelector = Object.freeze({
  requirements: [],
  isEmpty: false,
  isNothing: true,
  matches: () => false,
  exactMatch: () => undefined,
  toString: () => '',
});

/** The query-string form: `app=web,tier in (a,b),!legacy`. Throws SelectorError with upstream's wording. */
export function parseLabelSelector(text: string): LabelSelector {
  return text === '' ? everySelector : new Requirements(parseRequirements(text));
}

/** metav1.LabelSelector: absent matches nothing, empty everything. Throws SelectorError. */
export function compileLabelSelector(selector: LabelSelectorFields | null | undefined): LabelSelector {
  if (selector === undefined || selector === null) return nothingSelector;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    createRequirement(key, '=', [value]),
  );
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = OPERATORS.get(operator);
    if (known === undefined)
      throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(createRequirement(key, known, values));
  }
  return requirements.length === 0 ? everySelector : new Requirements(requirements);
}

/** A plain map, as in a Service: each label must be equal. Not validated. Absent and empty match everything. */
export function selectorFromLabels(labels: Labels | null | undefined): LabelSelector {
  return new Requirements(Object.entries(labels ?? {}).map(([key, value]) => new Requirement(key, '=', [value])));
}

export function selectorFromRequirements(requirements: readonly Requirement[]): LabelSelector {
  return new Requirements(requirements);
}

export interface LabelSelectorRules {
  /** For objects that were stored with bad values. */
  readonly allowInvalidValues?: boolean;
  readonly allowUnknownOperators?: boolean;
}

/** Adds every broken rule. */
export function validateLabelSelector(
  selector: LabelSelectorFields | null | undefined,
  errors: FieldErrors,
  field: string,
  rules: LabelSelectorRules = {},
): void {
  if (selector === undefined || selector === null) return;
  validateLabels(selector.matchLabels, errors, `${field}.matchLabels`);
  for (const [i, expression] of (selector.matchExpressions ?? []).entries()) {
    validateLabelRequirement(expression, errors, `${field}.matchExpressions[${i}]`, rules);
  }
}

/** Adds every broken rule of one expression. */
export function validateLabelRequirement(
  expression: Partial<LabelSelectorExpression>,
  errors: FieldErrors,
  at: string,
  rules: LabelSelectorRules = {},
): void {
  const { key = '', operator = '', values = [] } = expression;
  validateOperator({ key, operator, values }, errors, at, rules);
  validateLabelName(key, errors, `${at}.key`);
  if (rules.allowInvalidValues === true) return;
  for (const [j, value] of values.entries()) {
    for (const message of validateLabelValue(value)) errors.invalid(`${at}.values[${j}]`, value, message);
  }
}

function validateOperator(
  { operator, values = [] }: LabelSelectorExpression,
  errors: FieldErrors,
  at: string,
  rules: LabelSelectorRules,
): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
    if (values.length > 0) errors.forbidden(`${at}.values`, detail);
  } else if (rules.allowUnknownOperators !== true) {
    errors.invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator');
  }
}
