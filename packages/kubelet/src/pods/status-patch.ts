/** The strategic merge patch that turns one Pod status into another. Conditions of others are never touched. */
import type { PodCondition, PodStatus } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { OWNED_CONDITIONS } from '../lifecycle/conditions.ts';

/** Lists that the server would merge by key: they are replaced as a whole. */
const REPLACED = ['podIPs', 'hostIPs'] as const;
const NOT_OURS = ['resourceClaimStatuses', 'extendedResourceClaimStatus', 'nominatedNodeName', 'resize'] as const;

/** undefined = nothing to write. */
export function statusPatch(from: PodStatus, to: PodStatus, uid: string): object | undefined {
  const before = from as Readonly<Record<string, unknown>>;
  const after = to as Readonly<Record<string, unknown>>;
  const changes: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === 'conditions' || (NOT_OURS as readonly string[]).includes(key)) continue;
    if (jsonEqual(before[key], after[key])) continue;
    const value = after[key];
    if (value === undefined) changes[key] = null;
    else
      changes[key] = (REPLACED as readonly string[]).includes(key)
        ? [{ $patch: 'replace' }, ...(value as object[])]
        : value;
  }
  const conditions = changedConditions(from.conditions ?? [], to.conditions ?? []);
  if (conditions.length > 0) changes['conditions'] = conditions;
  return Object.keys(changes).length === 0 ? undefined : { metadata: { uid }, status: changes };
}

const FIELDS = ['reason', 'message', 'observedGeneration', 'lastProbeTime'] as const;

function changedConditions(from: readonly PodCondition[], to: readonly PodCondition[]): readonly object[] {
  const ours = to.filter(({ type }) => OWNED_CONDITIONS.includes(type));
  return ours.flatMap((next) => {
    const old = from.find(({ type }) => type === next.type);
    if (old !== undefined && jsonEqual(old, next)) return [];
    const gone = FIELDS.filter((field) => old?.[field] !== undefined && next[field] === undefined);
    return [{ ...next, ...Object.fromEntries(gone.map((field) => [field, null])) }];
  });
}
