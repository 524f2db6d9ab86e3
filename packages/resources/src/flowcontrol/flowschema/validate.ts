/** What a FlowSchema may say. Source: kubernetes pkg/apis/flowcontrol/validation/validation.go. */
import { validateDns1123Label } from '@kapella/api';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  ServiceAccountSubject,
  Subject,
} from '@kapella/api/types/flowcontrol-v1';
import { MANDATORY_SCHEMAS } from '@kapella/apiserver';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { checkDnsLabel, checkDnsSubdomain } from '../../support/validation/basic.ts';

const PRECEDENCE_MAX = 10_000;
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const METHODS = ['ByNamespace', 'ByUser'];
const MEMBERS = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

export function validateFlowSchema({ metadata, spec, status }: FlowSchema, errors: FieldErrors): void {
  const precedence = spec.matchingPrecedence ?? 0;
  const wrong = (why: string) => errors.invalid('spec.matchingPrecedence', precedence, why);
  if (precedence <= 0) wrong('must be a positive value');
  if (precedence > PRECEDENCE_MAX) wrong(`must not be greater than ${PRECEDENCE_MAX}`);
  if (precedence === 1 && metadata.name !== 'exempt') {
    wrong("only the schema named 'exempt' may have matchingPrecedence 1");
  }
  const method = spec.distinguisherMethod;
  if (method !== undefined && !METHODS.includes(method.type)) {
    errors.notSupported('spec.distinguisherMethod.type', method, METHODS);
  }
  const level = spec.priorityLevelConfiguration?.name ?? '';
  const levelPath = 'spec.priorityLevelConfiguration.name';
  if (level === '') errors.required(levelPath, 'must reference a priority level');
  else checkDnsSubdomain(level, errors, levelPath);
  (spec.rules ?? []).forEach((rule, i) => void checkRule(rule, errors, `spec.rules[${i}]`));
  const mandatory = MANDATORY_SCHEMAS.find((schema) => schema.metadata.name === metadata.name);
  if (mandatory !== undefined && !jsonEqual(spec, mandatory.spec)) {
    errors.invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`);
  }
  checkConditions(status?.conditions ?? [], errors);
}

export function checkConditions(conditions: readonly { readonly type?: string }[], errors: FieldErrors): void {
  const seen = new Set<string>();
  conditions.forEach(({ type = '' }, i) => {
    const path = `status.conditions[${i}].type`;
    if (seen.has(type)) errors.duplicate(path, type);
    seen.add(type);
    if (type === '') errors.required(path);
  });
}

function checkRule(rule: PolicyRulesWithSubjects, errors: FieldErrors, path: string): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  if (subjects.length === 0) errors.required(`${path}.subjects`, 'subjects must contain at least one value');
  subjects.forEach((subject, i) => void checkSubject(subject, errors, `${path}.subjects[${i}]`));
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  }
  resourceRules.forEach((each, i) => void checkResources(each, errors, `${path}.resourceRules[${i}]`));
  nonResourceRules.forEach((each, i) => void checkUrls(each, errors, `${path}.nonResourceRules[${i}]`));
}

function checkSubject(subject: Subject, errors: FieldErrors, path: string): void {
  const { kind } = subject;
  if (!Object.hasOwn(MEMBERS, kind)) {
    errors.notSupported(`${path}.kind`, kind, Object.keys(MEMBERS).sort());
    return;
  }
  const own = MEMBERS[kind as keyof typeof MEMBERS];
  const named = subject[own];
  const name = named?.name ?? '';
  if (named === undefined) errors.required(`${path}.${own}`, `${own} is required when subject kind is '${kind}'`);
  else if (name === '') errors.required(`${path}.${own}.name`);
  if (subject.serviceAccount !== undefined && kind === 'ServiceAccount') {
    checkAccount(subject.serviceAccount, errors, `${path}.serviceAccount`);
  }
  for (const [other, member] of Object.entries(MEMBERS)) {
    if (other === kind || subject[member] === undefined) continue;
    errors.forbidden(`${path}.${member}`, `${member} is forbidden when subject kind is not '${other}'`);
  }
}

function checkAccount({ name, namespace }: ServiceAccountSubject, errors: FieldErrors, path: string): void {
  if ((name ?? '') !== '' && name !== '*') checkDnsSubdomain(name, errors, `${path}.name`);
  const at = `${path}.namespace`;
  if ((namespace ?? '') === '') errors.required(at, 'must specify namespace for service account');
  else checkDnsLabel(namespace, errors, at);
}

/** `*` stands alone. */
function checkAlone(values: readonly string[], what: string, errors: FieldErrors, path: string): void {
  if (values.length > 1 && values.includes('*')) {
    errors.invalid(path, values, `if '*' is present, must not specify other ${what}`);
  }
}

function checkVerbs(verbs: readonly string[], errors: FieldErrors, path: string): void {
  if (verbs.length === 0) errors.required(path, 'verbs must contain at least one value');
  else if (verbs.includes('*')) checkAlone(verbs, 'verbs', errors, path);
  else if (verbs.some((verb) => !VERBS.includes(verb))) errors.notSupported(path, verbs, VERBS);
}

function checkResources(rule: ResourcePolicyRule, errors: FieldErrors, path: string): void {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  checkVerbs(verbs, errors, `${path}.verbs`);
  if (apiGroups.length === 0) errors.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
  checkAlone(apiGroups, 'api groups', errors, `${path}.apiGroups`);
  if (resources.length === 0) errors.required(`${path}.resources`, 'resource rules must supply at least one resource');
  checkAlone(resources, 'resources', errors, `${path}.resources`);
  const at = `${path}.namespaces`;
  if (namespaces.length === 0 && clusterScope !== true) {
    errors.required(at, 'resource rules that are not cluster scoped must supply at least one namespace');
  }
  checkAlone(namespaces, 'namespaces', errors, at);
  if (namespaces.includes('*')) return;
  namespaces.forEach((namespace, i) => {
    for (const why of validateDns1123Label(namespace)) {
      errors.invalid(`${at}[${i}]`, namespace, `each member of this list must be '*' or a DNS-1123 label; ${why}`);
    }
  });
}

function checkUrls(
  { verbs = [], nonResourceURLs = [] }: NonResourcePolicyRule,
  errors: FieldErrors,
  path: string,
): void {
  checkVerbs(verbs, errors, `${path}.verbs`);
  const at = `${path}.nonResourceURLs`;
  if (nonResourceURLs.length === 0) errors.required(at, 'nonResourceURLs must contain at least one value');
  checkAlone(nonResourceURLs, 'non-resource URLs', errors, at);
  if (nonResourceURLs.includes('*')) return;
  nonResourceURLs.forEach((url, i) => {
    const why = urlProblem(url);
    if (why !== undefined) errors.invalid(`${at}[${i}]`, url, why);
  });
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const wildcards = url.split('*').length - 1;
  const isSuffix = wildcards === 0 || (wildcards === 1 && url.endsWith('/*'));
  return isSuffix ? undefined : 'wildcard can only do suffix matching';
}
