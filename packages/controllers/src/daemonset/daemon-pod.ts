/** The Pods of a DaemonSet: for one node each, marked with their revision. Pure. Source: …/daemon/util/daemonset_util.go. */
import { appsV1 } from '@kapella/api';
import type { DaemonSet } from '@kapella/api/types/apps-v1';
import type { Affinity, Pod } from '@kapella/api/types/core-v1';
import { type NewPod, podFromTemplate, entryOf, withLabels } from '../workload/index.ts';
import { tolerationsOf } from './node-fit.ts';

export const HASH_LABEL = 'controller-revision-hash';
const GENERATION_LABEL = 'pod-template-generation';
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';

export function templateGeneration(set: DaemonSet): string | undefined {
  const text = entryOf(set.metadata.annotations, GENERATION_ANNOTATION);
  return text !== undefined && /^[-+]?\d+$/.test(text) ? String(Number(text)) : undefined;
}

export function newDaemonPod(set: DaemonSet, nodeName: string, hash: string): NewPod {
  const pod = podFromTemplate(appsV1.DaemonSet, set, set.spec.template);
  const generation = templateGeneration(set);
  const spec = { ...pod.spec, tolerations: tolerationsOf(pod.spec), affinity: pinned(pod.spec.affinity, nodeName) };
  const marks = { ...(generation !== undefined && { [GENERATION_LABEL]: generation }), [HASH_LABEL]: hash };
  return withLabels({ ...pod, spec }, marks);
}

/** Required terms are replaced, not added to: whether they fit the node has been decided before. */
function pinned(affinity: Affinity | undefined, nodeName: string): Affinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }];
  const required = { nodeSelectorTerms: [{ matchFields }] };
  const nodeAffinity = { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required };
  return { ...affinity, nodeAffinity };
}

/** The node that the Pod is on or made for; undefined for one that is for none. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const term of required?.nodeSelectorTerms ?? []) {
    for (const { key, operator, values = [] } of term.matchFields ?? []) {
      if (key === 'metadata.name' && operator === 'In') return values.length === 1 ? values[0] : undefined;
    }
  }
  return undefined;
}

export function isUpdated(set: DaemonSet, pod: Pod, hash: string): boolean {
  const generation = templateGeneration(set);
  const { labels } = pod.metadata;
  const byGeneration = generation !== undefined && entryOf(labels, GENERATION_LABEL) === generation;
  return byGeneration || (hash !== '' && entryOf(labels, HASH_LABEL) === hash);
}

/** Placed first, then oldest, then by name. */
export function byAge(a: Pod, b: Pod): number {
  const placed = Number(Boolean(b.spec.nodeName)) - Number(Boolean(a.spec.nodeName));
  if (placed !== 0) return placed;
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
