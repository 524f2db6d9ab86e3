/** The node service of a CSI driver, as a node agent calls it. Source: CSI specification 1.12, Node Service RPC. */
import type { Ctx } from '@kapella/base';

export type NodeCapability =
  | 'STAGE_UNSTAGE_VOLUME'
  | 'GET_VOLUME_STATS'
  | 'EXPAND_VOLUME'
  | 'VOLUME_CONDITION'
  | 'SINGLE_NODE_MULTI_WRITER'
  | 'VOLUME_MOUNT_GROUP';

export type CsiAccessMode =
  | 'SINGLE_NODE_WRITER'
  | 'SINGLE_NODE_READER_ONLY'
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_SINGLE_WRITER'
  | 'MULTI_NODE_MULTI_WRITER'
  | 'SINGLE_NODE_SINGLE_WRITER'
  | 'SINGLE_NODE_MULTI_WRITER';

export type StringMap = Readonly<Record<string, string>>;

/** `mount` xor `block`. */
export interface VolumeCapability {
  readonly mount?: {
    readonly fsType?: string;
    readonly mountFlags?: readonly string[];
    /** A gid, in decimal. */
    readonly volumeMountGroup?: string;
  };
  readonly block?: object;
  readonly accessMode: { readonly mode: CsiAccessMode };
}

export interface NodeInfo {
  readonly nodeId: string;
  /** 0 = the node agent decides. */
  readonly maxVolumesPerNode: number;
  /** undefined = the driver knows no topology. */
  readonly topology: StringMap | undefined;
}

export interface StageRequest {
  readonly volumeId: string;
  readonly publishContext?: StringMap;
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets?: StringMap;
  readonly volumeContext?: StringMap;
}

export interface PublishRequest extends Omit<StageRequest, 'stagingTargetPath'> {
  /** '' when the driver does not stage. */
  readonly stagingTargetPath: string;
  readonly targetPath: string;
  readonly readonly: boolean;
}

export interface ExpandRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly stagingTargetPath: string;
  readonly capacityRange: { readonly requiredBytes: number; readonly limitBytes?: number };
  readonly volumeCapability: VolumeCapability;
  readonly secrets?: StringMap;
}

export interface VolumeUsage {
  readonly unit: 'BYTES' | 'INODES';
  readonly available: number;
  readonly total: number;
  readonly used: number;
}

export interface VolumeStats {
  readonly usage: readonly VolumeUsage[];
  /** undefined = the driver does not say. */
  readonly condition: { readonly abnormal: boolean; readonly message: string } | undefined;
}

/** Every call rejects with CsiError. All are idempotent by the specification. */
export interface CsiNodeService {
  getInfo(ctx: Ctx): Promise<NodeInfo>;
  capabilities(ctx: Ctx): Promise<ReadonlySet<NodeCapability>>;
  stage(request: StageRequest, ctx: Ctx): Promise<void>;
  unstage(volumeId: string, stagingTargetPath: string, ctx: Ctx): Promise<void>;
  publish(request: PublishRequest, ctx: Ctx): Promise<void>;
  unpublish(volumeId: string, targetPath: string, ctx: Ctx): Promise<void>;
  /** Answers the new size in bytes; 0 = the driver does not say. */
  expand(request: ExpandRequest, ctx: Ctx): Promise<number>;
  stats(volumeId: string, volumePath: string, stagingTargetPath: string, ctx: Ctx): Promise<VolumeStats>;
  close(): void;
}
