/** Carries out a slice plan and finds whose a slice is. Source: k8s.io/endpointslice/reconciler.go, finalize. */
import { discoveryV1 } from '@kapella/api';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { type Ctx, isReason } from '@kapella/base';
import type { Cache, Client } from '@kapella/client';
import type { WatchSource } from '@kapella/controller';
import { isNamespaceTerminating } from '../workload/index.ts';
import type { OwnWrites } from './own-writes.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from './plan-service.ts';
import type { SlicePlan } from './plan-slices.ts';

const OWNER_INDEX = 'endpointslice-owner';

/** `namespace/service|manager`. */
function filedUnder({ metadata: { namespace = '', labels = {} } }: EndpointSlice): string[] {
  const name = labels[SERVICE_NAME_LABEL];
  return name ? [`${namespace}/${name}|${labels[MANAGED_BY_LABEL] ?? ''}`] : [];
}

/** The slices that `manager` keeps for this key and that are not going. */
export function slicesOf(cache: Cache, manager: string, key: string): readonly EndpointSlice[] {
  const informer = cache.informer(discoveryV1.EndpointSlice);
  informer.addIndex(OWNER_INDEX, filedUnder);
  const found = informer.byIndex(OWNER_INDEX, `${key}|${manager}`);
  return found.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Events on a manager's slices that show someone else's change queue their owner. */
export function watchSlices(manager: string, writes: OwnWrites): WatchSource<EndpointSlice> {
  const keyOfOwner = ({ metadata: { namespace = '', labels = {} } }: EndpointSlice) => {
    const name = labels[SERVICE_NAME_LABEL];
    return name && labels[MANAGED_BY_LABEL] === manager ? `${namespace}/${name}` : undefined;
  };
  return {
    kind: discoveryV1.EndpointSlice,
    keysOf(slice, old, deleted) {
      const key = keyOfOwner(slice);
      const before = old === undefined ? undefined : keyOfOwner(old);
      const keys = before !== undefined && before !== key ? [before] : [];
      if (key !== undefined && !writes.observed(key, slice, deleted)) keys.push(key);
      return keys;
    },
  };
}

/** Throws the first refusal, after which only what the cache shows counts. */
export async function writeSlices(
  client: Client,
  writes: OwnWrites,
  owner: string,
  plan: SlicePlan,
  ctx: Ctx,
): Promise<void> {
  const nowMs = ctx.clock.monotonicMs();
  try {
    for (const slice of plan.create) {
      writes.wrote(owner, await client.create(discoveryV1.EndpointSlice, slice, ctx), nowMs);
    }
    for (const slice of plan.update) {
      writes.wrote(owner, await client.update(discoveryV1.EndpointSlice, slice, ctx), nowMs);
    }
    for (const slice of plan.delete) {
      await client.delete(discoveryV1.EndpointSlice, slice, ctx, { uid: slice.metadata.uid }).catch((error) => {
        if (!isReason(error, 'NotFound')) throw error;
      });
      writes.deleted(owner, slice, nowMs);
    }
  } catch (error) {
    // In a namespace that goes away every creation fails: nothing to try again.
    if (isNamespaceTerminating(error)) return;
    writes.forget(owner);
    throw error;
  }
}
