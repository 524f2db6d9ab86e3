/** Required (anti-)affinity of the Pod and of those that run. Source: kubernetes …/interpodaffinity/filtering.go. */
import type { NodeState } from '../../framework/node-state.ts';
import { type FilterState, unresolvable, unschedulable } from '../../framework/plugin.ts';
import type { CompiledTerm, NamespaceLabels } from '../../framework/pod-terms.ts';
import type { PodState } from '../../framework/pod-state.ts';
import type { Snapshot } from '../../framework/snapshot.ts';
import { NO_DOMAIN } from '../../framework/topology.ts';
import { DomainCounts, type DomainRow } from './counts.ts';

const NOT_NEAR = unresolvable("node(s) didn't match pod affinity rules");
const NOT_FAR = unschedulable("node(s) didn't match pod anti-affinity rules");
const UNWANTED = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");

interface Counts {
  /** Pods that match all terms that want to be near, in the domains of each term. */
  readonly near: DomainCounts;
  /** Pods that match a term that wants to be far. */
  readonly far: DomainCounts;
  /** Where a running Pod's anti-affinity forbids this Pod. */
  readonly forbidden: DomainCounts;
}

export class AffinityFilter implements FilterState {
  readonly #pod: PodState;
  readonly #snapshot: Snapshot;
  readonly #counts: Counts;
  /** One row a term. */
  readonly #near: readonly DomainRow[];
  readonly #far: readonly DomainRow[];
  readonly #matchesSelf: boolean;

  constructor(pod: PodState, snapshot: Snapshot, counts: Counts) {
    this.#pod = pod;
    this.#snapshot = snapshot;
    this.#counts = counts;
    this.#near = pod.terms.requiredNear.map(({ topologyKey }) => counts.near.row(topologyKey));
    this.#far = pod.terms.requiredFar.map(({ topologyKey }) => counts.far.row(topologyKey));
    this.#matchesSelf = matchesAll(pod.terms.requiredNear, pod, snapshot.namespaceLabels);
  }

  static of(pod: PodState, snapshot: Snapshot): AffinityFilter {
    const counts: Counts = {
      near: new DomainCounts(snapshot),
      far: new DomainCounts(snapshot),
      forbidden: new DomainCounts(snapshot),
    };
    const state = new AffinityFilter(pod, snapshot, counts);
    for (const node of snapshot.nodesWithRequiredFar) {
      for (const other of node.podsWithRequiredFar.values()) state.#countForbidden(other, node, 1);
    }
    const { requiredNear, requiredFar } = pod.terms;
    if (requiredNear.length === 0 && requiredFar.length === 0) return state;
    for (const node of snapshot.nodes.values()) {
      for (const other of node.pods.values()) state.#countOwn(other, node, 1);
    }
    return state;
  }

  get isIdle(): boolean {
    const { requiredNear, requiredFar } = this.#pod.terms;
    return requiredNear.length === 0 && requiredFar.length === 0 && this.#counts.forbidden.size === 0;
  }

  filter({ slot }: NodeState) {
    const { forbidden } = this.#counts;
    if (!this.#isNear(slot)) return NOT_NEAR;
    for (const { topology, counts } of this.#far) {
      const domain = topology.domains[slot] as number;
      if (domain !== NO_DOMAIN && (counts[domain] ?? 0) > 0) return NOT_FAR;
    }
    return forbidden.size > 0 && forbidden.hasAny(slot) ? UNWANTED : undefined;
  }

  update(other: PodState, node: NodeState, sign: 1 | -1): void {
    this.#countForbidden(other, node, sign);
    this.#countOwn(other, node, sign);
  }

  clone(): AffinityFilter {
    const { near, far, forbidden } = this.#counts;
    const counts = { near: near.clone(), far: far.clone(), forbidden: forbidden.clone() };
    return new AffinityFilter(this.#pod, this.#snapshot, counts);
  }

  /** The first Pod of a group that wants to be near itself may go anywhere that has the topology label. */
  #isNear(slot: number): boolean {
    let isThere = true;
    for (const { topology, counts } of this.#near) {
      const domain = topology.domains[slot] as number;
      if (domain === NO_DOMAIN) return false;
      if ((counts[domain] ?? 0) <= 0) isThere = false;
    }
    return isThere || (this.#counts.near.size === 0 && this.#matchesSelf);
  }

  #countForbidden(other: PodState, node: NodeState, amount: 1 | -1): void {
    for (const term of other.terms.requiredFar) {
      if (!term.matches(this.#pod, this.#snapshot.namespaceLabels)) continue;
      this.#counts.forbidden.add(term.topologyKey, node, amount);
    }
  }

  #countOwn(other: PodState, node: NodeState, amount: 1 | -1): void {
    const { requiredNear, requiredFar } = this.#pod.terms;
    const { namespaceLabels } = this.#snapshot;
    if (requiredNear.length > 0 && matchesAll(requiredNear, other, namespaceLabels)) {
      for (const { topologyKey } of requiredNear) this.#counts.near.add(topologyKey, node, amount);
    }
    for (const term of requiredFar) {
      if (term.matches(other, namespaceLabels)) this.#counts.far.add(term.topologyKey, node, amount);
    }
  }
}

export function matchesAll(
  terms: readonly CompiledTerm[],
  pod: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  namespaceLabels: NamespaceLabels,
): boolean {
  if (terms.length === 0) return false;
  for (const term of terms) if (!term.matches(pod, namespaceLabels)) return false;
  return true;
}
