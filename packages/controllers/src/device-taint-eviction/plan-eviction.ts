/** When a Pod must go because of taints of its devices. Source: kubernetes pkg/controller/devicetainteviction. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { DeviceTaint, DeviceToleration, ResourceClaim, ResourceSlice } from '@kapella/api/types/resource-v1';
import { parseTime } from '@kapella/base';

/** All slices of a pool; those of older generations than the newest do not count. */
export type SlicesOf = (driver: string, pool: string) => readonly ResourceSlice[];

/** Pure: milliseconds since the epoch, undefined for never. Taints without a time have been there for ever. */
export function claimEvictionMs(claim: ResourceClaim, slicesOf: SlicesOf): number | undefined {
  let dueMs: number | undefined;
  for (const result of claim.status?.allocation?.devices?.results ?? []) {
    for (const taint of taintsOf(slicesOf(result.driver, result.pool), result.device)) {
      const atMs = taintEvictionMs(taint, result.tolerations ?? []);
      if (atMs !== undefined) dueMs = Math.min(dueMs ?? atMs, atMs);
    }
  }
  return dueMs;
}

/** Unlike those of nodes: of all tolerations that fit, one for ever wins, else the shortest counts. */
function taintEvictionMs(taint: DeviceTaint, tolerations: readonly DeviceToleration[]): number | undefined {
  const sinceMs = parseTime(taint.timeAdded) ?? 0;
  const fitting = tolerations.filter((toleration) => toleration.effect === 'NoExecute' && tolerates(toleration, taint));
  const seconds = fitting.map(({ tolerationSeconds }) => tolerationSeconds);
  if (seconds.includes(undefined)) return undefined;
  const shortest = seconds.map((given) => Math.max(0, given ?? 0));
  return sinceMs + (shortest.length === 0 ? 0 : Math.min(...shortest) * 1_000);
}

function tolerates({ key, operator, value }: DeviceToleration, taint: DeviceTaint): boolean {
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (!operator || operator === 'Equal') && (value ?? '') === (taint.value ?? '');
}

function taintsOf(slices: readonly ResourceSlice[], device: string): readonly DeviceTaint[] {
  const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation));
  const found = slices
    .filter(({ spec }) => spec.pool.generation === newest)
    .flatMap(({ spec }) => spec.devices ?? [])
    .find(({ name }) => name === device);
  return (found?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

interface UsedClaim {
  readonly name: string;
  /** Made for this Pod. */
  readonly isOwn: boolean;
}

/** Pure: names of the claims that a Pod uses, as far as they are made. */
function claimNamesOf(pod: Pod): UsedClaim[] {
  return (pod.spec.resourceClaims ?? []).flatMap(({ name, resourceClaimName }): UsedClaim[] => {
    if (resourceClaimName) return [{ name: resourceClaimName, isOwn: false }];
    const made = pod.status?.resourceClaimStatuses?.find((status) => status.name === name)?.resourceClaimName;
    return made ? [{ name: made, isOwn: true }] : [];
  });
}

/** Pure: when the Pod must go; `claimOf` answers allocated claims of its namespace. */
export function podEvictionMs(
  pod: Pod,
  claimOf: (name: string) => ResourceClaim | undefined,
  slicesOf: SlicesOf,
): number | undefined {
  const hasEnded = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (!pod.spec.nodeName || hasEnded || pod.metadata.deletionTimestamp !== undefined) return undefined;
  let dueMs: number | undefined;
  for (const { name, isOwn } of claimNamesOf(pod)) {
    const claim = claimOf(name);
    if (claim === undefined || (isOwn && !isFor(claim, pod)) || !isReserved(claim, pod)) continue;
    const atMs = claimEvictionMs(claim, slicesOf);
    if (atMs !== undefined) dueMs = Math.min(dueMs ?? atMs, atMs);
  }
  return dueMs;
}

function isFor({ metadata }: ResourceClaim, pod: Pod): boolean {
  return (
    metadata.ownerReferences?.some(({ controller, uid }) => controller === true && uid === pod.metadata.uid) === true
  );
}

function isReserved({ status }: ResourceClaim, pod: Pod): boolean {
  return status?.reservedFor?.some(({ resource, uid }) => resource === 'pods' && uid === pod.metadata.uid) === true;
}
