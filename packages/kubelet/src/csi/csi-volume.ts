/** A CSI volume as a Pod of this node uses it, and what its driver is asked. Pure. Source: kubernetes pkg/volume/csi. */
import type { PersistentVolume, Pod, Volume } from '@kapella/api/types/core-v1';
import type { CSIDriver } from '@kapella/api/types/storage-v1';
import type { CsiAccessMode, NodeCapability, StringMap, VolumeCapability } from '@kapella/csi';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

export interface CsiVolume {
  /** Name of the persistent volume, or of the inline volume in its Pod. */
  readonly specName: string;
  readonly driver: string;
  readonly handle: string;
  readonly lifecycle: 'Persistent' | 'Ephemeral';
  readonly mode: 'Filesystem' | 'Block';
  readonly fsType: string;
  readonly readOnly: boolean;
  readonly attributes: StringMap;
  readonly accessModes: readonly string[];
  readonly mountOptions: readonly string[];
  readonly stageSecret?: SecretName;
  readonly publishSecret?: SecretName;
  readonly expandSecret?: SecretName;
}

const hashHex = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

export function csiVolumeOf(volume: PersistentVolume, readOnly: boolean): CsiVolume | undefined {
  const { csi, accessModes = [], mountOptions = [], volumeMode } = volume.spec;
  if (csi === undefined) return undefined;
  const secret = (ref: { readonly name?: string; readonly namespace?: string } | undefined) =>
    ref?.name === undefined ? undefined : { namespace: ref.namespace ?? '', name: ref.name };
  const stageSecret = secret(csi.nodeStageSecretRef);
  const publishSecret = secret(csi.nodePublishSecretRef);
  const expandSecret = secret(csi.nodeExpandSecretRef);
  return {
    specName: volume.metadata.name,
    driver: csi.driver,
    handle: csi.volumeHandle,
    lifecycle: 'Persistent',
    mode: volumeMode === 'Block' ? 'Block' : 'Filesystem',
    fsType: csi.fsType ?? '',
    readOnly,
    attributes: csi.volumeAttributes ?? {},
    accessModes,
    mountOptions,
    ...(stageSecret && { stageSecret }),
    ...(publishSecret && { publishSecret }),
    ...(expandSecret && { expandSecret }),
  };
}

/** Of a volume that the Pod itself describes. */
export function inlineCsiVolume({ metadata }: Pod, { name, csi }: Volume): CsiVolume | undefined {
  if (csi === undefined) return undefined;
  const secret = csi.nodePublishSecretRef?.name;
  return {
    specName: name,
    driver: csi.driver,
    handle: `csi-${hashHex(`${metadata.uid}${name}`)}`,
    lifecycle: 'Ephemeral',
    mode: 'Filesystem',
    fsType: csi.fsType ?? '',
    readOnly: csi.readOnly === true,
    attributes: csi.volumeAttributes ?? {},
    accessModes: [],
    mountOptions: [],
    ...(secret && { publishSecret: { namespace: metadata.namespace ?? '', name: secret } }),
  };
}

/** As status.volumesInUse and volumesAttached of the Node name it. */
export const uniqueVolumeName = ({ driver, handle }: Pick<CsiVolume, 'driver' | 'handle'>): string =>
  `kubernetes.io/csi/${driver}^${handle}`;

/** Of the VolumeAttachment. */
export const attachmentName = ({ driver, handle }: Pick<CsiVolume, 'driver' | 'handle'>, node: string): string =>
  `csi-${hashHex(`${handle}${driver}${node}`)}`;

/** Name of the volume's directory below its driver's. */
export const handleHash = (handle: string): string => hashHex(handle);

/** The first access mode decides, as upstream. */
export function accessModeOf({ accessModes }: CsiVolume, capabilities: ReadonlySet<NodeCapability>): CsiAccessMode {
  const fine = capabilities.has('SINGLE_NODE_MULTI_WRITER');
  switch (accessModes[0]) {
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    case 'ReadWriteOncePod':
      return fine ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    default:
      return fine ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
  }
}

export function capabilityOf(
  volume: CsiVolume,
  capabilities: ReadonlySet<NodeCapability>,
  fsGroup: number | undefined,
): VolumeCapability {
  const accessMode = { mode: accessModeOf(volume, capabilities) };
  if (volume.mode === 'Block') return { block: {}, accessMode };
  const byDriver = fsGroup !== undefined && capabilities.has('VOLUME_MOUNT_GROUP');
  return {
    mount: {
      fsType: volume.fsType,
      mountFlags: volume.mountOptions,
      ...(byDriver && { volumeMountGroup: String(fsGroup) }),
    },
    accessMode,
  };
}

/** Whether the agent gives the files to the Pod's fsGroup. */
export function changesOwner(
  volume: CsiVolume,
  driver: CSIDriver | undefined,
  capabilities: ReadonlySet<NodeCapability>,
): boolean {
  const policy = driver?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (volume.readOnly || policy === 'None' || capabilities.has('VOLUME_MOUNT_GROUP')) return false;
  if (policy === 'File') return true;
  if (volume.fsType === '') return false;
  const once = ['ReadWriteOnce', 'ReadWriteOncePod'];
  return volume.lifecycle === 'Ephemeral' || volume.accessModes.some((mode) => once.includes(mode));
}

/** What CSIDriver.spec.podInfoOnMount adds to the volume's attributes. */
export const podInfo = ({ metadata, spec }: Pod, { lifecycle }: CsiVolume): StringMap => ({
  'csi.storage.k8s.io/pod.name': metadata.name,
  'csi.storage.k8s.io/pod.namespace': metadata.namespace ?? '',
  'csi.storage.k8s.io/pod.uid': metadata.uid,
  'csi.storage.k8s.io/serviceAccount.name': spec.serviceAccountName ?? '',
  'csi.storage.k8s.io/ephemeral': String(lifecycle === 'Ephemeral'),
});

/** Why the driver does not take such a volume. */
export function lifecycleProblem({ lifecycle, driver }: CsiVolume, object: CSIDriver | undefined): string | undefined {
  if (object === undefined && lifecycle === 'Persistent') return undefined;
  const modes = object?.spec.volumeLifecycleModes ?? ['Persistent'];
  if (modes.includes(lifecycle)) return undefined;
  return `volume mode "${lifecycle}" not supported by driver ${driver} (only supports ${JSON.stringify(modes)})`;
}
