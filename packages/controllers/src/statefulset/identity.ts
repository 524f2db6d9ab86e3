/** Who a Pod of a StatefulSet is: name, ordinal, labels, volumes. Source: …/statefulset/stateful_set_utils.go. */
import { appsV1, type NewObject } from '@kapella/api';
import type { StatefulSet } from '@kapella/api/types/apps-v1';
import type { PersistentVolumeClaim, Pod, Volume } from '@kapella/api/types/core-v1';
import { type NewPod, podFromTemplate, entryOf, withLabels } from '../workload/index.ts';

export const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
export const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';
export const REVISION_LABEL = 'controller-revision-hash';
const ORDINAL_MAX = 2 ** 31 - 1;

export type NewClaim = NewObject<PersistentVolumeClaim> & { readonly metadata: { readonly name: string } };

/** What a Pod and one that is not created yet have in common. */
export type AnyPod = Pod | NewPod;

export function parentAndOrdinal(name: string): { readonly parent: string; readonly ordinal: number } {
  const match = /^(.*)-([0-9]+)$/.exec(name);
  if (match === null) return { parent: '', ordinal: -1 };
  const ordinal = Number(match[2]);
  return { parent: match[1] ?? '', ordinal: ordinal <= ORDINAL_MAX ? ordinal : -1 };
}

export const ordinalOf = (pod: AnyPod): number => parentAndOrdinal(pod.metadata.name ?? '').ordinal;
export const startOf = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0;
export const replicasOf = (set: StatefulSet): number => set.spec.replicas ?? 1;
export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;
export const revisionOf = (pod: AnyPod): string => entryOf(pod.metadata.labels, REVISION_LABEL) ?? '';

export function isInRange(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set);
}

export function isMember(set: StatefulSet, pod: Pod): boolean {
  return parentAndOrdinal(pod.metadata.name).parent === set.metadata.name;
}

/** A Pod as `set` describes it, marked with the revision that `set` is at. */
export function newStatefulPod(set: StatefulSet, ordinal: number, revision: string): NewPod {
  const { generateName: _, ...pod } = podFromTemplate(appsV1.StatefulSet, set, set.spec.template).metadata;
  const name = podName(set, ordinal);
  const spec = { ...(set.spec.template.spec ?? { containers: [] }), hostname: name };
  const subdomain = set.spec.serviceName;
  const bare: NewPod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...pod, name },
    spec: { ...spec, ...(subdomain ? { subdomain } : {}), volumes: volumesOf(set, ordinal, spec.volumes ?? []) },
  };
  return withLabels(bare, { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal), [REVISION_LABEL]: revision });
}

/** The claims of the templates first, then the Pod's own volumes but for those of the same names. */
export function volumesOf(set: StatefulSet, ordinal: number, own: readonly Volume[]): Volume[] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map(
    (template): Volume => ({
      name: template.metadata.name ?? '',
      persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
    }),
  );
  const taken = new Set(claims.map((volume) => volume.name));
  return [...claims, ...own.filter((volume) => !taken.has(volume.name))];
}

export function claimName(set: StatefulSet, template: NewObject<PersistentVolumeClaim>, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

export function claimsOf(set: StatefulSet, ordinal: number): NewClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { labels, ...metadata } = template.metadata;
    const { namespace } = set.metadata;
    return {
      ...template,
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...metadata,
        name: claimName(set, template, ordinal),
        ...(namespace !== undefined && { namespace }),
        labels: { ...labels, ...set.spec.selector.matchLabels },
      },
    };
  });
}

export function identityMatches(set: StatefulSet, pod: Pod): boolean {
  const { name, labels } = pod.metadata;
  const { parent, ordinal } = parentAndOrdinal(name);
  const isNamed = ordinal >= 0 && parent === set.metadata.name && name === podName(set, ordinal);
  return isNamed && entryOf(labels, POD_NAME_LABEL) === name;
}

export function storageMatches(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(pod);
  if (ordinal < 0) return false;
  const volumes = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return (set.spec.volumeClaimTemplates ?? []).every((template) => {
    const volume = volumes.get(template.metadata.name ?? '');
    return volume?.persistentVolumeClaim?.claimName === claimName(set, template, ordinal);
  });
}

/** The Pod with what identity and storage lack. */
export function withIdentity(set: StatefulSet, pod: Pod): Pod {
  const ordinal = ordinalOf(pod);
  const labels = {
    ...pod.metadata.labels,
    [POD_NAME_LABEL]: podName(set, ordinal),
    [POD_INDEX_LABEL]: String(ordinal),
  };
  const volumes = storageMatches(set, pod) ? pod.spec.volumes : volumesOf(set, ordinal, pod.spec.volumes ?? []);
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: identityMatches(set, pod) ? (pod.metadata.labels ?? {}) : labels },
    spec: { ...pod.spec, ...(volumes !== undefined && { volumes }) },
  };
}
