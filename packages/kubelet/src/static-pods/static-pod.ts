/** Pods that a file of the node names, and their mirrors in the API. Source: kubernetes pkg/kubelet/config/common.go, pkg/kubelet/pod. */
import type { NewObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';

export const ANNOTATIONS = {
  source: 'kubernetes.io/config.source',
  hash: 'kubernetes.io/config.hash',
  seen: 'kubernetes.io/config.seen',
  mirror: 'kubernetes.io/config.mirror',
} as const;

export interface StaticPodFacts {
  /** Of the file's name and content and the node: another content is another Pod. */
  readonly hash: string;
  readonly nodeName: string;
  /** RFC 3339. */
  readonly seen: string;
}

/** `raw`: what the file says, with the API's defaults. Throws an Error that says what such a Pod may not have. */
export function staticPod(raw: NewObject<Pod>, { hash, nodeName, seen }: StaticPodFacts): Pod {
  const { name, uid = hash, namespace = 'default', annotations, ...meta } = raw.metadata;
  if (!name) throw new Error('invalid pod: name is needed for the pod');
  const refusal = apiReference(raw);
  if (refusal !== undefined) throw new Error(`static pods may not reference ${refusal}`);
  const tolerations = [...(raw.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' } as const];
  return {
    ...raw,
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...meta,
      ...{ namespace, uid, resourceVersion: '', creationTimestamp: seen, generation: 1 },
      name: `${name}-${nodeName.toLowerCase()}`,
      annotations: { ...annotations, [ANNOTATIONS.source]: 'file', [ANNOTATIONS.hash]: hash, [ANNOTATIONS.seen]: seen },
    },
    spec: { ...raw.spec, nodeName, tolerations },
    status: { phase: 'Pending' },
  };
}

/** What only the API could tell, and the API may be away. */
function apiReference({ spec }: NewObject<Pod>): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  if (spec.resourceClaims?.length) return 'resourceclaims';
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap((volume) => [volume, ...(volume.projected?.sources ?? [])]);
  if (sources.some((source) => 'secret' in source && source.secret !== undefined)) return 'secrets';
  if (sources.some((source) => 'configMap' in source && source.configMap !== undefined)) return 'configmaps';
  if (volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined)) return 'persistentvolumeclaims';
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const froms = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef, configMap: configMapRef })),
    ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef })),
  ]);
  if (froms.some(({ secret }) => secret !== undefined)) return 'secrets';
  return froms.some(({ configMap }) => configMap !== undefined) ? 'configmaps' : undefined;
}

export const fullName = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

export const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[ANNOTATIONS.mirror] !== undefined;

/** Of a file of this node, and not the API's picture of it. */
export const isOfFile = (pod: Pod): boolean =>
  pod.metadata.annotations?.[ANNOTATIONS.source] === 'file' && !isMirror(pod);

const hashOf = ({ metadata }: Pod) => metadata.annotations?.[ANNOTATIONS.hash] ?? '';

/** Whether the mirror shows this Pod and may stay. */
export const mirrors = (mirror: Pod, pod: Pod): boolean =>
  mirror.metadata.annotations?.[ANNOTATIONS.mirror] === hashOf(pod) && mirror.metadata.deletionTimestamp === undefined;

/** The node owns it: with the node it goes. */
export function mirrorOf(pod: Pod, node: { readonly name: string; readonly uid: string }): NewObject<Pod> {
  const { name, namespace = 'default', labels, annotations } = pod.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', ...node, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace, ownerReferences: [owner] },
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [ANNOTATIONS.mirror]: hashOf(pod) },
    },
    spec: pod.spec,
  };
}
