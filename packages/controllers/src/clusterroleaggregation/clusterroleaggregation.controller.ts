/** Fills aggregated ClusterRoles from those that their rule selects. Source: …/controller/clusterroleaggregation. */
import { compileLabelSelector, rbacV1 } from '@kapella/api';
import type { ClusterRole, PolicyRule } from '@kapella/api/types/rbac-v1';
import { jsonEqual } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

export function createClusterRoleAggregationController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'clusterrole-aggregation-controller',
    primary: rbacV1.ClusterRole,
    watches: [
      {
        kind: rbacV1.ClusterRole,
        keysOf: () =>
          cache
            .list(rbacV1.ClusterRole)
            .filter(isAggregated)
            .map((role) => role.metadata.name),
      },
    ],
    async reconcile(name, ctx) {
      const role = cache.get(rbacV1.ClusterRole, name);
      if (role === undefined || !isAggregated(role) || role.metadata.deletionTimestamp !== undefined) return {};
      const rules = planRules(role, cache.list(rbacV1.ClusterRole));
      if (jsonEqual(rules, role.rules ?? [])) return {};
      await client.update(rbacV1.ClusterRole, { ...role, rules }, ctx);
      return {};
    },
  });
}

const isAggregated = (role: ClusterRole) => role.aggregationRule !== undefined && role.aggregationRule !== null;

/** Pure: the rules of all selected roles in order of their names, each rule once. */
export function planRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(compileLabelSelector);
  const sources = all
    .filter((other) => other.metadata.name !== role.metadata.name)
    .filter((other) => selectors.some((selector) => selector.matches(other.metadata.labels ?? {})))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const rule of sources.flatMap((source) => source.rules ?? [])) {
    if (!rules.some((known) => jsonEqual(known, rule))) rules.push(rule);
  }
  return rules;
}
