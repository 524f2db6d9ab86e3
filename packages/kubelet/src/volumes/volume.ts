/** The contract of a volume kind. One folder each; plugins/index is the table. Source: kubernetes pkg/volume. */
import type { ObjectMeta } from '@kapella/api';
import type { Container, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@kapella/api/types/core-v1';
import type { Ctx, Random } from '@kapella/base';
import type { PodFacts } from '../container/facts.ts';
import type { NodeAllocatable } from '../container/field-path.ts';
import type { CsiVolume } from '../csi/csi-volume.ts';
import type { CsiVolumes } from '../csi/csi-volumes.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { ObjectCache } from '../objects/object-cache.ts';
import type { TokenSource } from './tokens.ts';

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface MountedVolume {
  /** Where it is on the host; '' for an image. */
  readonly hostPath: string;
  /** Every mount of it is read-only. */
  readonly readOnly: boolean;
  /** `hostPath` is a block device, or a link to one: for `volumeDevices` alone. */
  readonly block?: boolean;
  /** What its driver says is in it; undefined = the driver does not say, the file system is asked. */
  readonly measure?: (ctx: Ctx) => Promise<VolumeUsage | undefined>;
  /** The runtime mounts this image itself. */
  readonly image?: { readonly reference: string; readonly policy: PullPolicy };
  /** When its content must be made anew at the latest (tokens); undefined = only when an object changes. */
  readonly refreshAtMs?: number;
}

/** Parts are absent where they are not told. */
export interface VolumeUsage {
  readonly availableBytes?: number;
  readonly capacityBytes?: number;
  readonly usedBytes?: number;
  readonly inodesFree?: number;
  readonly inodes?: number;
  readonly inodesUsed?: number;
}

export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  /** The volume's own directory: `<pod dir>/volumes/<kind>/<name>`. */
  readonly dir: string;
  /** The same on a file system in memory that all Pods share: secrets never touch a disk. */
  readonly memoryDir: string;
}

export interface VolumeDeps {
  readonly files: HostFiles;
  readonly objects: ObjectCache;
  readonly tokens: TokenSource;
  readonly random: Random;
  readonly node: NodeAllocatable;
  readonly facts: (pod: Pod) => PodFacts;
  /** Absent where the node takes no CSI drivers, as hollow ones do not. */
  readonly csi?: CsiSupport;
}

export interface CsiSupport {
  readonly volumes: CsiVolumes;
  /** Asks its driver, at most once a minute. */
  measure(pod: Pod, volume: CsiVolume, ctx: Ctx): Promise<VolumeUsage | undefined>;
  /** Looks whether a claim was made larger. */
  expandIfDue(pod: Pod, claim: PersistentVolumeClaim, pv: PersistentVolume, volume: CsiVolume, ctx: Ctx): Promise<void>;
}

export interface VolumePlugin {
  /** `empty-dir`: also its directory name after `kubernetes.io~`. */
  readonly name: string;
  supports(volume: Volume): boolean;
  /** Makes or refreshes it; idempotent. Throws an Error whose text goes into the FailedMount event. */
  mount(request: VolumeRequest, deps: VolumeDeps, ctx: Ctx): Promise<MountedVolume>;
  /** Content follows objects or the Pod: `mount` is called again when they change. */
  readonly live?: boolean;
}

export const podContainers = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

export type PodMeta = Pick<ObjectMeta, 'name' | 'namespace' | 'uid'>;
