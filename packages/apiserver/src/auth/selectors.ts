/** Selectors as authorizers see them. Pure. Source: kubernetes pkg/registry/authorization/util, plugin/pkg/authorizer/webhook. */
import { parseFieldSelector, parseLabelSelector } from '@kapella/api';

/** As SubjectAccessReviews write them. */
export interface SelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** As a client wrote it in a query, or as a review has it. */
export type Selector = string | readonly SelectorRequirement[];

const NONE: readonly SelectorRequirement[] = [];

/** What cannot be read narrows nothing: requirements are all to hold, so that without one the question is only wider. */
export function fieldRequirements(selector: Selector | undefined): readonly SelectorRequirement[] {
  if (selector === undefined || selector === '') return NONE;
  if (typeof selector !== 'string') return selector;
  try {
    return parseFieldSelector(selector).requirements.map(({ field, operator, value }) => ({
      key: field,
      operator: operator === '=' ? 'In' : 'NotIn',
      values: [value],
    }));
  } catch {
    return NONE;
  }
}

const LABEL_OPERATORS: Readonly<Record<string, SelectorRequirement['operator']>> = {
  ...{ in: 'In', '=': 'In', '==': 'In', notin: 'NotIn', '!=': 'NotIn', exists: 'Exists', '!': 'DoesNotExist' },
};

/** Comparisons of numbers are left out: reviews have no such operators. */
export function labelRequirements(selector: Selector | undefined): readonly SelectorRequirement[] {
  if (selector === undefined || selector === '') return NONE;
  if (typeof selector !== 'string') return selector;
  try {
    return parseLabelSelector(selector).requirements.flatMap(({ key, operator, values }) => {
      const known = LABEL_OPERATORS[operator];
      return known === undefined ? [] : [{ key, operator: known, values }];
    });
  } catch {
    return NONE;
  }
}

/** Whether the selector asks for just this value of the field. */
export function selectsExactly(selector: Selector | undefined, field: string, value: string): boolean {
  return fieldRequirements(selector).some(
    ({ key, operator, values }) => key === field && operator === 'In' && values.length === 1 && values[0] === value,
  );
}
