/** Which volumes a node gets and loses. Pure. Source: kubernetes pkg/controller/volume/attachdetach/reconciler. */
import type { AttachedVolume, Node, PersistentVolume, Pod } from '@kapella/api/types/core-v1';
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** So long a node that is not ready may keep a volume mounted before it is taken from it. */
export const UNMOUNT_WAIT_MS = 6 * 60_000;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const UNIQUE = 'kubernetes.io/csi/';

/** A volume that Pods of the node need attached. */
export interface Wanted {
  readonly volume: PersistentVolume;
  readonly pods: readonly Pod[];
}

export const uniqueName = (driver: string, handle: string): string => `${UNIQUE}${driver}^${handle}`;

export const attachmentName = (driver: string, handle: string, node: string): string =>
  `csi-${bytesToHex(sha256(utf8ToBytes(`${handle}${driver}${node}`)))}`;

export interface NodeInput {
  readonly nodeName: string;
  /** undefined: its object is gone. */
  readonly node: Node | undefined;
  /** By name of the attachment. */
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** Of this node. */
  readonly attachments: readonly VolumeAttachment[];
  /** Nodes that have the volume by now, by its name, without this one. */
  readonly elsewhere: (volumeName: string) => readonly string[];
  /** Unique names by attachment, as far as they are known. */
  readonly names: ReadonlyMap<string, string>;
  /** Since when an attachment is to go, in ms. */
  readonly detachSince: ReadonlyMap<string, number>;
  readonly nowMs: number;
  /** A volume that is mounted is taken from a node that is not ready after a while. */
  readonly forcesDetach: boolean;
}

export interface NodePlan {
  readonly attach: readonly Wanted[];
  /** Held by other nodes. */
  readonly blocked: readonly { readonly wanted: Wanted; readonly nodes: readonly string[] }[];
  readonly detach: readonly VolumeAttachment[];
  /** To go, but still mounted. */
  readonly mounted: readonly VolumeAttachment[];
  /** For status.volumesAttached, sorted by name. */
  readonly volumesAttached: readonly AttachedVolume[];
}

export function planNode(input: NodeInput): NodePlan {
  const { wanted, attachments } = input;
  const present = new Set(attachments.map(({ metadata }) => metadata.name));
  const missing = [...wanted].filter(([name]) => !present.has(name)).map(([, one]) => one);
  const held = new Map(missing.map((one) => [one, holders(one.volume, input)]));
  const isFree = (one: Wanted) => held.get(one)?.length === 0;
  const unwanted = attachments.filter(
    ({ metadata }) => !wanted.has(metadata.name) && metadata.deletionTimestamp === undefined,
  );
  const detach = unwanted.filter((one) => mayDetach(one.metadata.name, input));
  return {
    // Nothing is attached to a node whose object is gone.
    attach: input.node === undefined ? [] : missing.filter(isFree),
    blocked: missing.filter((one) => !isFree(one)).map((one) => ({ wanted: one, nodes: held.get(one) ?? [] })),
    detach,
    mounted: unwanted.filter((one) => !detach.includes(one)),
    volumesAttached: attachedVolumes(attachments, detach, input.names),
  };
}

const allowsMany = ({ spec }: PersistentVolume) =>
  (spec.accessModes ?? []).some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');

const holders = (volume: PersistentVolume, { elsewhere }: NodeInput): readonly string[] =>
  allowsMany(volume) ? [] : elsewhere(volume.metadata.name);

/** What is mounted goes only from a node that is given up. */
function mayDetach(name: string, { node, names, detachSince, nowMs, forcesDetach }: NodeInput): boolean {
  const waitedMs = nowMs - (detachSince.get(name) ?? nowMs);
  const unique = names.get(name);
  if (node === undefined) return unique === undefined || waitedMs >= UNMOUNT_WAIT_MS;
  const isMounted = unique !== undefined && (node.status?.volumesInUse ?? []).includes(unique);
  if (!isMounted) return true;
  if (node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true) return true;
  const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  return forcesDetach && !isReady && waitedMs >= UNMOUNT_WAIT_MS;
}

function attachedVolumes(
  attachments: readonly VolumeAttachment[],
  detach: readonly VolumeAttachment[],
  names: ReadonlyMap<string, string>,
): readonly AttachedVolume[] {
  const stay = attachments.filter(
    (one) => one.status?.attached === true && one.metadata.deletionTimestamp === undefined && !detach.includes(one),
  );
  const known = stay.map(({ metadata }) => names.get(metadata.name)).filter((name) => name !== undefined);
  return known.toSorted().map((name) => ({ name, devicePath: '' }));
}

/** Unique names of what the node's status speaks of, by attachment: also of volumes whose object is gone. */
export function namesOfStatus({ metadata, status }: Node): ReadonlyMap<string, string> {
  const all = [...(status?.volumesInUse ?? []), ...(status?.volumesAttached ?? []).map(({ name }) => name)];
  const names = new Map<string, string>();
  for (const unique of all) {
    const at = unique.indexOf('^');
    if (!unique.startsWith(UNIQUE) || at < 0) continue;
    names.set(attachmentName(unique.slice(UNIQUE.length, at), unique.slice(at + 1), metadata.name), unique);
  }
  return names;
}

/** A Pod that needs its volumes no more. */
export function isOver({ metadata, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const statuses = status?.containerStatuses ?? [];
  const isStill = statuses.every(({ state }) => state?.terminated !== undefined || state?.waiting !== undefined);
  return metadata.deletionTimestamp !== undefined && isStill;
}

/** Text of the event for a Pod that waits for a volume that others have. Names of other namespaces are not told. */
export function multiAttachMessage(volume: string, waiting: Pod, users: readonly Pod[]): string {
  const head = `Multi-Attach error for volume "${volume}" `;
  if (users.length === 0) {
    return `${head}Volume is already exclusively attached to one node and can't be attached to another`;
  }
  const local = users.filter(({ metadata }) => metadata.namespace === waiting.metadata.namespace);
  const others = users.length - local.length;
  const names = local.map(({ metadata }) => metadata.name).join(', ');
  if (local.length === 0) return `${head}Volume is already used by ${others} pod(s) in different namespaces`;
  const rest = others > 0 ? ` and ${others} pod(s) in different namespaces` : '';
  return `${head}Volume is already used by pod(s) ${names}${rest}`;
}
