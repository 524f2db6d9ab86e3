/** Whether rules grant no more than others. Pure. Source: component-helpers/auth/rbac/validation/policy_comparator.go. */
import type { PolicyRule } from './rules.ts';

/** What of `wanted` is not in `held`: one rule per verb, group, resource and name. Empty: all of it is held. */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(singleRules).filter((single) => !held.some((rule) => covers(rule, single)));
}

/** One rule per combination; names stay apart as well. */
function singleRules({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): PolicyRule[] {
  const names = resourceNames.length === 0 ? [{}] : resourceNames.map((name) => ({ resourceNames: [name] }));
  const ofResources = apiGroups.flatMap((group) =>
    resources.flatMap((resource) => names.map((name) => ({ apiGroups: [group], resources: [resource], ...name }))),
  );
  const ofUrls = nonResourceURLs.map((url) => ({ nonResourceURLs: [url] }));
  return verbs.flatMap((verb) => [...ofResources, ...ofUrls].map((rest) => ({ verbs: [verb], ...rest })));
}

function covers(rule: PolicyRule, single: PolicyRule): boolean {
  if (!hasAll(rule.verbs, single.verbs)) return false;
  const [url] = single.nonResourceURLs ?? [];
  if (url !== undefined) {
    return (rule.nonResourceURLs ?? []).some(
      (own) => own === url || (own.endsWith('*') && url.startsWith(own.slice(0, -1))),
    );
  }
  if (!hasAll(rule.apiGroups, single.apiGroups)) return false;
  const [resource = ''] = single.resources ?? [];
  const slash = resource.indexOf('/');
  const resources = rule.resources ?? [];
  const hasResource =
    resources.includes('*') ||
    resources.includes(resource) ||
    (slash >= 0 && resources.includes(`*${resource.slice(slash)}`));
  if (!hasResource) return false;
  const names = rule.resourceNames ?? [];
  return (
    names.length === 0 ||
    ((single.resourceNames?.length ?? 0) > 0 && names.includes(single.resourceNames?.[0] as string))
  );
}

function hasAll(own: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return own.includes('*') || wanted.every((value) => own.includes(value));
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`, sorted, verbs of the same resource together. */
export function describeRules(rules: readonly PolicyRule[]): readonly string[] {
  const verbsByRest = new Map<string, string[]>();
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of rules) {
    const parts = [
      listText('APIGroups', apiGroups),
      listText('Resources', resources),
      listText('NonResourceURLs', nonResourceURLs),
      listText('ResourceNames', resourceNames),
    ]
      .filter((text) => text !== '')
      .join(', ');
    verbsByRest.set(parts, [...(verbsByRest.get(parts) ?? []), ...verbs]);
  }
  return [...verbsByRest].map(([parts, verbs]) => `{${parts}, ${listText('Verbs', verbs)}}`).sort();
}

function listText(name: string, values: readonly string[] | undefined): string {
  if (values === undefined || values.length === 0) return '';
  return `${name}:[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
