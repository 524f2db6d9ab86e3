/** What the cluster knows of the CSI drivers of this node: CSINode, an annotation, labels. Source: …/csi/nodeinfomanager. */
import { coreV1, storageV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import type { CSINode, CSINodeDriver } from '@kapella/api/types/storage-v1';
import { type Ctx, isReason, jsonEqual } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { NodeInfo } from '@kapella/csi';

const NODE_ID_ANNOTATION = 'csi.volume.kubernetes.io/nodeid';
const WRITES_MAX = 8;

/** The driver's entry; limits that are no limits are left out. */
export function driverEntry(name: string, { nodeId, maxVolumesPerNode, topology }: NodeInfo): CSINodeDriver {
  return {
    name,
    nodeID: nodeId,
    ...(topology !== undefined && { topologyKeys: Object.keys(topology).sort() }),
    ...(maxVolumesPerNode > 0 && { allocatable: { count: Math.min(maxVolumesPerNode, 2 ** 31 - 1) } }),
  };
}

/** The annotation's value; undefined when no driver is left. */
export function nodeIds(present: string | undefined, name: string, id: string | undefined): string | undefined {
  const ids = new Map<string, string>(Object.entries(parseIds(present)));
  if (id === undefined) ids.delete(name);
  else ids.set(name, id);
  return ids.size === 0 ? undefined : JSON.stringify(Object.fromEntries([...ids].sort(([a], [b]) => (a < b ? -1 : 1))));
}

function parseIds(text: string | undefined): Record<string, string> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {}; // someone else's scribble is replaced
    throw error;
  }
}

/** Why the driver's place cannot be taken over: another label for the same key means another place. */
export function topologyConflict(labels: Readonly<Record<string, string>>, topology: NodeInfo['topology']) {
  const clash = Object.entries(topology ?? {}).find(([key, value]) => (labels[key] ?? value) !== value);
  if (clash === undefined) return undefined;
  const [key, value] = clash;
  return `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${labels[key]}"`;
}

export interface CsiNodeWriter {
  /** Makes the CSINode where it is missing. */
  create(ctx: Ctx): Promise<void>;
  /** Node first: who sees the CSINode may rely on the labels. Throws what the API says, or a conflict of topology. */
  install(driver: string, info: NodeInfo, ctx: Ctx): Promise<void>;
  /** Topology labels stay, as upstream: volumes still need them. */
  uninstall(driver: string, ctx: Ctx): Promise<void>;
}

type EditDrivers = (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[];

export function createCsiNodeWriter(client: Client, nodeName: string): CsiNodeWriter {
  const id = { name: nodeName };
  const node = async (ctx: Ctx): Promise<Node> => {
    const found = await client.get(coreV1.Node, id, ctx);
    if (found === undefined) throw new Error(`node "${nodeName}" not found`);
    return found;
  };
  const patchNode = async (present: Node, annotation: string | undefined, labels: object, ctx: Ctx): Promise<void> => {
    const old = present.metadata.annotations?.[NODE_ID_ANNOTATION];
    const missing = Object.entries(labels).some(([key, value]) => present.metadata.labels?.[key] !== value);
    if (old === annotation && !missing) return;
    const metadata = { annotations: { [NODE_ID_ANNOTATION]: annotation ?? null }, labels };
    await client.patch(coreV1.Node, id, { type: 'strategic', body: { metadata } }, ctx);
  };
  const tryChange = async (edit: EditDrivers, ctx: Ctx): Promise<void> => {
    const found = await client.get(storageV1.CSINode, id, ctx);
    const present = found ?? (await createObject(client, await node(ctx), ctx));
    const drivers = edit(present.spec.drivers ?? []);
    if (jsonEqual(drivers, present.spec.drivers ?? [])) return;
    await client.update(storageV1.CSINode, { ...present, spec: { ...present.spec, drivers } }, ctx);
  };
  const change = async (edit: EditDrivers, ctx: Ctx): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await tryChange(edit, ctx);
      } catch (error) {
        if (!isReason(error, 'Conflict', 'AlreadyExists') || tries === WRITES_MAX) throw error;
      }
    }
  };
  return {
    create: (ctx) => change((drivers) => drivers, ctx),
    async install(driver, info, ctx) {
      if (info.nodeId === '') throw new Error('error adding CSI driver node info: driverNodeID must not be empty');
      const present = await node(ctx);
      const conflict = topologyConflict(present.metadata.labels ?? {}, info.topology);
      if (conflict !== undefined) throw new Error(conflict);
      const annotation = nodeIds(present.metadata.annotations?.[NODE_ID_ANNOTATION], driver, info.nodeId);
      await patchNode(present, annotation, info.topology ?? {}, ctx);
      const entry = driverEntry(driver, info);
      await change((drivers) => [...drivers.filter(({ name }) => name !== driver), entry], ctx);
    },
    async uninstall(driver, ctx) {
      await change((drivers) => drivers.filter(({ name }) => name !== driver), ctx);
      const present = await node(ctx);
      const annotation = nodeIds(present.metadata.annotations?.[NODE_ID_ANNOTATION], driver, undefined);
      await patchNode(present, annotation, {}, ctx);
    },
  };
}

async function createObject(client: Client, { metadata: { name, uid } }: Node, ctx: Ctx): Promise<CSINode> {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
  return await client.create(storageV1.CSINode, { metadata: { name, ownerReferences }, spec: { drivers: [] } }, ctx);
}
