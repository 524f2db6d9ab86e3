/** Whether an RBAC rule covers a request. Pure. Source: plugin/pkg/auth/authorizer/rbac/rbac.go, apis/rbac/v1/evaluation_helpers.go. */
import type { Attributes } from '../contract.ts';

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export function ruleAllows(rule: PolicyRule, request: Attributes): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  if (!request.isResource) return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, request.path));
  if (!has(rule.apiGroups, request.group)) return false;
  if (!(rule.resources ?? []).some((resource) => resourceMatches(resource, request))) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(request.name);
}

const has = (list: readonly string[] | undefined, value: string) =>
  list !== undefined && (list.includes(value) || list.includes('*'));

/** `*`, `pods`, `pods/log`, and a star with `/scale`. */
function resourceMatches(allowed: string, { resource, subresource }: Attributes): boolean {
  if (allowed === '*') return true;
  if (subresource === '') return allowed === resource;
  return allowed === `${resource}/${subresource}` || allowed === `*/${subresource}`;
}

function urlMatches(allowed: string, path: string): boolean {
  return allowed === '*' || allowed === path || (allowed.endsWith('*') && path.startsWith(allowed.replace(/\*+$/, '')));
}
