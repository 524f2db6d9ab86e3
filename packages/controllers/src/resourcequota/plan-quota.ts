/** The status of a quota. Pure. Source: kubernetes pkg/controller/resourcequota, apiserver pkg/quota/v1/resources.go. */
import { type KubeObject, Quantity } from '@kapella/api';
import type { ResourceQuota, ResourceQuotaStatus, ScopedResourceSelectorRequirement } from '@kapella/api/types/core-v1';
import { addAmounts, type Amounts, parseAmounts } from './amounts.ts';
import type { Evaluator } from './usage.ts';

export interface QuotaInput {
  readonly quota: ResourceQuota;
  /** For the names that the quota bounds; each with the objects of the namespace. */
  readonly groups: readonly { readonly evaluator: Evaluator; readonly objects: readonly KubeObject[] }[];
  readonly nowMs: number;
}

/** Undefined when the status is right as it is. */
export function planQuota({ quota, groups, nowMs }: QuotaInput): ResourceQuotaStatus | undefined {
  const hard = quota.spec?.hard ?? {};
  const names = Object.keys(hard);
  const scopes = scopesOf(quota);
  const fresh = new Map<string, Quantity>();
  for (const { evaluator, objects } of groups) {
    const counted = names.filter((name) => evaluator.counts(name));
    if (counted.length === 0) continue;
    const matching = objects.filter((object) => scopes.every((scope) => evaluator.inScope(object, scope)));
    const usage = matching
      .map((object) => evaluator.usage(object, nowMs))
      .reduce(addAmounts, new Map<string, Quantity>());
    for (const name of counted) fresh.set(name, usage.get(name) ?? Quantity.zero);
  }
  const before = parseAmounts(quota.status?.used);
  const used = new Map([...before, ...fresh].filter(([name]) => Object.hasOwn(hard, name)));
  const isRight =
    quota.status?.used !== undefined &&
    sameAmounts(parseAmounts(quota.status.hard), parseAmounts(hard)) &&
    sameAmounts(before, used);
  if (isRight || (names.length === 0 && quota.status?.hard === undefined && quota.status?.used === undefined))
    return undefined;
  return {
    hard,
    used: Object.fromEntries(
      [...used].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, amount]) => [name, amount.toString()]),
    ),
  };
}

export function scopesOf({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  const plain = (spec?.scopes ?? []).map(
    (scopeName): ScopedResourceSelectorRequirement => ({ scopeName, operator: 'Exists' }),
  );
  return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

function sameAmounts(a: Amounts, b: Amounts): boolean {
  return a.size === b.size && [...a].every(([name, amount]) => b.get(name)?.equals(amount) === true);
}
