/** Where devices are: near which NUMA nodes. Source: kubernetes pkg/kubelet/cm/devicemanager/topology_hints.go, manager.go. */
import { type Hint, hintsFor } from '../topology/hints.ts';

interface Placed {
  readonly id: string;
  readonly nodes: readonly number[];
}

/** Devices of which none says where it is are not aligned with anything. */
export const hasPlaces = (devices: readonly Placed[]): boolean => devices.some(({ nodes }) => nodes.length > 0);

export interface DeviceRequest {
  readonly numaNodes: readonly number[];
  readonly all: readonly Placed[];
  readonly free: readonly Placed[];
  /** Had by an ended init container: taken first. */
  readonly lent: readonly Placed[];
  readonly count: number;
}

export function deviceHints({ numaNodes, all, free, lent, count }: DeviceRequest): readonly Hint[] {
  if (free.length + lent.length < count) return [];
  const isIn =
    (mask: number) =>
    ({ nodes }: Placed) =>
      nodes.some((node) => (mask & (1 << node)) !== 0);
  // Nodes without such devices make no difference, and only more sets to look at.
  const used = numaNodes.filter((node) => all.some(({ nodes }) => nodes.includes(node)));
  const placed = lent.filter(({ nodes }) => nodes.length > 0);
  return hintsFor(
    used.length > 0 ? used : numaNodes,
    count,
    (mask) => all.filter(isIn(mask)).length,
    (mask) => (placed.every(isIn(mask)) ? placed.length + free.filter(isIn(mask)).length : undefined),
  );
}

export interface ByAffinity {
  /** On nodes of the mask, the nodes with fewest such devices first. */
  readonly near: readonly string[];
  /** On others, then those that do not say. */
  readonly far: readonly string[];
}

/** `mask` undefined: nothing is nearer than anything else. */
export function byAffinity(devices: readonly Placed[], mask: number | undefined): ByAffinity {
  const ids = (list: readonly Placed[]) => list.map(({ id }) => id).sort();
  if (mask === undefined || !hasPlaces(devices)) return { near: [], far: ids(devices) };
  const counts = new Map<number, number>();
  for (const node of devices.flatMap(({ nodes }) => nodes)) counts.set(node, (counts.get(node) ?? 0) + 1);
  const isNear = (node: number) => (mask & (1 << node)) !== 0;
  const rank = (node: number) => (isNear(node) ? 0 : 1);
  const order = [...counts.keys()].sort(
    (a, b) => rank(a) - rank(b) || (counts.get(a) ?? 0) - (counts.get(b) ?? 0) || a - b,
  );
  const placeOf = ({ nodes }: Placed) => order.find((node) => nodes.includes(node));
  const on = (nodes: readonly number[]) => nodes.flatMap((node) => ids(devices.filter((one) => placeOf(one) === node)));
  const nowhere = ids(devices.filter((one) => placeOf(one) === undefined));
  return { near: on(order.filter(isNear)), far: [...on(order.filter((node) => !isNear(node))), ...nowhere] };
}
