/** What one Pod's claims need, node by node. Source: kubernetes …/plugins/dynamicresources/dynamicresources.go Filter. */
import type { AllocationResult, DeviceRequest, ResourceClaim } from '@kapella/api/types/resource-v1';
import type { NodeState } from '../../framework/node-state.ts';
import { matchesSelector } from '../../framework/node-selector.ts';
import {
  type FilterState,
  PluginError,
  type Rejection,
  type ScoreState,
  unresolvable,
} from '../../framework/plugin.ts';
import { type AllocatorInput, allocate } from './allocator/allocator.ts';
import { AllocationProblem } from './allocator/problem.ts';
import { isStuck } from './binding-conditions.ts';
import type { ExtendedResources, NodeExtended } from './extended-resources.ts';

const UNAVAILABLE = unresolvable('resourceclaim not available on the node');
/** The first of a request's alternatives scores as much. Source: resource.k8s.io/v1 FirstAvailableDeviceRequestMaxSize. */
const ALTERNATIVES_MAX = 8;

export interface NodeAllocation {
  /** By the claim's uid: what each claim that has nothing yet would get. */
  readonly results: ReadonlyMap<string, AllocationResult>;
  readonly extended: NodeExtended | undefined;
}

export interface ClaimsInput {
  /** The Pod's own. */
  readonly claims: readonly ResourceClaim[];
  readonly extended: ExtendedResources | undefined;
  readonly allocator: AllocatorInput;
  readonly bindingTimeoutMs: number;
  /** Undefined where nothing is bound: no claim is late then. */
  readonly nowMs: number | undefined;
}

export class ClaimsFilter implements FilterState {
  readonly claims: readonly ResourceClaim[];
  readonly extended: ExtendedResources | undefined;
  /** By node that fits. */
  readonly allocations = new Map<string, NodeAllocation>();
  /** Uids of allocated claims that some node cannot reach, or whose devices are not made ready. */
  readonly unavailable = new Set<string>();
  readonly #input: ClaimsInput;
  readonly #open: readonly ResourceClaim[];
  readonly #stuck: ReadonlySet<ResourceClaim>;

  constructor(input: ClaimsInput) {
    this.#input = input;
    this.claims = input.claims;
    this.extended = input.extended;
    this.#open = this.all().filter(({ status }) => status?.allocation === undefined);
    const isLate = (claim: ResourceClaim) =>
      claim.status?.allocation !== undefined && isStuck(claim, input.bindingTimeoutMs, input.nowMs);
    this.#stuck = new Set(this.all().filter(isLate));
  }

  /** The one for extended resources last. */
  all(): readonly ResourceClaim[] {
    return this.extended === undefined ? this.claims : [...this.claims, this.extended.claim];
  }

  filter(node: NodeState): Rejection | undefined {
    const extended = this.extended?.forNode(node, this.claims.length > 0);
    if (extended !== undefined && 'reasons' in extended) return extended;
    if (extended === undefined && this.claims.length === 0) return undefined;
    const unavailable = this.all().filter((claim) => this.#stuck.has(claim) || !isReachable(claim, node));
    const results = this.#open.length === 0 ? [] : this.#allocate(node, extended);
    if (typeof results === 'string') return unresolvable(results);
    for (const { metadata } of unavailable) this.unavailable.add(metadata.uid);
    if (unavailable.length > 0) return UNAVAILABLE;
    const entries = this.#open.map((claim, i) => [claim.metadata.uid, results[i] as AllocationResult] as const);
    this.allocations.set(node.name, { results: new Map(entries), extended });
    return undefined;
  }

  /** Prefers nodes where requests get the alternatives that are named first. */
  scoring(): ScoreState | 'skip' {
    const requests = this.all().flatMap((claim) =>
      (claim.spec.devices?.requests ?? [])
        .filter(({ firstAvailable = [] }) => firstAvailable.length > 0)
        .map((request) => ({ claim, request })),
    );
    if (requests.length === 0) return 'skip';
    return {
      score: ({ name }) =>
        requests.reduce((sum, { claim, request }) => sum + alternativeScore(request, this.#resultFor(claim, name)), 0),
      normalize: 'max-is-best',
    };
  }

  #resultFor({ metadata, status }: ResourceClaim, node: string): AllocationResult | undefined {
    return status?.allocation ?? this.allocations.get(node)?.results.get(metadata.uid);
  }

  #allocate({ node, name }: NodeState, extended: NodeExtended | undefined): readonly AllocationResult[] | string {
    const special = this.extended?.claim;
    const claims = this.#open.map((claim) => (claim === special && extended !== undefined ? extended.claim : claim));
    try {
      return allocate(claims, node, this.#input.allocator);
    } catch (error) {
      if (!(error instanceof AllocationProblem)) throw error;
      const isLate = error.message === 'timed out trying to allocate devices';
      throw new PluginError('filter', 'DynamicResources', isLate ? `node ${name}: ${error.message}` : error.message);
    }
  }
}

function isReachable({ status }: ResourceClaim, { node }: NodeState): boolean {
  const selector = status?.allocation?.nodeSelector;
  return selector === undefined || matchesSelector(selector, node);
}

function alternativeScore({ name, firstAvailable = [] }: DeviceRequest, result: AllocationResult | undefined): number {
  const given = new Set(result?.devices?.results?.map(({ request }) => request));
  const sum = (total: number, i: number) => total + ALTERNATIVES_MAX - i;
  return firstAvailable.flatMap((sub, i) => (given.has(`${name}/${sub.name}`) ? [i] : [])).reduce(sum, 0);
}
