/** Claims must be bound where the node can reach them, or bindable there. Source: kubernetes …/plugins/volumebinding. */
import type { PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import { matchesTerm } from '../../framework/node-selector.ts';
import { defineSchedulerPlugin, type Rejection } from '../../framework/plugin.ts';
import type { Snapshot } from '../../framework/snapshot.ts';

interface State {
  readonly bound: readonly PersistentVolumeClaim[];
}

export const volumeBinding = defineSchedulerPlugin<State>({
  name: 'VolumeBinding',
  wakeOn: ['volume', 'node.add', 'node.labels'],
  preFilter(pod, snapshot) {
    const names = claimNames(pod.pod);
    if (names.length === 0) return 'skip';
    const bound: PersistentVolumeClaim[] = [];
    for (const name of names) {
      const claim = snapshot.lookup.claim(pod.pod.metadata.namespace ?? '', name);
      if (claim === undefined) return refuse(`persistentvolumeclaim "${name}" not found`);
      if (claim.metadata.deletionTimestamp !== undefined)
        return refuse(`persistentvolumeclaim "${name}" is being deleted`);
      if (isBound(claim)) bound.push(claim);
      else if (!waitsForConsumer(claim, snapshot)) return refuse('pod has unbound immediate PersistentVolumeClaims');
    }
    return { state: { bound } };
  },
  filter(_pod, node, { bound }, snapshot) {
    for (const claim of bound) {
      const volume = snapshot.lookup.volume(claim.spec.volumeName ?? '');
      if (volume === undefined)
        return refuse('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
      const required = volume.spec.nodeAffinity?.required;
      if (required !== undefined && !required.nodeSelectorTerms.some((term) => matchesTerm(term, node.node))) {
        return refuse("node(s) didn't match PersistentVolume's node affinity");
      }
    }
    return undefined;
  },
});

/** Claims whose binding waits until a node is chosen: the caller writes the selected node onto them before binding. */
export function claimsToPlace(pod: Pod, snapshot: Snapshot): PersistentVolumeClaim[] {
  return claimNames(pod)
    .map((name) => snapshot.lookup.claim(pod.metadata.namespace ?? '', name))
    .filter((claim) => claim !== undefined)
    .filter((claim) => !isBound(claim));
}

export function claimNames(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

const refuse = (reason: string): Rejection => ({ code: 'UnschedulableAndUnresolvable', reason });
const BOUND_ANNOTATION = 'pv.kubernetes.io/bind-completed';

function isBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec.volumeName ?? '') !== '' && claim.metadata.annotations?.[BOUND_ANNOTATION] !== undefined;
}

function waitsForConsumer(claim: PersistentVolumeClaim, snapshot: Snapshot): boolean {
  if ((claim.spec.volumeName ?? '') !== '') return false; // pre-bound: the binder completes it by itself
  const storageClass = snapshot.lookup.storageClass(claim.spec.storageClassName ?? '');
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}
