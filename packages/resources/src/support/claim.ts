/** Claims of Pods, StatefulSets and users. Source: kubernetes pkg/apis/core/v1/defaults.go, pkg/api/persistentvolumeclaim. */
import type { NewObject } from '@kapella/api';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@kapella/api/types/core-v1';
import { roundResources } from './resource-list.ts';

export function withClaimSpecDefaults(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { limits, requests } = spec.resources ?? {};
  return {
    ...spec,
    ...(spec.resources && {
      resources: {
        ...(limits && { limits: roundResources(limits) }),
        ...(requests && { requests: roundResources(requests) }),
      },
    }),
    volumeMode: spec.volumeMode ?? 'Filesystem',
  };
}

/** A claim inside a StatefulSet: a whole object with a kind of its own. */
export function withClaimDefaults(claim: NewObject<PersistentVolumeClaim>): NewObject<PersistentVolumeClaim> {
  return {
    ...claim,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: withClaimSpecDefaults(claim.spec ?? {}),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  };
}

const SOURCE_KINDS: ReadonlySet<string> = new Set(['/PersistentVolumeClaim', 'snapshot.storage.k8s.io/VolumeSnapshot']);

/** dataSource and dataSourceRef say the same; a kind that dataSource never allowed is dropped from it. */
export function withDataSources(spec: PersistentVolumeClaimSpec, keepsAny = false): PersistentVolumeClaimSpec {
  const { dataSource: source, dataSourceRef: ref, ...rest } = spec;
  const isKept =
    source !== undefined &&
    (keepsAny || ref !== undefined || SOURCE_KINDS.has(`${source.apiGroup ?? ''}/${source.kind}`));
  const kept = isKept ? source : undefined;
  if (kept !== undefined && ref === undefined) return { ...rest, dataSource: kept, dataSourceRef: { ...kept } };
  if (kept === undefined && ref !== undefined && ref.namespace === undefined) {
    const { namespace: _none, ...local } = ref;
    return { ...rest, dataSource: local, dataSourceRef: ref };
  }
  return { ...rest, ...(kept && { dataSource: kept }), ...(ref && { dataSourceRef: ref }) };
}
