/** Evicts Pods from devices with NoExecute taints. Taints by DeviceTaintRules are off in 1.36. Source: …/devicetainteviction. */
import { coreV1, keyOf, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ResourceClaim, ResourceSlice } from '@kapella/api/types/resource-v1';
import { type Ctx, formatTime, isReason, jsonEqual } from '@kapella/base';
import type { Cache } from '@kapella/client';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { podEvictionMs, type SlicesOf } from './plan-eviction.ts';

const BY_POOL = 'by-pool';
const poolOf = (driver: string, pool: string) => `${driver}/${pool}`;

export function createDeviceTaintEvictionController(deps: ControllerDeps): Controller {
  const { cache, events } = deps;
  const slices = cache.informer(resourceV1.ResourceSlice);
  const claims = cache.informer(resourceV1.ResourceClaim);
  slices.addIndex(BY_POOL, ({ spec }) => [poolOf(spec.driver, spec.pool.name)]);
  claims.addIndex(BY_POOL, poolsOf);
  const slicesOf: SlicesOf = (driver, pool) => slices.byIndex(BY_POOL, poolOf(driver, pool));
  const scheduled = new Set<string>();
  return defineController<Pod>({
    name: 'device-taint-eviction-controller',
    primary: coreV1.Pod,
    primaryChanged: (pod, old) =>
      pod.spec.nodeName !== old.spec.nodeName ||
      pod.metadata.uid !== old.metadata.uid ||
      !jsonEqual(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses),
    watches: [
      { kind: resourceV1.ResourceClaim, keysOf: claimUsers },
      {
        kind: resourceV1.ResourceSlice,
        keysOf: (slice: ResourceSlice, old: ResourceSlice | undefined) => sliceUsers(slice, old, claims),
      },
    ],
    async reconcile(key, ctx) {
      const pod = cache.get(coreV1.Pod, key);
      if (pod === undefined || (pod.spec.resourceClaims ?? []).length === 0) {
        scheduled.delete(key);
        return {};
      }
      const claimOf = (name: string) => cache.get(resourceV1.ResourceClaim, `${pod.metadata.namespace}/${name}`);
      const dueMs = podEvictionMs(pod, claimOf, slicesOf);
      if (dueMs === undefined) {
        const isLive = pod.metadata.deletionTimestamp === undefined;
        if (scheduled.delete(key) && isLive) tell(events, pod, 'Cancelling deletion');
        return {};
      }
      scheduled.add(key);
      const leftMs = dueMs - ctx.clock.nowMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      await evict(deps, pod, ctx);
      scheduled.delete(key);
      return {};
    },
  });
}

const tell = (events: ControllerDeps['events'], pod: Pod, message: string) =>
  events.event(pod, 'Normal', 'DeviceTaintManagerEviction', message);

function poolsOf({ status }: ResourceClaim): string[] {
  const results = status?.allocation?.devices?.results ?? [];
  return [...new Set(results.map(({ driver, pool }) => poolOf(driver, pool)))];
}

/** Who has the claim, and who had it. */
function claimUsers(claim: ResourceClaim, old: ResourceClaim | undefined): string[] {
  const users = [...(claim.status?.reservedFor ?? []), ...(old?.status?.reservedFor ?? [])];
  const names = users.filter(({ resource, apiGroup }) => !apiGroup && resource === 'pods').map(({ name }) => name);
  return [...new Set(names)].map((name) => `${claim.metadata.namespace}/${name}`);
}

function sliceUsers(
  slice: ResourceSlice,
  old: ResourceSlice | undefined,
  claims: ReturnType<Cache['informer']>,
): string[] {
  if (old !== undefined && jsonEqual(old.spec, slice.spec)) return [];
  const { driver, pool } = slice.spec;
  const users = claims.byIndex(BY_POOL, poolOf(driver, pool.name)) as readonly ResourceClaim[];
  return users.flatMap((claim) => claimUsers(claim, undefined));
}

async function evict({ client, events }: ControllerDeps, pod: Pod, ctx: Ctx): Promise<void> {
  tell(events, pod, 'Marking for deletion');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True' as const,
    reason: 'DeletionByDeviceTaintManager',
    message: 'Device Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(ctx.clock.nowMs()),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
  };
  const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
  try {
    await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
    await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
  } catch (error) {
    // Gone, or another Pod of this name: nothing to evict.
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    ctx.log.debug('pod to evict is gone', { pod: keyOf(pod) });
  }
}
