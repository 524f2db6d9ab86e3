/**
 * Attaches volumes of CSI drivers to the nodes of the Pods that use them, by VolumeAttachments that the drivers' attachers
 * carry out; detaches them when they are unmounted. Source: kubernetes pkg/controller/volume/attachdetach.
 */
import { coreV1, keyOf, storageV1 } from '@kapella/api';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import { type Ctx, isReason, jsonEqual } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController, type ReconcileResult } from '@kapella/controller';
import {
  attachmentName,
  isOver,
  multiAttachMessage,
  namesOfStatus,
  type NodePlan,
  planNode,
  UNMOUNT_WAIT_MS,
  uniqueName,
  type Wanted,
} from './plan-node.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';

const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach';
const PODS_BY_NODE = 'pods-by-node';
const PODS_BY_CLAIM = 'pods-by-claim';
const BY_NODE = 'attachments-by-node';
const BY_VOLUME = 'attachments-by-volume';
/** A node that keeps what it should let go is looked at so often. */
const LOOK_AGAIN_MS = 30_000;

/** Keys are names of nodes. */
export function createAttachDetachController(deps: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const { cache } = deps;
  const pods = cache.informer(coreV1.Pod);
  pods.addIndex(PODS_BY_NODE, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  pods.addIndex(PODS_BY_CLAIM, claimKeys);
  const attachments = cache.informer(storageV1.VolumeAttachment);
  attachments.addIndex(BY_NODE, ({ spec }) => [spec.nodeName]);
  attachments.addIndex(BY_VOLUME, ({ spec }) =>
    spec.source.persistentVolumeName ? [spec.source.persistentVolumeName] : [],
  );
  const memory: Memory = { tuning, detachSince: new Map(), told: new Set() };
  const usersOf = (claim: string) => nodesOf(pods.byIndex(PODS_BY_CLAIM, claim));
  const usersOfVolume = (name: string) => {
    const ref = cache.get(coreV1.PersistentVolume, name)?.spec.claimRef;
    return ref === undefined ? [] : usersOf(`${ref.namespace}/${ref.name}`);
  };
  return defineController({
    name: 'persistentvolume-attach-detach-controller',
    primary: coreV1.Node,
    primaryChanged: (next, old) => concerns(next) !== concerns(old),
    concurrencyMax: 1, // one volume must not go to two nodes
    watches: [
      { kind: coreV1.Pod, keysOf: (pod: Pod) => (claimKeys(pod).length > 0 ? nodesOf([pod]) : []) },
      { kind: coreV1.PersistentVolumeClaim, keysOf: (claim: PersistentVolumeClaim) => usersOf(keyOf(claim)) },
      { kind: coreV1.PersistentVolume, keysOf: ({ metadata }: PersistentVolume) => usersOfVolume(metadata.name) },
      { kind: storageV1.CSIDriver, keysOf: () => cache.list(coreV1.Node).map(({ metadata }) => metadata.name) },
      {
        kind: storageV1.VolumeAttachment,
        // One that goes makes room on other nodes.
        keysOf: ({ spec }: VolumeAttachment, _old: unknown, deleted: boolean) =>
          deleted ? [spec.nodeName, ...usersOfVolume(spec.source.persistentVolumeName ?? '')] : [spec.nodeName],
      },
    ],
    reconcile: (name, ctx) => reconcileNode(deps, memory, name, ctx),
  });
}

interface Memory {
  readonly tuning: Tuning;
  /** Since when an attachment is to go. */
  readonly detachSince: Map<string, number>;
  /** What Pods have been told: events are not repeated. */
  readonly told: Set<string>;
}

const concerns = ({ metadata, spec, status }: Node): string =>
  JSON.stringify([
    metadata.annotations?.[MANAGED],
    spec.taints,
    status?.volumesInUse,
    status?.volumesAttached,
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ]);

const nodesOf = (pods: readonly Pod[]): string[] => [
  ...new Set(pods.map(({ spec }) => spec.nodeName ?? '').filter((name) => name !== '')),
];

function claimKeys({ metadata: { namespace, name }, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [`${namespace}/${volume.persistentVolumeClaim.claimName}`];
    return volume.ephemeral === undefined ? [] : [`${namespace}/${name}-${volume.name}`];
  });
}

async function reconcileNode(
  deps: ControllerDeps,
  memory: Memory,
  nodeName: string,
  ctx: Ctx,
): Promise<ReconcileResult> {
  const { cache, client } = deps;
  const node = cache.get(coreV1.Node, nodeName);
  const attachments = cache.informer(storageV1.VolumeAttachment).byIndex(BY_NODE, nodeName);
  if (node === undefined ? attachments.length === 0 : node.metadata.annotations?.[MANAGED] !== 'true') return {};
  const wanted = wantedBy(deps, nodeName);
  const nowMs = ctx.clock.nowMs();
  remember(memory, attachments, wanted, nowMs);
  const plan = planNode({
    nodeName,
    node,
    wanted,
    attachments,
    elsewhere: (volume) =>
      cache
        .informer(storageV1.VolumeAttachment)
        .byIndex(BY_VOLUME, volume)
        .map(({ spec }) => spec.nodeName)
        .filter((name) => name !== nodeName),
    names: namesOf(deps, node, attachments, wanted),
    detachSince: memory.detachSince,
    nowMs,
    forcesDetach: !memory.tuning.disableForceDetachOnTimeout,
  });
  // Before anything is detached: the node must not start to rely on it.
  if (node !== undefined && !jsonEqual(plan.volumesAttached, node.status?.volumesAttached ?? [])) {
    const body = { status: { volumesAttached: plan.volumesAttached.length > 0 ? plan.volumesAttached : null } };
    await client.patch(coreV1.Node, node, { type: 'merge', body }, ctx, { subresource: 'status' });
  }
  for (const { metadata } of plan.detach) await detach(deps, metadata.name, ctx);
  for (const one of plan.attach) await attach(deps, nodeName, one, ctx);
  tell(deps, memory, plan, attachments, wanted);
  return plan.mounted.length > 0 ? { requeueAfterMs: Math.min(LOOK_AGAIN_MS, UNMOUNT_WAIT_MS) } : {};
}

/** By name of the attachment: volumes of drivers that attach, which Pods of the node use. */
function wantedBy({ cache }: ControllerDeps, nodeName: string): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, { volume: PersistentVolume; pods: Pod[] }>();
  for (const pod of cache.informer(coreV1.Pod).byIndex(PODS_BY_NODE, nodeName)) {
    if (isOver(pod)) continue;
    for (const key of claimKeys(pod)) {
      const claim = cache.get(coreV1.PersistentVolumeClaim, key);
      const volume = cache.get(coreV1.PersistentVolume, claim?.spec.volumeName ?? '');
      const csi = volume?.spec.csi;
      if (volume === undefined || csi === undefined || volume.spec.claimRef?.uid !== claim?.metadata.uid) continue;
      if (cache.get(storageV1.CSIDriver, csi.driver)?.spec.attachRequired === false) continue;
      const name = attachmentName(csi.driver, csi.volumeHandle, nodeName);
      const entry = wanted.get(name) ?? { volume, pods: [] };
      entry.pods.push(pod);
      wanted.set(name, entry);
    }
  }
  return wanted;
}

function namesOf(
  { cache }: ControllerDeps,
  node: Node | undefined,
  attachments: readonly VolumeAttachment[],
  wanted: ReadonlyMap<string, Wanted>,
): ReadonlyMap<string, string> {
  const names = new Map(node === undefined ? [] : namesOfStatus(node));
  for (const { metadata, spec } of attachments) {
    const volume = cache.get(coreV1.PersistentVolume, spec.source.persistentVolumeName ?? '');
    const csi = (wanted.get(metadata.name)?.volume ?? volume)?.spec.csi;
    if (csi !== undefined) names.set(metadata.name, uniqueName(csi.driver, csi.volumeHandle));
  }
  return names;
}

function remember(
  { detachSince }: Memory,
  attachments: readonly VolumeAttachment[],
  wanted: ReadonlyMap<string, Wanted>,
  nowMs: number,
): void {
  for (const { metadata } of attachments) {
    if (wanted.has(metadata.name) || metadata.deletionTimestamp !== undefined) detachSince.delete(metadata.name);
    else if (!detachSince.has(metadata.name)) detachSince.set(metadata.name, nowMs);
  }
}

async function attach({ client }: ControllerDeps, nodeName: string, { volume }: Wanted, ctx: Ctx): Promise<void> {
  const csi = volume.spec.csi;
  if (csi === undefined) return;
  const object = {
    metadata: { name: attachmentName(csi.driver, csi.volumeHandle, nodeName) },
    spec: { attacher: csi.driver, nodeName, source: { persistentVolumeName: volume.metadata.name } },
  };
  try {
    await client.create(storageV1.VolumeAttachment, object, ctx);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error; // the cache is late
  }
}

async function detach({ client }: ControllerDeps, name: string, ctx: Ctx): Promise<void> {
  try {
    await client.delete(storageV1.VolumeAttachment, { name }, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

function tell(
  deps: ControllerDeps,
  memory: Memory,
  plan: NodePlan,
  attachments: readonly VolumeAttachment[],
  wanted: ReadonlyMap<string, Wanted>,
): void {
  const once = (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string) => {
    const key = `${pod.metadata.uid} ${message}`;
    if (memory.told.has(key)) return;
    memory.told.add(key);
    deps.events.event(pod, type, reason, message);
  };
  for (const { wanted: one, nodes } of plan.blocked) {
    const users = usersOn(deps, one.volume, nodes);
    for (const pod of one.pods) {
      once(pod, 'Warning', 'FailedAttachVolume', multiAttachMessage(one.volume.metadata.name, pod, users));
    }
  }
  for (const { metadata, status } of attachments) {
    const one = wanted.get(metadata.name);
    const name = one?.volume.metadata.name;
    const error = status?.attachError?.message;
    for (const pod of one?.pods ?? []) {
      if (status?.attached === true) {
        once(pod, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${name}" `);
      } else if (error) {
        once(pod, 'Warning', 'FailedAttachVolume', `AttachVolume.Attach failed for volume "${name}" : ${error}`);
      }
    }
  }
  forget(deps, memory);
}

const TOLD_MAX = 10_000;

/** Of Pods that are gone. */
function forget({ cache }: ControllerDeps, { told }: Memory): void {
  if (told.size < TOLD_MAX) return;
  const alive = new Set(cache.list(coreV1.Pod).map(({ metadata }) => metadata.uid));
  for (const key of told) if (!alive.has(key.split(' ')[0] ?? '')) told.delete(key);
}

function usersOn({ cache }: ControllerDeps, { spec }: PersistentVolume, nodes: readonly string[]): readonly Pod[] {
  const ref = spec.claimRef;
  if (ref === undefined) return [];
  const users = cache.informer(coreV1.Pod).byIndex(PODS_BY_CLAIM, `${ref.namespace}/${ref.name}`);
  return users.filter((pod) => nodes.includes(pod.spec.nodeName ?? '') && !isOver(pod));
}
