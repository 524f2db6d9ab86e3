/** Rules for the failure and success policies of Jobs. Source: kubernetes pkg/apis/batch/validation. */
import { validateQualifiedName } from '@kapella/api';
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from '@kapella/api/types/batch-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkNotNegative } from '../../support/validation/basic.ts';

const RULES_MAX = 20;
const VALUES_MAX = 255;
const PATTERNS_MAX = 20;
const INDEXES_LENGTH_MAX = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

/** As Go prints a list of quoted strings. */
const goQuoted = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;

export function checkFailurePolicy(spec: JobSpec, errors: FieldErrors, field: string): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > RULES_MAX) errors.tooMany(`${field}.rules`, rules.length, RULES_MAX);
  for (const [i, rule] of rules.entries()) checkRule(spec, rule, errors, `${field}.rules[${i}]`);
}

function checkRule(spec: JobSpec, rule: PodFailurePolicyRule, errors: FieldErrors, field: string): void {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  if (!action) errors.required(`${field}.action`, `valid values: ${goQuoted(ACTIONS)}`);
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.invalid(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set');
  } else if (!ACTIONS.includes(action)) errors.notSupported(`${field}.action`, action, ACTIONS);
  if (onExitCodes !== undefined) checkExitCodes(spec, onExitCodes, errors, `${field}.onExitCodes`);
  if (onPodConditions.length > PATTERNS_MAX)
    errors.tooMany(`${field}.onPodConditions`, onPodConditions.length, PATTERNS_MAX);
  for (const [j, pattern] of onPodConditions.entries()) {
    checkConditionPattern(pattern, errors, `${field}.onPodConditions[${j}]`);
  }
  const both = onExitCodes !== undefined && onPodConditions.length > 0;
  const none = onExitCodes === undefined && onPodConditions.length === 0;
  if (both) errors.invalidWhole(field, 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (none) errors.invalidWhole(field, 'specifying one of OnExitCodes and OnPodConditions is required');
}

type ConditionPattern = NonNullable<PodFailurePolicyRule['onPodConditions']>[number];

function checkConditionPattern({ type, status }: ConditionPattern, errors: FieldErrors, field: string): void {
  addInvalid(errors, `${field}.type`, type ?? '', validateQualifiedName(type ?? ''));
  if (!status) errors.required(`${field}.status`, `valid values: ${goQuoted(STATUSES)}`);
  else if (!STATUSES.includes(status)) errors.notSupported(`${field}.status`, status, STATUSES);
}

type ExitCodes = NonNullable<PodFailurePolicyRule['onExitCodes']>;

function checkExitCodes(spec: JobSpec, codes: ExitCodes, errors: FieldErrors, field: string): void {
  const { operator, containerName, values = [] } = codes;
  if (!operator) errors.required(`${field}.operator`, `valid values: ${goQuoted(OPERATORS)}`);
  else if (!OPERATORS.includes(operator)) errors.notSupported(`${field}.operator`, operator, OPERATORS);
  const containers = [...spec.template.spec.containers, ...(spec.template.spec.initContainers ?? [])];
  if (containerName !== undefined && !containers.some((container) => container.name === containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.invalid(`${field}.containerName`, containerName, why);
  }
  if (values.length === 0) errors.invalid(`${field}.values`, null, 'at least one value is required');
  else if (values.length > VALUES_MAX) errors.tooMany(`${field}.values`, values.length, VALUES_MAX);
  const seen = new Set<number>();
  for (const [i, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.invalid(`${field}.values[${i}]`, value, 'must not be 0 for the In operator');
    }
    if (seen.has(value)) errors.duplicate(`${field}.values[${i}]`, value);
    seen.add(value);
  }
  if (values.some((value, i) => i > 0 && (values[i - 1] ?? 0) > value)) {
    errors.invalid(`${field}.values`, values, 'must be ordered');
  }
}

export function checkSuccessPolicy(spec: JobSpec, errors: FieldErrors, field: string): void {
  const rules = spec.successPolicy?.rules ?? [];
  if (rules.length === 0) {
    errors.required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified');
  }
  if (rules.length > RULES_MAX) errors.tooMany(`${field}.rules`, rules.length, RULES_MAX);
  for (const [i, rule] of rules.entries())
    checkSuccessRule(spec.completions ?? 0, rule, errors, `${field}.rules[${i}]`);
}

function checkSuccessRule(completions: number, rule: SuccessPolicyRule, errors: FieldErrors, field: string): void {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  if (count === undefined && indexes === undefined) {
    errors.required(field, 'at least one of succeededCount or succeededIndexes must be specified');
  }
  let total = 0;
  if (indexes !== undefined) {
    if (indexes.length > INDEXES_LENGTH_MAX) errors.tooLong(`${field}.succeededIndexes`, INDEXES_LENGTH_MAX);
    const parsed = countIndexes(indexes, completions);
    if (typeof parsed === 'string') {
      errors.invalid(`${field}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${parsed}`);
    } else total = parsed;
  }
  if (count === undefined) return;
  const at = `${field}.succeededCount`;
  checkNotNegative(count, errors, at);
  const most = `must be less than or equal to`;
  if (count > completions) errors.invalid(at, count, `${most} ${completions} (the number of specified completions)`);
  if (indexes !== undefined && count > total) {
    errors.invalid(at, count, `${most} ${total} (the number of indexes in the specified succeededIndexes field)`);
  }
}

/** How many indexes `1,3-5` names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0;
  let total = 0;
  let last = -1;
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2)
      return `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`;
    const numbers = limits.map((limit) => (/^\d+$/.test(limit) ? Number(limit) : Number.NaN));
    const bad = limits.find((_, i) => Number.isNaN(numbers[i]));
    if (bad !== undefined) return `cannot convert string to integer for index: "${bad}"`;
    const [first = 0, end = first] = numbers;
    const beyond = numbers.find((number) => number >= completions);
    if (beyond !== undefined) return `too large index: "${beyond}"`;
    if (limits.length === 2 && first >= end) return `non-increasing order, previous: ${first}, current: ${end}`;
    if (first <= last) return `non-increasing order, previous: ${last}, current: ${first}`;
    total += end - first + 1;
    last = end;
  }
  return total;
}
