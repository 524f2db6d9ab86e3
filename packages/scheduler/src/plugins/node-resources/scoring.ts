/**
 * From shares of resources to a score. Whole numbers as upstream's, whose integer divisions drop what is behind the
 * point. Source: kubernetes …/plugins/noderesources/{least,most}_allocated.go, requested_to_capacity_ratio.go.
 */
import type { NodeState } from '../../framework/node-state.ts';
import { SCORE_MAX } from '../../framework/plugin.ts';

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}

/** Points of a broken line: utilization in percent, score of 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly ResourceWeight[];
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] };
}

export const RESOURCES_DEFAULT: readonly ResourceWeight[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** One resource of one Pod, scored on any node. */
export interface ScoredResource extends ResourceWeight {
  /** What the Pod asks for. */
  readonly amount: number;
}

/** Score of one resource from what would be used and what there is; `capacity` is above zero. */
export type ResourceScore = (used: number, capacity: number) => number;

export function resourceScoreOf({ type, requestedToCapacityRatio }: ScoringStrategy): ResourceScore {
  switch (type) {
    case 'LeastAllocated':
      return (used, capacity) => (used > capacity ? 0 : Math.trunc(((capacity - used) * SCORE_MAX) / capacity));
    case 'MostAllocated':
      return (used, capacity) => Math.trunc((Math.min(used, capacity) * SCORE_MAX) / capacity);
    case 'RequestedToCapacityRatio': {
      const line = brokenLine(requestedToCapacityRatio?.shape ?? []);
      return (used, capacity) => line(used > capacity ? 100 : Math.trunc((used * 100) / capacity));
    }
  }
}

const SHAPE_SCORE_MAX = 10;

function brokenLine(shape: readonly ShapePoint[]): (utilization: number) => number {
  const points = shape.map(({ utilization, score }) => ({
    at: utilization,
    score: score * (SCORE_MAX / SHAPE_SCORE_MAX),
  }));
  return (utilization) => {
    const i = points.findIndex(({ at }) => utilization <= at);
    const right = points[i] ?? points.at(-1);
    const left = points[i - 1];
    if (right === undefined) return 0;
    if (left === undefined || i < 0) return right.score;
    return left.score + Math.trunc(((right.score - left.score) * (utilization - left.at)) / (right.at - left.at));
  };
}

/** What counts as used: `assumed` has a minimum for containers that ask for no CPU or memory. */
export function usedOf(node: NodeState, resource: string, assumed: boolean): number {
  const { columns, slot } = node;
  if (assumed && resource === 'cpu') return columns.scoredMilliCpu[slot] as number;
  if (assumed && resource === 'memory') return columns.scoredMemory[slot] as number;
  return node.requested(resource);
}

/** Devices, huge pages and the like: nodes without them are not judged by them unless the Pod asks for them. */
export function isScalarResource(name: string): boolean {
  return name !== 'cpu' && name !== 'memory' && name !== 'ephemeral-storage' && name !== 'pods';
}
