/** Selectors of a review: checked, and as authorizers want them. Source: pkg/apis/authorization/validation, pkg/registry/authorization. */
import { createRequirement, parseFieldSelector, parseLabelSelector, validateLabelRequirement } from '@kapella/api';
import type { ResourceAttributes } from '@kapella/api/types/authorization-v1';
import type { Selector, SelectorRequirement } from '@kapella/apiserver';
import type { FieldErrors } from '@kapella/base';

/** Of both kinds. */
interface Given {
  readonly rawSelector?: string;
  readonly requirements?: readonly {
    readonly key?: string;
    readonly operator?: string;
    readonly values?: readonly string[];
  }[];
}

const RULES = { allowUnknownOperators: true };

export function validateSelectors(resource: ResourceAttributes, errors: FieldErrors): void {
  const at = 'spec.resourceAttributes';
  validateSelector(resource.fieldSelector, `${at}.fieldSelector`, errors, (requirement, path) =>
    validateFieldRequirement(requirement, path, errors),
  );
  validateSelector(resource.labelSelector, `${at}.labelSelector`, errors, (requirement, path) =>
    validateLabelRequirement(requirement, errors, path, RULES),
  );
}

type GivenRequirement = NonNullable<Given['requirements']>[number];

function validateSelector(
  selector: Given | undefined,
  at: string,
  errors: FieldErrors,
  validate: (requirement: GivenRequirement, path: string) => void,
): void {
  if (selector === undefined) return;
  const { rawSelector = '', requirements = [] } = selector;
  if (rawSelector !== '' && requirements.length > 0) {
    errors.invalid(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements');
  }
  if (rawSelector === '' && requirements.length === 0) {
    errors.required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`);
  }
  for (const [i, requirement] of requirements.entries()) validate(requirement, `${at}.requirements[${i}]`);
}

function validateFieldRequirement({ key, operator, values = [] }: GivenRequirement, at: string, errors: FieldErrors) {
  if (!key) errors.required(`${at}.key`, 'must be specified');
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  }
}

export interface ReadSelectors {
  readonly fieldSelector?: Selector;
  readonly labelSelector?: Selector;
  /** What of them could not be taken: without it the question is wider. */
  readonly problems: readonly string[];
}

export function readSelectors({ fieldSelector, labelSelector }: ResourceAttributes): ReadSelectors {
  const fields = readSelector(fieldSelector, parseFieldSelector, isFieldRequirement);
  const labels = readSelector(labelSelector, parseLabelSelector, isLabelRequirement);
  const problems = [
    problemOf('fieldSelector', fieldSelector, fields),
    problemOf('labelSelector', labelSelector, labels),
  ];
  return {
    ...(fields !== undefined && { fieldSelector: fields }),
    ...(labels !== undefined && { labelSelector: labels }),
    problems: problems.filter((problem) => problem !== undefined),
  };
}

/** Absent where it cannot be parsed; requirements that nobody knows are left out. */
function readSelector(
  selector: Given | undefined,
  parse: (text: string) => object,
  isKnown: (requirement: GivenRequirement) => boolean,
): Selector | undefined {
  if (selector === undefined) return undefined;
  const { rawSelector = '', requirements = [] } = selector;
  if (requirements.length > 0) {
    const known = requirements.filter(isKnown);
    return known.map(({ key = '', operator, values = [] }) => {
      return { key, operator: operator as SelectorRequirement['operator'], values };
    });
  }
  try {
    parse(rawSelector);
    return rawSelector;
  } catch {
    return undefined;
  }
}

/** Fields are compared with one value. */
function isFieldRequirement({ operator, values = [] }: GivenRequirement): boolean {
  return (operator === 'In' || operator === 'NotIn') && values.length === 1;
}

const LABEL_OPERATORS = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const;

function isLabelRequirement({ key = '', operator = '', values = [] }: GivenRequirement): boolean {
  if (!Object.hasOwn(LABEL_OPERATORS, operator)) return false;
  try {
    createRequirement(key, LABEL_OPERATORS[operator as keyof typeof LABEL_OPERATORS], values);
    return true;
  } catch {
    return false;
  }
}

function problemOf(name: string, given: Given | undefined, read: Selector | undefined): string | undefined {
  if (given === undefined) return undefined;
  const asked = given.requirements?.length ?? 0;
  const taken = Array.isArray(read) ? read.length : 0;
  const isWhole = asked > 0 ? taken === asked : read !== undefined;
  if (isWhole) return undefined;
  return `spec.resourceAttributes.${name} ${taken > 0 ? 'partially ignored' : 'ignored'} due to parse error`;
}
