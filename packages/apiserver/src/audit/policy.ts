/** Which requests are recorded, and how much of them: audit.k8s.io/v1 Policy. Source: apiserver/pkg/audit/policy. */
import { parse } from 'yaml';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type AuditLevel = (typeof LEVELS)[number];
export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type AuditStage = (typeof STAGES)[number];

export interface AuditPolicy {
  readonly rules: readonly PolicyRule[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

export interface PolicyRule {
  readonly level: AuditLevel;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceURLs: readonly string[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean | undefined;
}

export interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

export interface RequestAudit {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

type Evaluate = (user: UserInfo | undefined, info: RequestInfo) => RequestAudit;

/** The first rule that matches decides; nothing is recorded where none does. */
export function policyEvaluator(policy: AuditPolicy): Evaluate {
  const none: RequestAudit = { level: 'None', omitStages: new Set(policy.omitStages), omitManagedFields: false };
  const rules = policy.rules.map((rule) => ({
    rule,
    audit: {
      level: rule.level,
      omitStages: new Set([...policy.omitStages, ...rule.omitStages]),
      omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
    },
  }));
  return (user, info) => rules.find(({ rule }) => matches(rule, user, info))?.audit ?? none;
}

function matches(rule: PolicyRule, user: UserInfo | undefined, info: RequestInfo): boolean {
  if (rule.users.length > 0 && !(user !== undefined && rule.users.includes(user.username))) return false;
  if (rule.userGroups.length > 0 && user?.groups.some((group) => rule.userGroups.includes(group)) !== true)
    return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(info.verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return matchesResource(rule, info);
  if (rule.nonResourceURLs.length > 0) {
    return !info.isResource && rule.nonResourceURLs.some((url) => matchesPath(info.path, url));
  }
  return true;
}

function matchesPath(path: string, url: string): boolean {
  if (url === '*' || url === path) return true;
  return url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''));
}

function matchesResource({ namespaces, resources }: PolicyRule, info: RequestInfo): boolean {
  if (!info.isResource) return false;
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
  if (resources.length === 0) return true;
  const combined = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  return resources.some(({ group, resources: names, resourceNames }) => {
    if (group !== '*' && group !== info.group) return false;
    if (names.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(info.name)) return false;
    return names.some(
      (name) =>
        name === '*' ||
        name === combined ||
        (info.subresource !== '' && name === `*/${info.subresource}`) ||
        name === `${info.resource}/*`,
    );
  });
}

type Raw = Readonly<Record<string, unknown>>;

/** Throws Error that says what is wrong with the policy, all of it. Unknown fields are passed over, as upstream does. */
export function parseAuditPolicy(text: string): AuditPolicy {
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('the audit policy is no object');
  const raw = value as Raw;
  if (raw['apiVersion'] !== 'audit.k8s.io/v1' || raw['kind'] !== 'Policy') {
    const given = `${String(raw['apiVersion'])}, Kind=${String(raw['kind'])}`;
    throw new Error(`unknown group version field ${given} in policy: give apiVersion audit.k8s.io/v1 and kind Policy`);
  }
  const problems: string[] = [];
  const rules = listOf(raw['rules']).map((rule, i) => readRule(rule as Raw, `rules[${i}]`, problems));
  const omitStages = stagesOf(raw['omitStages'], 'omitStages', problems);
  if (problems.length > 0) throw new Error(problems.join('; '));
  if (rules.length === 0) throw new Error('loaded illegal policy with 0 rules');
  return { rules, omitStages, omitManagedFields: raw['omitManagedFields'] === true };
}

function readRule(raw: Raw, path: string, problems: string[]): PolicyRule {
  const level = raw['level'];
  if (level === undefined || level === '') problems.push(`${path}.level: Required value`);
  else if (!LEVELS.includes(level as AuditLevel)) {
    const names = LEVELS.map((name) => JSON.stringify(name)).join(', ');
    problems.push(`${path}.level: Unsupported value: ${JSON.stringify(level)}: supported values: ${names}`);
  }
  const omitManagedFields = raw['omitManagedFields'];
  const rule: PolicyRule = {
    level: level as AuditLevel,
    users: stringsOf(raw['users']),
    userGroups: stringsOf(raw['userGroups']),
    verbs: stringsOf(raw['verbs']),
    resources: listOf(raw['resources']).map((resource) => readResources(resource as Raw, path, problems)),
    namespaces: stringsOf(raw['namespaces']),
    nonResourceURLs: stringsOf(raw['nonResourceURLs']),
    omitStages: stagesOf(raw['omitStages'], `${path}.omitStages`, problems),
    omitManagedFields: typeof omitManagedFields === 'boolean' ? omitManagedFields : undefined,
  };
  checkPaths(rule, path, problems);
  return rule;
}

function checkPaths({ nonResourceURLs, resources, namespaces }: PolicyRule, path: string, problems: string[]): void {
  nonResourceURLs.forEach((url, i) => {
    const at = `${path}.nonResourceURLs[${i}]: Invalid value: ${JSON.stringify(url)}`;
    if (url === '*') return;
    if (!url.startsWith('/')) problems.push(`${at}: non-resource URL rules must begin with a '/' character`);
    if (url.slice(0, -1).includes('*')) {
      problems.push(`${at}: non-resource URL wildcards '*' must be the final character of the rule`);
    }
  });
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    problems.push(`${path}.nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs`);
  }
}

function readResources(raw: Raw, path: string, problems: string[]): GroupResources {
  const group = typeof raw['group'] === 'string' ? raw['group'] : '';
  const resources = stringsOf(raw['resources']);
  const resourceNames = stringsOf(raw['resourceNames']);
  if (
    group !== '' &&
    group !== '*' &&
    !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(group)
  ) {
    problems.push(
      `${path}.resources.group: Invalid value: ${JSON.stringify(group)}: a group has no version, as in apps`,
    );
  }
  if (resourceNames.length > 0 && resources.length === 0) {
    problems.push(`${path}.resources.resourceNames: using resourceNames requires at least one resource`);
  }
  return { group, resources, resourceNames };
}

function stagesOf(value: unknown, path: string, problems: string[]): readonly AuditStage[] {
  const stages = stringsOf(value);
  stages.forEach((stage, i) => {
    if (STAGES.includes(stage as AuditStage)) return;
    problems.push(`${path}[${i}]: Invalid value: ${JSON.stringify(stage)}: allowed stages are ${STAGES.join(',')}`);
  });
  return stages as readonly AuditStage[];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
