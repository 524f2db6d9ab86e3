/** Writes a claim's allocation and reservation, and takes them back. Source: kubernetes …/dynamicresources.go bindClaim. */
import { coreV1, keyOf, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AllocationResult, ResourceClaim } from '@kapella/api/types/resource-v1';
import { type Ctx, formatTime, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';
import { SHARE_PENDING } from './allocator/results.ts';
import type { NodeExtended } from './extended-resources.ts';
import { isReservedFor } from './pod-claims.ts';

const FINALIZER = 'resource.kubernetes.io/delete-protection';
const CONFLICTS_MAX = 5;

/** Answers the claim as written. When someone else wrote meanwhile, it is written on what is there now. */
export async function bindClaim(
  claim: ResourceClaim,
  allocation: AllocationResult | undefined,
  pod: Pod,
  client: Client,
  ctx: Ctx,
): Promise<ResourceClaim> {
  const given = allocation === undefined ? undefined : withShareIds(allocation, ctx);
  let now = claim;
  for (let attempt = 1; ; attempt++) {
    if (isReservedFor(now, pod)) return now;
    try {
      return await writeClaim(now, given, pod, client, ctx);
    } catch (error) {
      if (!isReason(error, 'Conflict') || attempt >= CONFLICTS_MAX) throw error;
      const found = await client.get(resourceV1.ResourceClaim, claim, ctx);
      if (found === undefined) throw new Error(`claim ${keyOf(claim)} got deleted in the meantime`, { cause: error });
      now = found;
    }
  }
}

async function writeClaim(
  claim: ResourceClaim,
  allocation: AllocationResult | undefined,
  { metadata: { name, uid } }: Pod,
  client: Client,
  ctx: Ctx,
): Promise<ResourceClaim> {
  const own = keyOf(claim);
  if (claim.metadata.deletionTimestamp !== undefined) throw new Error(`claim ${own} got deleted in the meantime`);
  let current = claim;
  if (allocation !== undefined) {
    if (claim.status?.allocation !== undefined) throw new Error(`claim ${own} got allocated elsewhere in the meantime`);
    const { finalizers = [] } = claim.metadata;
    if (!finalizers.includes(FINALIZER)) {
      const metadata = { ...claim.metadata, finalizers: [...finalizers, FINALIZER] };
      current = await client.update(resourceV1.ResourceClaim, { ...claim, metadata }, ctx);
    }
  }
  const known = allocation ?? claim.status?.allocation;
  if (known === undefined) throw new Error(`claim ${own} got deallocated elsewhere in the meantime`);
  const reservedFor = [...(current.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
  const allocated = { allocationTimestamp: formatTime(ctx.clock.nowMs()), ...known };
  const status = { ...current.status, allocation: allocated, reservedFor };
  return client.update(resourceV1.ResourceClaim, { ...current, status }, ctx, { subresource: 'status' });
}

function withShareIds(allocation: AllocationResult, { random }: Ctx): AllocationResult {
  const { results = [] } = allocation.devices ?? {};
  if (!results.some(({ shareID }) => shareID === SHARE_PENDING)) return allocation;
  const named = results.map((row) => (row.shareID === SHARE_PENDING ? { ...row, shareID: random.uuid() } : row));
  return { ...allocation, devices: { ...allocation.devices, results: named } };
}

/** Says on the Pod which claim its containers' extended resources come from. */
export async function writeExtendedStatus(
  pod: Pod,
  claim: ResourceClaim,
  { mappings }: NodeExtended,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const extendedResourceClaimStatus = { requestMappings: mappings, resourceClaimName: claim.metadata.name };
  const body = { metadata: { uid: pod.metadata.uid }, status: { extendedResourceClaimStatus } };
  await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
}

/** Takes the Pod's reservation back; the allocation stays. */
export async function unreserveClaim(claim: ResourceClaim, pod: Pod, client: Client, ctx: Ctx): Promise<void> {
  const reservedFor = [{ $patch: 'delete', uid: pod.metadata.uid }];
  const body = { metadata: { uid: claim.metadata.uid }, status: { reservedFor } };
  await client.patch(resourceV1.ResourceClaim, claim, { type: 'strategic', body }, ctx, { subresource: 'status' });
}

/** Of a claim made for extended resources: nobody else will. */
export async function deleteClaim(claim: ResourceClaim, client: Client, ctx: Ctx): Promise<void> {
  const now = await client.get(resourceV1.ResourceClaim, claim, ctx);
  if (now === undefined || now.metadata.uid !== claim.metadata.uid) return;
  const finalizers = (now.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
  const metadata = { ...now.metadata, finalizers };
  if (finalizers.length !== now.metadata.finalizers?.length) {
    await client.update(resourceV1.ResourceClaim, { ...now, metadata }, ctx);
  }
  await client.delete(resourceV1.ResourceClaim, claim, ctx, { uid: claim.metadata.uid });
}
