/**
 * Devices that must be made ready after they were chosen, before the Pod is bound.
 * Source: kubernetes …/plugins/dynamicresources/dynamicresources.go isClaimReadyForBinding.
 */
import { parseTime } from '@kapella/base';
import type { DeviceRequestAllocationResult, ResourceClaim } from '@kapella/api/types/resource-v1';

/** `waiting` until every condition of every device is true; `failed`: one of those that say it cannot be done is. */
export type Readiness = 'ready' | 'waiting' | { readonly failed: string };

export function hasBindingConditions({ status }: ResourceClaim): boolean {
  return resultsOf(status).some(({ bindingConditions = [] }) => bindingConditions.length > 0);
}

export function readinessOf({ metadata, status }: ResourceClaim): Readiness {
  if (status?.allocation === undefined) return 'waiting';
  for (const result of resultsOf(status)) {
    const { bindingConditions = [], bindingFailureConditions = [] } = result;
    if (bindingConditions.length === 0) continue;
    const conditions = conditionsOf(status, result);
    if (conditions === undefined) return 'waiting';
    const failed = conditions.find(({ type, status: is }) => bindingFailureConditions.includes(type) && is === 'True');
    if (failed !== undefined) {
      const why = `claim=${metadata.name}, reason=${failed.reason ?? ''}, message=${JSON.stringify(failed.message ?? '')}`;
      return { failed: `device binding failed: ${why}` };
    }
    const isTrue = (type: string) => conditions.some((is) => is.type === type && is.status === 'True');
    if (!bindingConditions.every(isTrue)) return 'waiting';
  }
  return 'ready';
}

export function isTimedOut(claim: ResourceClaim, timeoutMs: number, nowMs: number): boolean {
  const since = parseTime(claim.status?.allocation?.allocationTimestamp);
  return since !== undefined && hasBindingConditions(claim) && since + timeoutMs < nowMs;
}

/** Whether an allocated claim keeps the Pod from being bound for good. */
export function isStuck(claim: ResourceClaim, timeoutMs: number, nowMs: number | undefined): boolean {
  const readiness = readinessOf(claim);
  if (readiness === 'ready') return false;
  return readiness !== 'waiting' || (nowMs !== undefined && isTimedOut(claim, timeoutMs, nowMs));
}

function resultsOf(status: ResourceClaim['status']): readonly DeviceRequestAllocationResult[] {
  return status?.allocation?.devices?.results ?? [];
}

function conditionsOf(status: ResourceClaim['status'], { driver, pool, device }: DeviceRequestAllocationResult) {
  const found = (status?.devices ?? []).find((of) => of.device === device && of.driver === driver && of.pool === pool);
  return found === undefined ? undefined : (found.conditions ?? []);
}
