/** Preferences of the Pod about others and of others about it. Source: kubernetes …/interpodaffinity/scoring.go. */
import type { NodeState } from '../../framework/node-state.ts';
import type { ScoreState } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import { normalizeBySpread } from '../../framework/scores.ts';
import type { Snapshot } from '../../framework/snapshot.ts';
import { DomainCounts } from './counts.ts';

export interface AffinityScoreOptions {
  /** What a running Pod's required affinity to this Pod counts. */
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

export class AffinityScore implements ScoreState {
  readonly normalize = normalizeBySpread;
  readonly #pod: PodState;
  readonly #snapshot: Snapshot;
  readonly #options: AffinityScoreOptions;
  readonly #weights: DomainCounts;

  constructor(pod: PodState, snapshot: Snapshot, options: AffinityScoreOptions) {
    this.#pod = pod;
    this.#snapshot = snapshot;
    this.#options = options;
    this.#weights = new DomainCounts(snapshot);
    if (this.#isDeaf()) return;
    // Pods without terms of their own matter only to a Pod that has preferences.
    const hasPreferences = pod.terms.preferred.length > 0;
    for (const node of hasPreferences ? snapshot.nodes.values() : snapshot.nodesWithTerms) {
      for (const other of (hasPreferences ? node.pods : node.podsWithTerms).values()) this.#count(other, node, 1);
    }
  }

  get isIdle(): boolean {
    return this.#weights.size === 0;
  }

  update(other: PodState, node: NodeState, sign: 1 | -1): void {
    if (!this.#isDeaf()) this.#count(other, node, sign);
  }

  score({ slot }: NodeState): number {
    return this.#weights.sum(slot);
  }

  #isDeaf(): boolean {
    return this.#options.ignorePreferredTermsOfExistingPods && this.#pod.terms.preferred.length === 0;
  }

  #count(other: PodState, node: NodeState, sign: 1 | -1): void {
    const { namespaceLabels } = this.#snapshot;
    for (const term of this.#pod.terms.preferred) {
      if (term.matches(other, namespaceLabels)) this.#weights.add(term.topologyKey, node, sign * term.weight);
    }
    if (other.terms.isEmpty) return;
    const { hardPodAffinityWeight: hard } = this.#options;
    if (hard > 0) {
      for (const term of other.terms.requiredNear) {
        if (term.matches(this.#pod, namespaceLabels)) this.#weights.add(term.topologyKey, node, sign * hard);
      }
    }
    for (const term of other.terms.preferred) {
      if (term.matches(this.#pod, namespaceLabels)) this.#weights.add(term.topologyKey, node, sign * term.weight);
    }
  }
}
