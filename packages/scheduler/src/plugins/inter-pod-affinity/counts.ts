/** Numbers by topology key and domain. */
import type { NodeState } from '../../framework/node-state.ts';
import type { Snapshot } from '../../framework/snapshot.ts';
import { NO_DOMAIN, type Topology } from '../../framework/topology.ts';

export interface DomainRow {
  readonly topology: Topology;
  readonly counts: number[];
}

export class DomainCounts {
  readonly #snapshot: Snapshot;
  readonly #rows: Map<string, DomainRow>;
  /** How many domains have a count other than zero. */
  size: number;

  constructor(snapshot: Snapshot, rows = new Map<string, DomainRow>(), size = 0) {
    this.#snapshot = snapshot;
    this.#rows = rows;
    this.size = size;
  }

  add(topologyKey: string, node: NodeState, amount: number): void {
    const row = this.row(topologyKey);
    const domain = row.topology.domains[node.slot] as number;
    if (domain === NO_DOMAIN || amount === 0) return;
    const before = row.counts[domain] ?? 0;
    while (row.counts.length <= domain) row.counts.push(0);
    row.counts[domain] = before + amount;
    if (before === 0) this.size++;
    else if (before + amount === 0) this.size--;
  }

  /** To be asked for many nodes without looking the key up again. */
  row(topologyKey: string): DomainRow {
    let row = this.#rows.get(topologyKey);
    if (row === undefined) {
      row = { topology: this.#snapshot.topology(topologyKey), counts: [] };
      this.#rows.set(topologyKey, row);
    }
    return row;
  }

  /** Whether the node is in a domain that has a count above zero, of any key. */
  hasAny(slot: number): boolean {
    for (const { topology, counts } of this.#rows.values()) {
      const domain = topology.domains[slot] as number;
      if (domain !== NO_DOMAIN && (counts[domain] ?? 0) > 0) return true;
    }
    return false;
  }

  /** The counts of all domains that the node is in. */
  sum(slot: number): number {
    let sum = 0;
    for (const { topology, counts } of this.#rows.values()) {
      const domain = topology.domains[slot] as number;
      if (domain !== NO_DOMAIN) sum += counts[domain] ?? 0;
    }
    return sum;
  }

  clone(): DomainCounts {
    const rows = new Map<string, DomainRow>();
    for (const [key, row] of this.#rows) rows.set(key, { ...row, counts: [...row.counts] });
    return new DomainCounts(this.#snapshot, rows, this.size);
  }
}
