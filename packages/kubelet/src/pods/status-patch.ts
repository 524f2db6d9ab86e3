/** The strategic merge patch that turns one Pod status into another. Conditions of others are never touched. */
import type { PodCondition, PodStatus } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { isOwnDisruption, OWNED_CONDITIONS } from '../lifecycle/conditions.ts';

/** Lists that the server would merge by key: they are replaced as a whole. */
const REPLACED: readonly string[] = ['podIPs', 'hostIPs'];
/** Written by others, or below. */
const SKIPPED: readonly string[] = [
  'conditions',
  'resourceClaimStatuses',
  'extendedResourceClaimStatus',
  'nominatedNodeName',
  'resize',
];

/** undefined = nothing to write. */
export function statusPatch(from: PodStatus, to: PodStatus, uid: string): object | undefined {
  const before = from as Readonly<Record<string, unknown>>;
  const after = to as Readonly<Record<string, unknown>>;
  const changes: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (SKIPPED.includes(key) || jsonEqual(before[key], after[key])) continue;
    changes[key] = patchValue(key, after[key]);
  }
  const conditions = changedConditions(from.conditions ?? [], to.conditions ?? []);
  if (conditions.length > 0) changes['conditions'] = conditions;
  return Object.keys(changes).length === 0 ? undefined : { metadata: { uid }, status: changes };
}

function patchValue(key: string, value: unknown): unknown {
  if (value === undefined) return null;
  return REPLACED.includes(key) ? [{ $patch: 'replace' }, ...(value as object[])] : value;
}

const FIELDS = ['reason', 'message', 'observedGeneration', 'lastProbeTime'] as const;

function changedConditions(from: readonly PodCondition[], to: readonly PodCondition[]): readonly object[] {
  const ours = to.filter((one) => OWNED_CONDITIONS.includes(one.type) || isOwnDisruption(one));
  const over = from.filter(({ type }) => OWNED_CONDITIONS.includes(type) && !ours.some((one) => one.type === type));
  const deletions = over.map(({ type }) => ({ $patch: 'delete', type }));
  const changes = ours.flatMap((next) => {
    const old = from.find(({ type }) => type === next.type);
    if (old !== undefined && jsonEqual(old, next)) return [];
    const gone = FIELDS.filter((field) => old?.[field] !== undefined && next[field] === undefined);
    return [{ ...next, ...Object.fromEntries(gone.map((field) => [field, null])) }];
  });
  return [...deletions, ...changes];
}
