/** No more volumes of a CSI driver than it can attach to the node. Source: kubernetes …/plugins/nodevolumelimits/csi.go. */
import type { PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { CSINode } from '@kapella/api/types/storage-v1';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { isOnNode, isOwnClaim, podsOf } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { type PluginFactory, type Rejection, unresolvable, unschedulable } from '../../framework/plugin.ts';
import { storageClassOf } from '../volume-binding/claims.ts';

const REFUSAL = unschedulable('node(s) exceed max volume count');

/** Driver by volume, each volume once however many Pods use it. */
type Volumes = Map<string, string>;

export const nodeVolumeLimits: PluginFactory = {
  name: 'NodeVolumeLimits',
  create: (_args, { lookup }) => ({
    name: 'NodeVolumeLimits',
    events: [
      { resource: 'CSINode', actions: ['Add', 'Update'], hint: (_pod, event) => isRaised(event) },
      {
        resource: 'Pod',
        actions: ['Delete'],
        hint: (_pod, event) => {
          const { old } = podsOf(event);
          return old !== undefined && isOnNode(old) && usesClaims(old);
        },
      },
      { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: isOwnClaim },
      { resource: 'VolumeAttachment', actions: ['Delete'] },
    ],
    preFilter({ pod, namespace }) {
      if (!usesClaims(pod)) return 'skip';
      const wanted: Volumes = new Map();
      const missing = collect(pod, namespace, lookup, wanted);
      return { filter: (node) => missing ?? firstExcess(node, wanted, lookup) };
    },
  }),
};

function firstExcess(node: NodeState, wanted: Volumes, lookup: ClusterLookup): Rejection | undefined {
  const limits = limitsOf(lookup.get('CSINode', node.name));
  if (wanted.size === 0 || limits.size === 0) return undefined;
  const attached = attachedTo(node, lookup);
  const counts = new Map<string, number>();
  const add = (driver: string) => counts.set(driver, (counts.get(driver) ?? 0) + 1);
  for (const driver of attached.values()) add(driver);
  const added = [...wanted].filter(([volume]) => !attached.has(volume)).map(([, driver]) => driver);
  for (const driver of added) add(driver);
  const exceeds = (driver: string) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Number.POSITIVE_INFINITY);
  return added.some(exceeds) ? REFUSAL : undefined;
}

/** What Pods of the node use, and what is attached to it for whatever reason. */
function attachedTo(node: NodeState, lookup: ClusterLookup): Volumes {
  const attached: Volumes = new Map();
  for (const { pod, namespace } of node.pods.values()) collect(pod, namespace, lookup, attached);
  for (const { spec } of lookup.list('VolumeAttachment')) {
    if (spec.nodeName !== node.name) continue;
    const source = lookup.get('PersistentVolume', spec.source.persistentVolumeName ?? '')?.spec.csi;
    if (source !== undefined) attached.set(`${source.driver}/${source.volumeHandle}`, source.driver);
  }
  return attached;
}

/** Adds the Pod's volumes; answers what keeps a new Pod away. */
function collect(pod: Pod, namespace: string, lookup: ClusterLookup, volumes: Volumes): Rejection | undefined {
  let missing: Rejection | undefined;
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    if (persistentVolumeClaim === undefined && ephemeral === undefined) continue;
    const claimName = persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${name}`;
    const claim = lookup.get('PersistentVolumeClaim', `${namespace}/${claimName}`);
    if (claim === undefined) {
      missing ??= unresolvable(
        `looking up PVC ${namespace}/${claimName}: persistentvolumeclaim "${claimName}" not found`,
      );
      continue;
    }
    const volume = volumeOf(claim, lookup);
    if (volume !== undefined) volumes.set(`${volume.driver}/${volume.handle}`, volume.driver);
  }
  return missing;
}

/** A claim without a volume will get one of its class's driver. */
function volumeOf(claim: PersistentVolumeClaim, lookup: ClusterLookup) {
  const volume = lookup.get('PersistentVolume', claim.spec.volumeName ?? '');
  if (volume !== undefined) {
    const { csi } = volume.spec;
    return csi === undefined ? undefined : { driver: csi.driver, handle: csi.volumeHandle };
  }
  const driver = lookup.get('StorageClass', storageClassOf(claim))?.provisioner;
  const { namespace, name } = claim.metadata;
  return driver === undefined ? undefined : { driver, handle: `to-provision:${namespace}/${name}` };
}

function limitsOf(csiNode: CSINode | undefined): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const { name, allocatable } of csiNode?.spec.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count);
  }
  return limits;
}

function isRaised(event: ClusterEvent): boolean {
  const before = limitsOf(event.old as CSINode | undefined);
  const after = limitsOf(event.new as CSINode | undefined);
  if (event.old === undefined) return true;
  return [...before].some(([driver, limit]) => (after.get(driver) ?? Number.POSITIVE_INFINITY) > limit);
}

function usesClaims(pod: Pod): boolean {
  return (pod.spec.volumes ?? []).some((v) => v.persistentVolumeClaim !== undefined || v.ephemeral !== undefined);
}
