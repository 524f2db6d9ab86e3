/** Pods from templates. Source: kubernetes pkg/controller/controller_utils.go, GetPodFromTemplate. */
import type { KindRef, NewObject } from '@kapella/api';
import type { Pod, PodTemplateSpec } from '@kapella/api/types/core-v1';
import { controllerRef } from '@kapella/controller';

export type NewPod = NewObject<Pod>;

export interface Owner {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly resourceVersion?: string;
  };
}

/** With a generated name; the template's own name and namespace do not count. */
export function podFromTemplate(kind: KindRef<unknown>, owner: Owner, template: PodTemplateSpec): NewPod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { name, namespace } = owner.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-`,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(finalizers !== undefined && { finalizers }),
      ownerReferences: [controllerRef(kind, owner)],
    },
    spec: template.spec ?? { containers: [] },
  };
}

export function withLabels(pod: NewPod, labels: Readonly<Record<string, string>>): NewPod {
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...labels } } };
}

export function withAnnotations(pod: NewPod, annotations: Readonly<Record<string, string>>): NewPod {
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...annotations } } };
}

/** The value a map holds under a key that users choose. */
export function entryOf(map: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}
