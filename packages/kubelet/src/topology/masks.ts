/** Sets of NUMA nodes as bits of a number: node 3 is 1 << 3. Source: kubernetes pkg/kubelet/cm/topologymanager/bitmask. */

/** A machine with more is refused: all sets of its nodes could not be looked at in a lifetime. */
export const NUMA_NODES_MAX = 30;

export const maskOf = (nodes: Iterable<number>): number => [...nodes].reduce((mask, node) => mask | (1 << node), 0);

export function nodesOf(mask: number): readonly number[] {
  const nodes: number[] = [];
  for (let node = 0; node <= NUMA_NODES_MAX; node++) if ((mask & (1 << node)) !== 0) nodes.push(node);
  return nodes;
}

export const countOf = (mask: number): number => nodesOf(mask).length;

/** Fewer nodes, or as many with lower numbers. */
export function isNarrower(a: number, b: number): boolean {
  const difference = countOf(a) - countOf(b);
  return difference === 0 ? a < b : difference < 0;
}

/** All sets of one node, then all of two, and so on; within these in the order of `nodes`. */
export function* masksOver(nodes: readonly number[]): Generator<number> {
  for (let size = 1; size <= nodes.length; size++) yield* masksOfSize(nodes, size, 0);
}

function* masksOfSize(nodes: readonly number[], size: number, from: number): Generator<number> {
  if (size === 0) {
    yield 0;
    return;
  }
  for (let at = from; at <= nodes.length - size; at++) {
    for (const rest of masksOfSize(nodes, size - 1, at + 1)) yield rest | (1 << (nodes[at] as number));
  }
}
