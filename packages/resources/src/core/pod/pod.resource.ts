/** v1 Pod, as the API server sees it. Source: kubernetes pkg/registry/core/pod/strategy.go. */
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { defineResource, type PartSubresource } from '@kapella/apiserver';
import { bindingAction, evictionAction } from './pod.actions.ts';
import { podColumnList } from './pod.columns.ts';
import { podConnects } from './pod.connects.ts';
import { preparePodForCreate, withPodDefaults } from './pod.prepare.ts';
import { validatePod } from './pod.validate.ts';
import { validatePodEphemeralUpdate, validatePodResize, validatePodUpdate } from './pod.validate-update.ts';
import { podWarnings } from './pod.warnings.ts';

/** Only the list of ephemeral containers is taken from the client. */
const ephemeralContainers: PartSubresource<Pod> = {
  merge: (next, old) => ({
    ...old,
    spec: { ...old.spec, ephemeralContainers: next.spec.ephemeralContainers },
  }),
  validateUpdate: validatePodEphemeralUpdate,
};

/** Only resources and resize policies are taken; a changed set of containers is left for validation to refuse. */
const resize: PartSubresource<Pod> = {
  merge(next, old) {
    const { containers, initContainers = [] } = next.spec;
    const oldInit = old.spec.initContainers ?? [];
    if (containers.length !== old.spec.containers.length || initContainers.length !== oldInit.length) return next;
    return {
      ...old,
      spec: {
        ...old.spec,
        containers: resized(containers, old.spec.containers),
        ...(oldInit.length > 0 && { initContainers: resized(initContainers, oldInit) }),
        ...(next.spec.resources && { resources: next.spec.resources }),
      },
    };
  },
  validateUpdate: validatePodResize,
};

function resized(next: readonly Container[], old: readonly Container[]): readonly Container[] {
  if (next.some((container, i) => container.name !== old[i]?.name)) return next;
  return old.map((container, i) => ({
    ...container,
    resources: next[i]?.resources,
    ...(next[i]?.resizePolicy && { resizePolicy: next[i]?.resizePolicy }),
  }));
}

export const podResource = defineResource<Pod>({
  id: { group: '', version: 'v1', kind: 'Pod', plural: 'pods', singular: 'pod' },
  names: { short: ['po'], categories: ['all'] },
  scope: 'namespaced',
  generationBumpsOn: ['spec'],
  subresources: {
    status: { writes: ['status'] },
    parts: { ephemeralcontainers: ephemeralContainers, resize },
    actions: { binding: bindingAction, eviction: evictionAction },
    connects: podConnects,
  },
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.podIPs': (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  columns: podColumnList,
  withDefaults: withPodDefaults,
  prepareForCreate: preparePodForCreate,
  prepareForUpdate: (next, old) => ({ ...next, status: old.status }),
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  allowUnconditionalUpdate: true,
  warnings: podWarnings,
  gracePeriodSeconds: podGracePeriod,
});

/** A Pod that no node runs goes at once; a negative wish is the shortest grace there is. */
export function podGracePeriod(pod: Pod, requested: number | undefined): number {
  const phase = pod.status?.phase;
  if (!pod.spec.nodeName || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}
