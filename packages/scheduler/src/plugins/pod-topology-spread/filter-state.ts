/** Hard spread constraints over the cluster, kept up as Pods come and go. Source: …/podtopologyspread/filtering.go. */
import type { NodeState } from '../../framework/node-state.ts';
import { type FilterState, unresolvable, unschedulable } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import type { Snapshot } from '../../framework/snapshot.ts';
import { NO_DOMAIN, type Topology } from '../../framework/topology.ts';
import { type Constraint, includesNode } from './constraints.ts';

const SKEWED = unschedulable("node(s) didn't match pod topology spread constraints");
const UNLABELLED = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");
/** Of a domain without any node that counts: it does not take part. */
const NOT_COUNTED = -1;

interface Row {
  readonly constraint: Constraint;
  readonly topology: Topology;
  /** 1 when the Pod itself is one of those that are counted. */
  readonly self: 0 | 1;
  /** Matching Pods by domain. */
  readonly counts: number[];
  domainCount: number;
  lowest: number;
}

export class SpreadFilter implements FilterState {
  readonly #pod: PodState;
  readonly #rows: readonly Row[];

  constructor(pod: PodState, rows: readonly Row[]) {
    this.#pod = pod;
    this.#rows = rows;
  }

  static of(pod: PodState, constraints: readonly Constraint[], snapshot: Snapshot): SpreadFilter {
    const rows = constraints.map((constraint): Row => {
      const self = constraint.selector.matches(pod.labels) ? 1 : 0;
      const topology = snapshot.topology(constraint.topologyKey);
      return { constraint, topology, self, counts: [], domainCount: 0, lowest: 0 };
    });
    for (const node of snapshot.nodes.values()) {
      if (!hasAllKeys(rows, node.slot)) continue;
      for (const row of rows) countNode(row, pod, node);
    }
    for (const row of rows) settle(row);
    return new SpreadFilter(pod, rows);
  }

  filter(node: NodeState) {
    for (const { constraint, topology, self, counts, domainCount, lowest } of this.#rows) {
      const domain = topology.domains[node.slot] as number;
      if (domain === NO_DOMAIN) return UNLABELLED;
      const least = domainCount < constraint.minDomains ? 0 : lowest;
      if (Math.max(counts[domain] ?? 0, 0) + self - least > constraint.maxSkew) return SKEWED;
    }
    return undefined;
  }

  update(other: PodState, node: NodeState, sign: 1 | -1): void {
    if (other.namespace !== this.#pod.namespace || !hasAllKeys(this.#rows, node.slot)) return;
    for (const row of this.#rows) {
      const { constraint, topology, counts } = row;
      if (!isCounted(other, constraint) || !includesNode(constraint, this.#pod.pod, node.node)) continue;
      const domain = topology.domains[node.slot] as number;
      const before = Math.max(counts[domain] ?? 0, 0);
      counts[domain] = before + sign;
      if (sign < 0) row.lowest = Math.min(row.lowest, before - 1);
      else if (before === row.lowest) settle(row);
    }
  }

  clone(): SpreadFilter {
    return new SpreadFilter(
      this.#pod,
      this.#rows.map((row) => ({ ...row, counts: [...row.counts] })),
    );
  }
}

function hasAllKeys(rows: readonly Row[], slot: number): boolean {
  for (const { topology } of rows) if (topology.domains[slot] === NO_DOMAIN) return false;
  return true;
}

function countNode(row: Row, pod: PodState, node: NodeState): void {
  const { constraint, topology, counts } = row;
  if (!includesNode(constraint, pod.pod, node.node)) return;
  const domain = topology.domains[node.slot] as number;
  while (counts.length <= domain) counts.push(NOT_COUNTED);
  counts[domain] = Math.max(counts[domain] as number, 0) + countMatching(node, constraint, pod.namespace);
}

/** Of Pods in the right namespace. Pods that go do not count, and a selector that names nothing counts none. */
export function isCounted(pod: PodState, { selector }: Constraint): boolean {
  return !pod.isTerminating && !selector.isEmpty && selector.matches(pod.labels);
}

export function countMatching(node: NodeState, constraint: Constraint, namespace: string): number {
  let count = 0;
  for (const pod of node.pods.values()) if (pod.namespace === namespace && isCounted(pod, constraint)) count++;
  return count;
}

function settle(row: Row): void {
  let lowest = Number.POSITIVE_INFINITY;
  row.domainCount = 0;
  for (const count of row.counts) {
    if (count === NOT_COUNTED || count === undefined) continue;
    row.domainCount++;
    if (count < lowest) lowest = count;
  }
  row.lowest = lowest;
}
