/** Devices for Pods with resource claims. Source: kubernetes …/plugins/dynamicresources. */
import { keyOf, parseDurationMs, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AllocationResult, ResourceClaim } from '@kapella/api/types/resource-v1';
import { type Ctx, jsonEqual } from '@kapella/base';
import { DEFAULT_SCHEDULER } from '../../config/types.ts';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { isSamePod } from '../../framework/hints.ts';
import type { Cycle, PluginFactory, PluginHandle, PostFilterAnswer } from '../../framework/plugin.ts';
import { unresolvable } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import { allocatedStateOf } from './allocator/allocated-state.ts';
import { DeviceSelectors } from './allocator/device-selector.ts';
import { SliceIndex } from './allocator/pools.ts';
import { bindClaim, deleteClaim, unreserveClaim, writeExtendedStatus } from './bind-claim.ts';
import { hasBindingConditions, isTimedOut, readinessOf } from './binding-conditions.ts';
import { ClaimsFilter } from './claims-filter.ts';
import { claimToCreate, ExtendedResources, isInMemory } from './extended-resources.ts';
import { Pending } from './pending.ts';
import { canBeReserved, isReservedFor, podResourceClaims } from './pod-claims.ts';

export interface DynamicResourcesArgs {
  readonly filterTimeout?: string;
  readonly bindingTimeout?: string;
}

const NAME = 'DynamicResources';
const BINDING_TIMEOUT_MS = 600_000;

export const dynamicResources: PluginFactory<DynamicResourcesArgs> = {
  name: NAME,
  create({ bindingTimeout }, { lookup, nowMs }) {
    const pending = new Pending(lookup);
    const selectors = new DeviceSelectors();
    const bindingTimeoutMs = parseDurationMs(bindingTimeout ?? '') ?? BINDING_TIMEOUT_MS;
    return {
      name: NAME,
      events: [
        {
          resource: 'ResourceClaim',
          actions: ['Add', 'Update', 'Delete'],
          hint: (pod, event) => helps(pod, event, lookup),
        },
        { resource: 'UnscheduledPod', actions: ['UpdatePodGeneratedResourceClaim'], hint: isSamePod },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel', 'UpdateNodeAllocatable'] },
        { resource: 'DeviceClass', actions: ['Add', 'Update'] },
        { resource: 'ResourceSlice', actions: ['Add', 'Update'] },
      ],
      preEnqueue(pod) {
        const claims = podResourceClaims(pod, lookup);
        return typeof claims === 'string' ? claims : undefined;
      },
      preFilter({ pod }) {
        const claims = podResourceClaims(pod, lookup);
        if (typeof claims === 'string') return unresolvable(claims);
        const extended = ExtendedResources.of(pod, lookup);
        if (claims.length === 0 && extended === undefined) return 'skip';
        const held = pending.claims();
        const all = extended === undefined ? claims : [...claims, extended.claim];
        const why = all.map((claim) => whyNot(claim, pod, lookup, pending)).find((text) => text !== undefined);
        if (why !== undefined) return unresolvable(why);
        const allocator = {
          slices: new SliceIndex(lookup.list('ResourceSlice')),
          classOf: (name: string) => lookup.get('DeviceClass', name),
          selectors,
          allocated: allocatedStateOf([...lookup.list('ResourceClaim'), ...held]),
        };
        return new ClaimsFilter({ claims, extended, allocator, bindingTimeoutMs, nowMs: nowMs?.() });
      },
      preScore: (_pod, _snapshot, filter) => (filter instanceof ClaimsFilter ? filter.scoring() : 'skip'),
      postFilter: (cycle) => giveBack(stateOf(cycle), cycle.pod.pod),
      reserve(cycle, node) {
        const state = stateOf(cycle);
        for (const [uid, allocation] of state?.allocations.get(node)?.results ?? []) {
          const claim = state?.all().find(({ metadata }) => metadata.uid === uid);
          if (claim !== undefined) pending.set(claim, allocation, isInMemory(claim));
        }
        return undefined;
      },
      unreserve(cycle) {
        for (const claim of stateOf(cycle)?.all() ?? []) pending.delete(claim);
      },
      needsPreBind: (cycle, node) => claimsToBind(cycle, node).length > 0,
      async preBind(cycle, node, handle, ctx) {
        const written: ResourceClaim[] = [];
        for (const claim of claimsToBind(cycle, node)) {
          written.push(await bind(claim, cycle, node, pending, handle, ctx));
        }
        const waited = written.filter(hasBindingConditions);
        if (waited.length === 0) return;
        const note = `waiting for binding conditions for device on node ${node}`;
        const who = { action: 'Scheduling', reporter: cycle.pod.pod.spec.schedulerName ?? DEFAULT_SCHEDULER };
        handle.events.event(cycle.pod.pod, 'Normal', 'BindingConditionsPending', note, who);
        const isReady = () => (areReady(waited, bindingTimeoutMs, lookup, ctx) ? true : undefined);
        await handle.until(isReady, bindingTimeoutMs, 'binding conditions of devices', ctx);
      },
      async abandon(cycle, _node, { client }, ctx) {
        const { pod } = cycle.pod;
        const state = stateOf(cycle);
        for (const { metadata } of state?.claims ?? []) {
          const claim = lookup.get('ResourceClaim', `${metadata.namespace}/${metadata.name}`);
          if (claim?.status?.allocation !== undefined && isReservedFor(claim, pod)) {
            await unreserveClaim(claim, pod, client, ctx);
          }
        }
        if (state?.extended === undefined) return;
        const made = ExtendedResources.of(pod, lookup)?.claim;
        if (made !== undefined && !isInMemory(made)) await deleteClaim(made, client, ctx);
      },
    };
  },
};

function stateOf(cycle: Cycle): ClaimsFilter | undefined {
  const state = cycle.filterStates.get(NAME);
  return state instanceof ClaimsFilter ? state : undefined;
}

/** The Pod's own, and the one for extended resources where the node does not have them itself. */
function claimsToBind(cycle: Cycle, node: string): readonly ResourceClaim[] {
  const state = stateOf(cycle);
  if (state === undefined) return [];
  const { extended, claims } = state;
  const requests = state.allocations.get(node)?.extended?.claim.spec.devices?.requests ?? [];
  return extended !== undefined && requests.length > 0 ? [...claims, extended.claim] : claims;
}

/** Answers the claim as it is in the API then. */
async function bind(
  claim: ResourceClaim,
  cycle: Cycle,
  node: string,
  pending: Pending,
  { client }: PluginHandle,
  ctx: Ctx,
): Promise<ResourceClaim> {
  const { pod } = cycle.pod;
  const given = stateOf(cycle)?.allocations.get(node);
  const allocation: AllocationResult | undefined = given?.results.get(claim.metadata.uid);
  const { extended } = given ?? {};
  if (extended === undefined || extended.claim.metadata.uid !== claim.metadata.uid) {
    return bindClaim(claim, allocation, pod, client, ctx);
  }
  const created = await client.create(resourceV1.ResourceClaim, claimToCreate(extended.claim), ctx);
  pending.delete(claim);
  if (allocation !== undefined) pending.set(created, allocation, true);
  const written = await bindClaim(created, allocation, pod, client, ctx);
  await writeExtendedStatus(pod, written, extended, client, ctx);
  return written;
}

/** Throws where it will not be. */
function areReady(claims: readonly ResourceClaim[], timeoutMs: number, lookup: ClusterLookup, { clock }: Ctx): boolean {
  return claims.every((claim) => {
    const now = lookup.get('ResourceClaim', keyOf(claim)) ?? claim;
    const readiness = readinessOf(now);
    if (typeof readiness === 'object') throw new Error(readiness.failed);
    if (readiness === 'waiting' && isTimedOut(now, timeoutMs, clock.nowMs())) {
      throw new Error(`device binding timeout: claim=${claim.metadata.name}`);
    }
    return readiness === 'ready';
  });
}

function whyNot(claim: ResourceClaim, pod: Pod, lookup: ClusterLookup, pending: Pending): string | undefined {
  if (claim.status?.allocation !== undefined) {
    return canBeReserved(claim) || isReservedFor(claim, pod) ? undefined : 'resourceclaim in use';
  }
  if (pending.has(claim)) return `resource claim ${keyOf(claim)} is in the process of being allocated`;
  for (const { name, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
    const wanted =
      exactly === undefined
        ? firstAvailable.map((sub) => [`${name}/${sub.name}`, sub.deviceClassName] as const)
        : [[name, exactly.deviceClassName] as const];
    for (const [request, deviceClass] of wanted) {
      if (lookup.get('DeviceClass', deviceClass) === undefined) {
        return `request ${request}: device class ${deviceClass} does not exist`;
      }
    }
  }
  return undefined;
}

/** An allocation that keeps the Pod from every node, and that nobody else uses, is taken back. */
function giveBack(state: ClaimsFilter | undefined, pod: Pod): PostFilterAnswer {
  if (state === undefined) return { message: 'no new claims to deallocate' };
  const claim = state.claims.find(({ metadata, status }) => {
    const users = status?.reservedFor ?? [];
    const isOwn = users.length === 0 || (users.length === 1 && users[0]?.uid === pod.metadata.uid);
    return isOwn && state.unavailable.has(metadata.uid);
  });
  if (claim !== undefined) {
    return {
      message: 'deallocation of ResourceClaim completed',
      async act({ client }, ctx) {
        const { allocation: _a, reservedFor: _r, devices: _d, ...status } = claim.status ?? {};
        await client.update(resourceV1.ResourceClaim, { ...claim, status }, ctx, { subresource: 'status' });
      },
    };
  }
  const { extended } = state;
  if (extended === undefined || isInMemory(extended.claim)) return { message: 'still not schedulable' };
  return {
    message: 'deletion of ResourceClaim completed',
    act: ({ client }, ctx) => deleteClaim(extended.claim, client, ctx),
  };
}

/** The Pod's own claim changed, or a claim gave devices back. */
function helps({ pod }: PodState, event: ClusterEvent, lookup: ClusterLookup): boolean {
  const old = event.old as ResourceClaim | undefined;
  const now = event.new as ResourceClaim | undefined;
  const own = podResourceClaims(pod, lookup);
  if (typeof own === 'string') return false;
  if (old?.status?.allocation !== undefined && now?.status?.allocation === undefined) return true;
  if (now === undefined || !own.some(({ metadata }) => metadata.uid === now.metadata.uid)) return false;
  return old === undefined || !jsonEqual(old.status, now.status);
}
