/** How often a large set is looked at. Upstream looks at each event. */
import type { KubeObject } from '@kapella/api';
import type { ReplicaSpec, ReplicaStatus } from './plan-replicas.ts';

export interface Replicated extends KubeObject {
  readonly spec: ReplicaSpec;
  readonly status?: ReplicaStatus;
}

/** Pods of a set that one millisecond between two looks at it stands for: each look goes over all of them. */
const PODS_PER_MS = 20;

/**
 * Pure: how long to wait with the next look at a set whose Pods alone have changed: thousands of Pods that become ready one
 * by one would else be counted thousands of times. 0 when its owner wants something else of it.
 */
export function restMs({ metadata, spec, status }: Replicated, lastMs: number | undefined, nowMs: number): number {
  const podCount = Math.max((status?.replicas ?? 0) + (status?.terminatingReplicas ?? 0), spec.replicas ?? 1);
  if (lastMs === undefined) return 0;
  if (status?.observedGeneration !== metadata.generation || metadata.deletionTimestamp !== undefined) return 0;
  return Math.max(0, Math.ceil(lastMs + Math.floor(podCount / PODS_PER_MS) - nowMs));
}

export interface Rests {
  /** 0: look now. `mayAct`: nothing that was done is still to be seen, so that missing Pods are made at once. */
  before(key: string, owner: Replicated, mayAct: boolean, nowMs: number): number;
  forget(key: string): void;
}

export function createRests(): Rests {
  const lastMs = new Map<string, number>();
  return {
    before(key, owner, mayAct, nowMs) {
      const isWrong = mayAct && owner.status?.replicas !== (owner.spec.replicas ?? 1);
      const waitMs = isWrong ? 0 : restMs(owner, lastMs.get(key), nowMs);
      if (waitMs === 0) lastMs.set(key, nowMs);
      return waitMs;
    },
    forget: (key) => void lastMs.delete(key),
  };
}
