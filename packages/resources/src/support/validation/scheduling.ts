/** Where Pods may run. Source: kubernetes pkg/apis/core/validation, validateAffinity and following. */
import {
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  validateLabelName,
  validateLabelSelector,
  validateLabelValue,
} from '@kapella/api';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '@kapella/api/types/core-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkPositive } from './basic.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function checkTolerations(tolerations: readonly Toleration[], errors: FieldErrors, field: string): void {
  for (const [i, toleration] of tolerations.entries()) checkToleration(toleration, errors, `${field}[${i}]`);
}

function checkToleration(toleration: Toleration, errors: FieldErrors, at: string): void {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  if (key !== '') validateLabelName(key, errors, `${at}.key`);
  else if (operator !== 'Exists') {
    const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.invalid(`${at}.operator`, operator, why);
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  checkOperator(operator, value, errors, `${at}.operator`);
  if (effect !== '' && !EFFECTS.includes(effect)) errors.notSupported(`${at}.effect`, effect, EFFECTS);
}

function checkOperator(operator: string, value: string, errors: FieldErrors, field: string): void {
  if (operator === '' || operator === 'Equal') {
    const wrong = validateLabelValue(value);
    if (wrong.length > 0) errors.invalid(field, value, wrong.join(';'));
  } else if (operator === 'Exists') {
    if (value !== '') errors.invalid(field, value, "value must be empty when `operator` is 'Exists'");
  } else {
    const compares = operator === 'Lt' || operator === 'Gt';
    errors.notSupported(field, operator, ['Equal', 'Exists', ...(compares ? ['Lt', 'Gt'] : [])]);
  }
}

export function checkAffinity(affinity: Affinity | undefined, errors: FieldErrors, field: string): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  if (nodeAffinity !== undefined) {
    const at = `${field}.nodeAffinity`;
    if (nodeAffinity[REQUIRED] !== undefined) checkNodeSelector(nodeAffinity[REQUIRED], errors, `${at}.${REQUIRED}`);
    for (const [i, { weight, preference }] of (nodeAffinity[PREFERRED] ?? []).entries()) {
      checkWeight(weight, errors, `${at}.${PREFERRED}[${i}].weight`);
      checkTerm(preference, true, errors, `${at}.${PREFERRED}[${i}].preference`);
    }
  }
  if (podAffinity !== undefined) checkPodTerms(podAffinity, errors, `${field}.podAffinity`);
  if (podAntiAffinity !== undefined) checkPodTerms(podAntiAffinity, errors, `${field}.podAntiAffinity`);
}

function checkWeight(weight: number, errors: FieldErrors, field: string): void {
  if (!(weight >= 1 && weight <= 100)) errors.invalid(field, weight ?? 0, 'must be in the range 1-100');
}

export function checkNodeSelector(selector: NodeSelector, errors: FieldErrors, field: string): void {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) errors.required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term');
  for (const [i, term] of terms.entries()) checkTerm(term, false, errors, `${field}.nodeSelectorTerms[${i}]`);
}

function checkTerm(term: NodeSelectorTerm | undefined, anyValue: boolean, errors: FieldErrors, field: string): void {
  for (const [i, requirement] of (term?.matchExpressions ?? []).entries()) {
    checkRequirement(requirement, anyValue, errors, `${field}.matchExpressions[${i}]`);
  }
  for (const [i, { key, operator, values = [] }] of (term?.matchFields ?? []).entries()) {
    const at = `${field}.matchFields[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length !== 1) {
        const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
        errors.required(`${at}.values`, why);
      }
    } else errors.invalid(`${at}.operator`, operator, 'not a valid selector operator');
    if (key !== 'metadata.name') errors.invalid(`${at}.key`, key, 'not a valid field selector key');
    else {
      for (const [j, value] of values.entries()) {
        addInvalid(errors, `${at}.values[${j}]`, value, nameIsDnsSubdomain(value, false));
      }
    }
  }
}

function checkRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  anyValue: boolean,
  errors: FieldErrors,
  field: string,
): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      }
      break;
    default:
      errors.invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator');
  }
  validateLabelName(key ?? '', errors, `${field}.key`);
  if (anyValue) return;
  for (const [i, value] of values.entries())
    addInvalid(errors, `${field}.values[${i}]`, value, validateLabelValue(value));
}

function checkPodTerms(rules: PodAffinity, errors: FieldErrors, field: string): void {
  for (const [i, term] of (rules[REQUIRED] ?? []).entries()) checkPodTerm(term, errors, `${field}.${REQUIRED}[${i}]`);
  for (const [i, { weight, podAffinityTerm }] of (rules[PREFERRED] ?? []).entries()) {
    checkWeight(weight, errors, `${field}.${PREFERRED}[${i}].weight`);
    checkPodTerm(podAffinityTerm, errors, `${field}.${PREFERRED}[${i}].podAffinityTerm`);
  }
}

function checkPodTerm(term: PodAffinityTerm, errors: FieldErrors, field: string): void {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term;
  if (labelSelector !== undefined) validateLabelSelector(labelSelector, errors, `${field}.labelSelector`);
  if (namespaceSelector !== undefined) validateLabelSelector(namespaceSelector, errors, `${field}.namespaceSelector`);
  for (const name of namespaces) addInvalid(errors, `${field}.namespace`, name, nameIsDnsLabel(name, false));
  checkLabelKeys(term.matchLabelKeys, term.mismatchLabelKeys, labelSelector, errors, field);
  if (topologyKey === '') errors.required(`${field}.topologyKey`, 'can not be empty');
  validateLabelName(topologyKey, errors, `${field}.topologyKey`);
}

function checkKeyList(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  errors: FieldErrors,
  field: string,
): void {
  if (keys.length === 0) return;
  if (selector === undefined) {
    errors.forbidden(field, 'must not be specified when labelSelector is not set');
    return;
  }
  for (const [i, key] of keys.entries()) validateLabelName(key, errors, `${field}[${i}]`);
}

function checkLabelKeys(
  matching: readonly string[] = [],
  mismatching: readonly string[] = [],
  selector: LabelSelector | undefined,
  errors: FieldErrors,
  field: string,
): void {
  checkKeyList(matching, selector, errors, `${field}.matchLabelKeys`);
  checkKeyList(mismatching, selector, errors, `${field}.mismatchLabelKeys`);
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    // A key twice: once by the user, once as matchLabelKeys adds it on creation.
    if (matching.includes(key) && seen.has(key)) {
      errors.invalid(`${field}[${matching.indexOf(key)}]`, key, 'exists in both matchLabelKeys and labelSelector');
    }
    seen.add(key);
  }
  for (const [i, key] of matching.entries()) {
    if (!mismatching.includes(key)) continue;
    errors.invalid(`${field}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  }
}

function checkMinDomains(minDomains: number, whenUnsatisfiable: string, errors: FieldErrors, field: string): void {
  checkPositive(minDomains, errors, field);
  if (whenUnsatisfiable === 'DoNotSchedule') return;
  const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
  errors.invalid(field, minDomains, why);
}

function checkInclusion(policy: string | undefined, errors: FieldErrors, field: string): void {
  if (policy === undefined || policy === 'Honor' || policy === 'Ignore') return;
  errors.notSupported(field, policy, ['Honor', 'Ignore']);
}

export function checkSpread(
  constraints: readonly TopologySpreadConstraint[],
  errors: FieldErrors,
  field: string,
): void {
  for (const [i, constraint] of constraints.entries()) {
    const at = `${field}[${i}]`;
    const { topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
    checkPositive(constraint.maxSkew ?? 0, errors, `${at}.maxSkew`);
    if (!topologyKey) errors.required(`${at}.topologyKey`, 'can not be empty');
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
      errors.notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway']);
    }
    const again = constraints
      .slice(i + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (again) errors.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    if (minDomains !== undefined) checkMinDomains(minDomains, whenUnsatisfiable, errors, `${at}.minDomains`);
    checkInclusion(constraint.nodeAffinityPolicy, errors, `${at}.nodeAffinityPolicy`);
    checkInclusion(constraint.nodeTaintsPolicy, errors, `${at}.nodeTaintsPolicy`);
    checkLabelKeys(constraint.matchLabelKeys, undefined, labelSelector, errors, at);
    if (labelSelector !== undefined) validateLabelSelector(labelSelector, errors, `${at}.labelSelector`);
  }
}
