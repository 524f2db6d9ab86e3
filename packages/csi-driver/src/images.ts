/** What the driver keeps: images of disks, and what it knows of each. Source: CSI specification 1.12. */
import { Quantity } from '@kapella/api';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

export const DRIVER_NAME = 'loop.csi.kapella.io';
export const DRIVER_VERSION = '0.1.0';
/** Key of the driver's topology; the value is the node's id. */
export const TOPOLOGY_KEY = 'topology.loop.csi.kapella.io/node';

const MI = 1024 ** 2;
/** xfs makes nothing smaller. */
export const SIZE_BYTES_MIN = 300 * MI;
export const SIZE_BYTES_DEFAULT = 1024 * MI;
export const FS_TYPES: ReadonlySet<string> = new Set(['xfs', 'ext4']);
export const FS_TYPE_DEFAULT = 'xfs';

export type ImageKind = 'volume' | 'snapshot';

export interface ImageRecord {
  readonly kind: ImageKind;
  readonly id: string;
  /** Of the request that made it. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  /** Of a volume: what it was made from. Of a snapshot: its volume. */
  readonly sourceId: string;
  /** Of a volume: LUKS. */
  readonly encrypted: boolean;
}

/** Images on disk. A record is there exactly when its image is, whole. */
export interface ImageStore {
  get(kind: ImageKind, id: string): Promise<ImageRecord | undefined>;
  /** Sorted by id. */
  list(kind: ImageKind): Promise<readonly ImageRecord[]>;
  /** An empty one, or a copy of `from`; what is there already stays as it is. */
  create(record: ImageRecord, from: ImageRecord | undefined): Promise<void>;
  /** Grows the image and its record. */
  grow(record: ImageRecord, sizeBytes: number): Promise<ImageRecord>;
  remove(kind: ImageKind, id: string): Promise<void>;
  /** Absolute path of the file. */
  pathOf(record: ImageRecord): string;
  freeBytes(): Promise<number>;
}

/** The same name is the same image: a request that comes again finds what it made. */
export const imageId = (kind: ImageKind, name: string): string =>
  `${kind === 'volume' ? 'vol' : 'snap'}-${bytesToHex(sha256(utf8ToBytes(name))).slice(0, 32)}`;

export const isImageId = (id: string): boolean => /^(vol|snap)-[0-9a-f]{32}$/.test(id);

/** As a Kubernetes quantity, in the largest unit that says it whole: `2Gi`. */
export const sizeText = (bytes: number): string => Quantity.of(bytes, 'BinarySI').toString();
