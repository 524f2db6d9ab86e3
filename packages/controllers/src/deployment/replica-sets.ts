/** A Deployment's ReplicaSets: new, old, counts, bounds. Pure. Source: kubernetes pkg/controller/deployment/util. */
import { scaledValueOf } from '@kapella/api';
import type { Deployment, ReplicaSet } from '@kapella/api/types/apps-v1';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import { semanticEqual } from '../shared/values.ts';

export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';
const INT32_MAX = 2 ** 31 - 1;

export interface Split {
  readonly newSet: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly oldSets: readonly ReplicaSet[];
}

export const replicasOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
export const desiredOf = (deployment: Deployment): number => deployment.spec.replicas ?? 1;
export const isRolling = (deployment: Deployment): boolean =>
  (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
export const hasProgressDeadline = (deployment: Deployment): boolean =>
  deployment.spec.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== INT32_MAX;

export const sumReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + replicasOf(set), 0);
export const sumStatus = (
  sets: readonly ReplicaSet[],
  field: 'replicas' | 'readyReplicas' | 'availableReplicas',
): number => sets.reduce((sum, set) => sum + (set.status?.[field] ?? 0), 0);
export const activeOf = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter((set) => replicasOf(set) > 0);

/** Of several sets with the same template the oldest is the new one: the choice never changes. */
export function splitSets(deployment: Deployment, sets: readonly ReplicaSet[]): Split {
  const sorted = sets.toSorted(byCreation);
  const newSet = sorted.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  return { newSet, oldSets: sorted.filter((set) => set !== newSet) };
}

/** The label with the hash does not count: a Deployment's template has none. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b));
}

export function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  const labels = template?.metadata?.labels;
  if (template === undefined || labels === undefined || !Object.hasOwn(labels, HASH_LABEL)) return template;
  const rest = Object.fromEntries(Object.entries(labels).filter(([key]) => key !== HASH_LABEL));
  return { ...template, metadata: { ...template.metadata, labels: rest } };
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left === right) return a.metadata.name < b.metadata.name ? -1 : 1;
  return left < right ? -1 : 1;
}

/** 64 bits: people set it, too. 0 where there is none; undefined where it is no number. */
export function revisionOf(set: ReplicaSet): bigint | undefined {
  const text = set.metadata.annotations?.[REVISION];
  if (text === undefined) return 0n;
  return /^[-+]?[0-9]+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
}

export const highestRevision = (sets: readonly ReplicaSet[]): bigint => revisionsDown(sets)[0] ?? 0n;

/** The one before the highest; 0 when there is none. */
export const lastRevision = (sets: readonly ReplicaSet[]): bigint => revisionsDown(sets)[1] ?? 0n;

function revisionsDown(sets: readonly ReplicaSet[]): bigint[] {
  const known = sets.map((set) => revisionOf(set) ?? 0n).map((revision) => (revision > 0n ? revision : 0n));
  return known.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}

export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [revisionOf(a), revisionOf(b)];
  if (left === undefined || right === undefined || left === right) return byCreation(a, b);
  return left < right ? -1 : 1;
}

export interface Bounds {
  /** Pods above the desired number. */
  readonly surge: number;
  /** Pods that may be missing. */
  readonly unavailable: number;
}

/** Both 0 while not rolling. */
export function boundsOf(deployment: Deployment): Bounds {
  if (!isRolling(deployment)) return { surge: 0, unavailable: 0 };
  const desired = desiredOf(deployment);
  const { maxSurge = 0, maxUnavailable = 0 } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = scaledValueOf(maxSurge, desired, 'up');
  const rounded = scaledValueOf(maxUnavailable, desired, 'down');
  // Both 0 would stop every rollout; a surge may not be possible for want of quota.
  const unavailable = surge === 0 && rounded === 0 ? 1 : rounded;
  return { surge, unavailable: Math.min(unavailable, desired) };
}

export function annotatedNumber(set: ReplicaSet, name: string): number | undefined {
  const text = set.metadata.annotations?.[name];
  if (text === undefined || !/^[0-9]+$/.test(text) || Number(text) > INT32_MAX) return undefined;
  return Number(text);
}
