/**
 * Tells Pods that share a volume with different SELinux labels: once volumes are mounted with a label, only one of them can
 * use it on a node. Off unless asked for, as upstream. Source: kubernetes pkg/controller/volume/selinuxwarning.
 */
import { coreV1, keyOf, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { CSIDriver } from '@kapella/api/types/storage-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { labelsByVolume } from './labels.ts';
import { oddsMessage, type Use, VolumeUsers } from './volume-users.ts';

const BY_CLAIM = 'selinux-pods-by-claim';
const RECURSIVE = 'Recursive';

export function createSelinuxWarningController(deps: ControllerDeps): Controller {
  const { cache, events } = deps;
  const pods = cache.informer(coreV1.Pod);
  pods.addIndex(BY_CLAIM, (pod) => [...claimKeys(pod).values()]);
  const users = new VolumeUsers();
  const usersOf = (claim: string) => pods.byIndex(BY_CLAIM, claim).map(keyOf);
  const usersOfVolume = ({ spec: { claimRef } }: PersistentVolume) =>
    claimRef === undefined ? [] : usersOf(`${claimRef.namespace}/${claimRef.name}`);
  return defineController<Pod>({
    name: 'selinux-warning-controller',
    primary: coreV1.Pod,
    watches: [
      { kind: coreV1.PersistentVolumeClaim, keysOf: (claim: PersistentVolumeClaim) => usersOf(keyOf(claim)) },
      { kind: coreV1.PersistentVolume, keysOf: usersOfVolume },
      {
        kind: storageV1.CSIDriver,
        keysOf: ({ metadata: { name } }: CSIDriver) =>
          cache
            .list(coreV1.PersistentVolume)
            .filter((volume) => volume.spec.csi?.driver === name)
            .flatMap(usersOfVolume),
      },
    ],
    async reconcile(key) {
      const pod = cache.get(coreV1.Pod, key);
      const isOver = pod === undefined || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
      for (const odds of users.set(key, isOver ? new Map() : usesOf(deps, pod))) {
        const told = cache.get(coreV1.Pod, odds.pod);
        if (told !== undefined) events.event(told, 'Normal', `${odds.property}Conflict`, oddsMessage(odds));
      }
      return {};
    },
  });
}

/** By name of the Pod's volume. */
function claimKeys({ metadata: { namespace, name }, spec }: Pod): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const volume of spec.volumes ?? []) {
    if (volume.persistentVolumeClaim) keys.set(volume.name, `${namespace}/${volume.persistentVolumeClaim.claimName}`);
    else if (volume.ephemeral !== undefined) keys.set(volume.name, `${namespace}/${name}-${volume.name}`);
  }
  return keys;
}

/** Volumes that could be mounted with a label, by their name in the cluster. The others are labelled file by file, and never at odds. */
function usesOf({ cache, events }: ControllerDeps, pod: Pod): ReadonlyMap<string, Use> {
  const uses = new Map<string, Use>();
  const labels = labelsByVolume(pod);
  for (const [name, key] of claimKeys(pod)) {
    const ofContainers = labels.get(name);
    const claim = cache.get(coreV1.PersistentVolumeClaim, key);
    const volume = claim?.spec.volumeName ? cache.get(coreV1.PersistentVolume, claim.spec.volumeName) : undefined;
    if (ofContainers === undefined || volume === undefined || !mountsWithLabel(cache, volume)) continue;
    if (ofContainers.size > 1) {
      const message = `Volume "${name}" is mounted twice with different SELinux labels inside this pod`;
      events.event(pod, 'Warning', 'MultipleSELinuxLabels', message);
      continue;
    }
    uses.set(uniqueName(volume), useOf(pod, [...ofContainers][0] ?? ''));
  }
  return uses;
}

function useOf({ spec }: Pod, label: string): Use {
  const policy = spec.securityContext?.seLinuxChangePolicy ?? 'MountOption';
  if (policy === RECURSIVE) return { label: '', policy };
  return { label, policy: label === '' ? RECURSIVE : policy };
}

function mountsWithLabel(cache: ControllerDeps['cache'], { spec }: PersistentVolume): boolean {
  if (spec.csi !== undefined) return cache.get(storageV1.CSIDriver, spec.csi.driver)?.spec.seLinuxMount === true;
  return spec.iscsi !== undefined || spec.fc !== undefined;
}

const uniqueName = ({ metadata, spec: { csi } }: PersistentVolume): string =>
  csi === undefined ? `volume/${metadata.name}` : `csi/${csi.driver}^${csi.volumeHandle}`;
