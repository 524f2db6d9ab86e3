/** Devices for Pods with resource claims. Source: kubernetes …/plugins/dynamicresources. */
import { keyOf, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AllocationResult, ResourceClaim } from '@kapella/api/types/resource-v1';
import { type Ctx, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { isSamePod } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { matchesSelector } from '../../framework/node-selector.ts';
import {
  type Cycle,
  type FilterState,
  type PluginFactory,
  type PostFilterAnswer,
  type Rejection,
  unresolvable,
} from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import { type AllocatorInput, allocate } from './allocator.ts';
import { DeviceSelectors } from './device-selector.ts';
import { canBeReserved, devicesHeld, isReservedFor, podResourceClaims } from './pod-claims.ts';

export interface DynamicResourcesArgs {
  readonly filterTimeout?: string;
  readonly bindingTimeout?: string;
}

const NAME = 'DynamicResources';
const FINALIZER = 'resource.kubernetes.io/delete-protection';
const CONFLICTS_MAX = 5;
const UNAVAILABLE = unresolvable('resourceclaim not available on the node');

export const dynamicResources: PluginFactory<DynamicResourcesArgs> = {
  name: NAME,
  create(_args, { lookup }) {
    const pending = new Pending(lookup);
    const selectors = new DeviceSelectors();
    return {
      name: NAME,
      events: [
        { resource: 'ResourceClaim', actions: ['Add', 'Update', 'Delete'], hint: isFreedOrOwn },
        { resource: 'UnscheduledPod', actions: ['UpdatePodGeneratedResourceClaim'], hint: isSamePod },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
        { resource: 'DeviceClass', actions: ['Add', 'Update'] },
        { resource: 'ResourceSlice', actions: ['Add', 'Update'] },
      ],
      preEnqueue(pod) {
        const claims = podResourceClaims(pod, lookup);
        return typeof claims === 'string' ? claims : undefined;
      },
      preFilter({ pod }) {
        if ((pod.spec.resourceClaims?.length ?? 0) === 0) return 'skip';
        const claims = podResourceClaims(pod, lookup);
        if (typeof claims === 'string') return unresolvable(claims);
        if (claims.length === 0) return 'skip';
        const held = pending.claims();
        const why = claims.map((claim) => whyNot(claim, pod, lookup, pending)).find((text) => text !== undefined);
        if (why !== undefined) return unresolvable(why);
        const all = lookup.list('ResourceClaim');
        return new ClaimsFilter(claims, {
          slices: lookup.list('ResourceSlice'),
          classOf: (name) => lookup.get('DeviceClass', name),
          selectors,
          taken: new Set([...all, ...held].flatMap(devicesHeld)),
        });
      },
      postFilter: (cycle) => giveBack(stateOf(cycle), cycle.pod.pod),
      reserve(cycle, node) {
        const state = stateOf(cycle);
        const allocations = state?.allocations.get(node);
        for (const claim of state?.claims ?? []) pending.set(claim, allocations?.get(claim.metadata.uid));
        return undefined;
      },
      unreserve(cycle) {
        for (const claim of stateOf(cycle)?.claims ?? []) pending.delete(claim);
      },
      needsPreBind: (cycle) => stateOf(cycle)?.claims.some((claim) => !isReservedFor(claim, cycle.pod.pod)) === true,
      async preBind(cycle, node, { client }, ctx) {
        const state = stateOf(cycle);
        const allocations = state?.allocations.get(node);
        for (const claim of state?.claims ?? []) {
          await bindClaim(claim, allocations?.get(claim.metadata.uid), cycle.pod.pod, client, ctx);
        }
      },
    };
  },
};

function stateOf(cycle: Cycle): ClaimsFilter | undefined {
  const state = cycle.filterStates.get(NAME);
  return state instanceof ClaimsFilter ? state : undefined;
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

/** Claims under way: their devices are taken until the claim itself says so. */
class Pending {
  readonly #lookup: ClusterLookup;
  readonly #byUid = new Map<string, ResourceClaim>();

  constructor(lookup: ClusterLookup) {
    this.#lookup = lookup;
  }

  set(claim: ResourceClaim, allocation: AllocationResult | undefined): void {
    if (allocation !== undefined)
      this.#byUid.set(claim.metadata.uid, { ...claim, status: { ...claim.status, allocation } });
  }

  delete({ metadata: { uid } }: ResourceClaim): void {
    this.#byUid.delete(uid);
  }

  has({ metadata: { uid } }: ResourceClaim): boolean {
    return this.#byUid.has(uid);
  }

  /** Forgets those that the informer shows allocated, or gone. */
  claims(): readonly ResourceClaim[] {
    for (const [uid, claim] of this.#byUid) {
      const now = this.#lookup.get('ResourceClaim', keyOf(claim));
      if (now?.metadata.uid !== uid || now.status?.allocation !== undefined) this.#byUid.delete(uid);
    }
    return [...this.#byUid.values()];
  }
}

/** An allocation that keeps the Pod from every node, and that nobody else uses, is taken back. */
function giveBack(state: ClaimsFilter | undefined, pod: Pod): PostFilterAnswer {
  if (state === undefined) return { message: 'no new claims to deallocate' };
  const claim = state.claims.find(({ metadata, status }) => {
    const users = status?.reservedFor ?? [];
    const isOwn = users.length === 0 || (users.length === 1 && users[0]?.uid === pod.metadata.uid);
    return isOwn && state.unavailable.has(metadata.uid);
  });
  if (claim === undefined) return { message: 'still not schedulable' };
  return {
    message: 'deallocation of ResourceClaim completed',
    async act({ client }, ctx) {
      const { allocation: _a, reservedFor: _r, devices: _d, ...status } = claim.status ?? {};
      await client.update(resourceV1.ResourceClaim, { ...claim, status }, ctx, { subresource: 'status' });
    },
  };
}

class ClaimsFilter implements FilterState {
  readonly claims: readonly ResourceClaim[];
  /** By node that fits, then by the claim's uid: what it would get. */
  readonly allocations = new Map<string, ReadonlyMap<string, AllocationResult>>();
  /** Uids of allocated claims that some node cannot reach. */
  readonly unavailable = new Set<string>();
  readonly #input: AllocatorInput;

  constructor(claims: readonly ResourceClaim[], input: AllocatorInput) {
    this.claims = claims;
    this.#input = input;
  }

  filter({ node, name }: NodeState): Rejection | undefined {
    for (const { status, metadata } of this.claims) {
      const selector = status?.allocation?.nodeSelector;
      if (selector === undefined || matchesSelector(selector, node)) continue;
      this.unavailable.add(metadata.uid);
      return UNAVAILABLE;
    }
    const open = this.claims.filter(({ status }) => status?.allocation === undefined);
    if (open.length === 0) return undefined;
    const results = allocate(open, node, this.#input);
    if (typeof results === 'string') return unresolvable(results);
    const entries = open.map((claim, i) => [claim.metadata.uid, results[i] as AllocationResult] as const);
    this.allocations.set(name, new Map(entries));
    return undefined;
  }
}

/** Writes allocation and reservation; when someone else wrote meanwhile, on what is there now. */
async function bindClaim(
  claim: ResourceClaim,
  allocation: AllocationResult | undefined,
  pod: Pod,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  let now = claim;
  for (let attempt = 1; ; attempt++) {
    if (isReservedFor(now, pod)) return;
    try {
      await writeClaim(now, allocation, pod, client, ctx);
      return;
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
): Promise<void> {
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
  } else if (claim.status?.allocation === undefined) {
    throw new Error(`claim ${own} got deallocated elsewhere in the meantime`);
  }
  const reservedFor = [...(current.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
  const status = { ...current.status, ...(allocation === undefined ? {} : { allocation }), reservedFor };
  await client.update(resourceV1.ResourceClaim, { ...current, status }, ctx, { subresource: 'status' });
}

/** The Pod's own claim changed, or a claim gave devices back. */
function isFreedOrOwn({ pod, namespace }: PodState, event: ClusterEvent): boolean {
  const old = event.old as ResourceClaim | undefined;
  const now = event.new as ResourceClaim | undefined;
  const metadata = (now ?? old)?.metadata;
  if (old?.status?.allocation !== undefined && now?.status?.allocation === undefined) return true;
  if (metadata?.namespace !== namespace || now === undefined) return false;
  const names = (pod.spec.resourceClaims ?? []).map(
    ({ name, resourceClaimName }) =>
      resourceClaimName ?? pod.status?.resourceClaimStatuses?.find((status) => status.name === name)?.resourceClaimName,
  );
  return names.includes(metadata.name);
}
