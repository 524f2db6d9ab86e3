/** Soft spread constraints over the cluster, kept up as Pods come and go. Source: …/podtopologyspread/scoring.go. */
import type { NodeState } from '../../framework/node-state.ts';
import { type Normalize, SCORE_MAX, type ScoreState } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import type { Snapshot } from '../../framework/snapshot.ts';
import { NO_DOMAIN, type Topology } from '../../framework/topology.ts';
import { type Constraint, includesNode } from './constraints.ts';
import { countMatching, isCounted } from './filter-state.ts';

const HOSTNAME = 'kubernetes.io/hostname';

interface Row {
  readonly constraint: Constraint;
  readonly topology: Topology;
  /** Each node is a domain of its own: `counts` is by slot, else by domain. */
  readonly isHost: boolean;
  readonly counts: number[];
  /** Topologies of many values must not drown those of few. */
  weight: number;
}

export class SpreadScore implements ScoreState {
  readonly #pod: PodState;
  readonly #rows: readonly Row[];
  /** By slot: 1 where the node lacks a key and is left out for it; its score is 0. */
  readonly #ignored: Uint8Array;

  constructor(pod: PodState, constraints: readonly Constraint[], needsAllKeys: boolean, snapshot: Snapshot) {
    this.#pod = pod;
    this.#rows = constraints.map((constraint) => {
      const topology = snapshot.topology(constraint.topologyKey);
      return { constraint, topology, isHost: constraint.topologyKey === HOSTNAME, counts: [], weight: 0 };
    });
    this.#ignored = new Uint8Array(snapshot.slots.length);
    for (const { slot } of needsAllKeys ? snapshot.nodes.values() : []) {
      if (this.#rows.some(({ topology }) => topology.domains[slot] === NO_DOMAIN)) this.#ignored[slot] = 1;
    }
    for (const node of snapshot.nodes.values()) {
      for (const row of this.#rows) {
        if (node.pods.size > 0) this.#count(row, node, countMatching(node, row.constraint, pod.namespace));
      }
    }
  }

  update(other: PodState, node: NodeState, sign: 1 | -1): void {
    if (other.namespace !== this.#pod.namespace) return;
    for (const row of this.#rows) if (isCounted(other, row.constraint)) this.#count(row, node, sign);
  }

  begin(slots: Int32Array, count: number): void {
    const ignored = this.#ignored;
    for (const row of this.#rows) {
      const { domains, values } = row.topology;
      const seen = new Uint8Array(row.isHost ? 0 : values.length + 1);
      let size = 0;
      for (let i = 0; i < count; i++) {
        const slot = slots[i] as number;
        if (ignored[slot] === 1) continue;
        const domain = (domains[slot] as number) + 1;
        if (row.isHost || seen[domain] === 0) size++;
        if (!row.isHost) seen[domain] = 1;
      }
      row.weight = Math.log(size + 2);
    }
  }

  score({ slot }: NodeState): number {
    if (this.#ignored[slot] === 1) return 0;
    let sum = 0;
    for (const { constraint, topology, isHost, counts, weight } of this.#rows) {
      const domain = topology.domains[slot] as number;
      if (domain === NO_DOMAIN) continue;
      sum += (counts[isHost ? slot : domain] ?? 0) * weight + (constraint.maxSkew - 1);
    }
    return Math.round(sum);
  }

  /** Fewest matching Pods is best. */
  readonly normalize: Normalize = (scores, slots, count) => {
    let min = Number.POSITIVE_INFINITY;
    let max = 0;
    const ignored = this.#ignored;
    for (let i = 0; i < count; i++) {
      if (ignored[slots[i] as number] === 1) continue;
      const score = scores[i] as number;
      if (score < min) min = score;
      if (score > max) max = score;
    }
    for (let i = 0; i < count; i++) {
      if (ignored[slots[i] as number] === 1) scores[i] = 0;
      else if (max === 0) scores[i] = SCORE_MAX;
      else scores[i] = Math.trunc((SCORE_MAX * (max + min - (scores[i] as number))) / max);
    }
  };

  /** Pods count for their node in any case, for a wider domain only where the node does. */
  #count({ constraint, topology, isHost, counts }: Row, node: NodeState, amount: number): void {
    if (amount === 0) return;
    const index = isHost ? node.slot : (topology.domains[node.slot] as number);
    if (!isHost) {
      if (index === NO_DOMAIN || this.#ignored[node.slot] === 1) return;
      if (!includesNode(constraint, this.#pod.pod, node.node)) return;
    }
    while (counts.length <= index) counts.push(0);
    counts[index] = (counts[index] as number) + amount;
  }
}
