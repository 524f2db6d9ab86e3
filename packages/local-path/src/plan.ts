/** What one node makes and removes. Pure. Source: the contract of external provisioners (kubernetes-csi/external-provisioner). */
import type { NewObject } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { LOCAL_PATH_PROVISIONER } from './objects.ts';

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
const HOSTNAME = 'kubernetes.io/hostname';
const ONE_NODE_MODES: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);

export interface Refusal {
  readonly claim: PersistentVolumeClaim;
  readonly message: string;
}

export interface LocalPathPlan {
  readonly provision: readonly {
    readonly claim: PersistentVolumeClaim;
    readonly volume: NewObject<PersistentVolume>;
  }[];
  readonly refuse: readonly Refusal[];
  readonly remove: readonly PersistentVolume[];
}

export interface LocalPathState {
  readonly nodeName: string;
  /** Value of the node's hostname label. */
  readonly hostname: string;
  /** Absolute; each volume is a directory in it. */
  readonly dir: string;
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
  readonly classes: readonly StorageClass[];
}

export function planLocalPath(state: LocalPathState): LocalPathPlan {
  const classes = new Map(
    state.classes
      .filter(({ provisioner }) => provisioner === LOCAL_PATH_PROVISIONER)
      .map((one) => [one.metadata.name, one]),
  );
  const names = new Set(state.volumes.map(({ metadata }) => metadata.name));
  const provision: LocalPathPlan['provision'][number][] = [];
  const refuse: Refusal[] = [];
  for (const claim of state.claims) {
    const storageClass = classes.get(claim.spec.storageClassName ?? '');
    if (storageClass === undefined || !isOurs(claim, state.nodeName) || names.has(volumeNameOf(claim))) continue;
    const message = refusalOf(claim);
    if (message !== undefined) refuse.push({ claim, message });
    else provision.push({ claim, volume: volumeFor(claim, storageClass, state) });
  }
  return { provision, refuse, remove: state.volumes.filter((volume) => isToGo(volume, state)) };
}

const volumeNameOf = ({ metadata }: PersistentVolumeClaim) => `pvc-${metadata.uid}`;

/** Its class waits for the first consumer: the scheduler has chosen this node for it. */
function isOurs({ metadata, spec }: PersistentVolumeClaim, nodeName: string): boolean {
  const isGoing = metadata.deletionTimestamp !== undefined;
  return !isGoing && !spec.volumeName && metadata.annotations?.[SELECTED_NODE] === nodeName;
}

function refusalOf({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec.volumeMode === 'Block') return 'a directory of the node cannot be a block device';
  const mode = (spec.accessModes ?? []).find((one) => !ONE_NODE_MODES.has(one));
  if (mode !== undefined) return `access mode ${mode} is not supported: the directory is on one node only`;
  if (spec.selector !== undefined) return 'claim.spec.selector is not supported for dynamic provisioning';
  return spec.dataSource === undefined && spec.dataSourceRef === undefined
    ? undefined
    : 'data sources are not supported';
}

function volumeFor(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  { dir, hostname }: LocalPathState,
): NewObject<PersistentVolume> {
  const name = volumeNameOf(claim);
  const { namespace, name: claimName, uid, resourceVersion } = claim.metadata;
  const claimRef = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace,
    name: claimName,
    uid,
    resourceVersion,
  };
  const matchExpressions = [{ key: HOSTNAME, operator: 'In' as const, values: [hostname] }];
  const storage = claim.spec.resources?.requests?.['storage'];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { [PROVISIONED_BY]: LOCAL_PATH_PROVISIONER } },
    spec: {
      ...(storage !== undefined && { capacity: { storage } }),
      ...(claim.spec.accessModes && { accessModes: claim.spec.accessModes }),
      claimRef,
      storageClassName: storageClass.metadata.name,
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      volumeMode: 'Filesystem',
      local: { path: `${dir}/${name}` },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  };
}

/** Released, meant to be deleted, and in this node's own directory. */
function isToGo({ metadata, spec, status }: PersistentVolume, { dir, hostname }: LocalPathState): boolean {
  if (metadata.annotations?.[PROVISIONED_BY] !== LOCAL_PATH_PROVISIONER || status?.phase !== 'Released') return false;
  if (spec.persistentVolumeReclaimPolicy !== 'Delete') return false;
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const isHere = terms.some(({ matchExpressions = [] }) =>
    matchExpressions.some(({ key, values = [] }) => key === HOSTNAME && values.includes(hostname)),
  );
  // A path that someone has edited is nobody's to delete.
  return isHere && spec.local?.path === `${dir}/${metadata.name}`;
}
