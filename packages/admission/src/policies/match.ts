/** Which requests a policy or binding is about. Source: apiserver/pkg/admission/plugin/policy/matching. */
import { compileLabelSelector, type LabelSelector } from '@kapella/api';
import type { MatchResources, NamedRuleWithOperations } from '@kapella/api/types/admissionregistration-v1';
import type { AdmissionRequest, EquivalentKind, ServerAccess } from '@kapella/apiserver';
import { matchesNamespace, matchesObject, matchRules } from '../webhooks/match.ts';

export interface Matcher {
  readonly rules: readonly NamedRuleWithOperations[];
  readonly excluded: readonly NamedRuleWithOperations[];
  readonly matchPolicy: string | undefined;
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
}

/** undefined: everything. */
export function compileMatcher(resources: MatchResources | undefined): Matcher | undefined {
  if (resources === undefined) return undefined;
  return {
    rules: resources.resourceRules ?? [],
    excluded: resources.excludeResourceRules ?? [],
    matchPolicy: resources.matchPolicy,
    namespaceSelector: compileLabelSelector(resources.namespaceSelector ?? {}),
    objectSelector: compileLabelSelector(resources.objectSelector ?? {}),
  };
}

/** The version in which objects are to be shown; undefined: not about this request. */
export async function matchRequest(
  matcher: Matcher | undefined,
  request: AdmissionRequest,
  server: ServerAccess,
): Promise<'own' | EquivalentKind | undefined> {
  if (matcher === undefined) return 'own';
  const { matchPolicy } = matcher;
  if (matchRules(named(matcher.excluded, request), matchPolicy, request) !== undefined) return undefined;
  const form = matcher.rules.length === 0 ? 'own' : matchRules(named(matcher.rules, request), matchPolicy, request);
  if (form === undefined || !matchesObject(matcher.objectSelector, request)) return undefined;
  return (await matchesNamespace(matcher.namespaceSelector, request, server)) ? form : undefined;
}

/** Rules that say nothing of names, or this one. */
function named(
  rules: readonly NamedRuleWithOperations[],
  { name }: AdmissionRequest,
): readonly NamedRuleWithOperations[] {
  return rules.filter(({ resourceNames = [] }) => resourceNames.length === 0 || resourceNames.includes(name));
}
