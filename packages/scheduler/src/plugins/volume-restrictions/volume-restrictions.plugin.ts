/** Disks that only one Pod may use at a time. Source: kubernetes …/plugins/volumerestrictions. */
import type { Pod, Volume } from '@kapella/api/types/core-v1';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import { claimNamesOf, isOwnClaim, podsOf } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { type FilterState, type PluginFactory, unresolvable, unschedulable } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';

const DISK_CONFLICT = unschedulable('node(s) had no available disk');
const CLAIM_CONFLICT = unschedulable(
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
);

export const volumeRestrictions: PluginFactory = {
  name: 'VolumeRestrictions',
  create: (_args, { lookup }) => ({
    name: 'VolumeRestrictions',
    events: [
      { resource: 'Pod', actions: ['Delete'], hint: isFreed },
      { resource: 'Node', actions: ['Add'] },
      { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: isOwnClaim },
    ],
    preFilter({ pod, namespace }, snapshot) {
      const claimOf = (name: string) => lookup.get('PersistentVolumeClaim', `${namespace}/${name}`);
      const names = claimNamesOf(pod);
      const missing = names.find((name) => claimOf(name) === undefined);
      if (missing !== undefined) return unresolvable(`persistentvolumeclaim "${missing}" not found`);
      const isExclusive = (name: string) => claimOf(name)?.spec.accessModes?.includes('ReadWriteOncePod') === true;
      const exclusive = new Set(names.filter(isExclusive));
      const users = [...exclusive].filter((name) => snapshot.claimUsers.has(`${namespace}/${name}`)).length;
      const disks = (pod.spec.volumes ?? []).filter(isDisk);
      if (disks.length === 0 && users === 0) return 'skip';
      return new RestrictionsFilter(namespace, disks, exclusive, users);
    },
  }),
};

class RestrictionsFilter implements FilterState {
  readonly #namespace: string;
  readonly #disks: readonly Volume[];
  readonly #exclusive: ReadonlySet<string>;
  /** Pods that use a claim that only one Pod may use. */
  #users: number;

  constructor(namespace: string, disks: readonly Volume[], exclusive: ReadonlySet<string>, users: number) {
    this.#namespace = namespace;
    this.#disks = disks;
    this.#exclusive = exclusive;
    this.#users = users;
  }

  filter(node: NodeState) {
    for (const other of this.#disks.length === 0 ? [] : node.pods.values()) {
      if (haveConflict(this.#disks, other.pod)) return DISK_CONFLICT;
    }
    return this.#users > 0 ? CLAIM_CONFLICT : undefined;
  }

  update(other: PodState, _node: NodeState, sign: 1 | -1): void {
    if (other.namespace !== this.#namespace) return;
    for (const name of claimNamesOf(other.pod)) if (this.#exclusive.has(name)) this.#users += sign;
  }

  clone(): RestrictionsFilter {
    return new RestrictionsFilter(this.#namespace, this.#disks, this.#exclusive, this.#users);
  }
}

function isFreed({ pod, namespace }: PodState, event: ClusterEvent): boolean {
  const { old } = podsOf(event);
  if (old === undefined || old.metadata.namespace !== namespace) return false;
  if (haveConflict((pod.spec.volumes ?? []).filter(isDisk), old)) return true;
  const claims = new Set(claimNamesOf(pod));
  return claimNamesOf(old).some((name) => claims.has(name));
}

function isDisk({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean {
  return [gcePersistentDisk, awsElasticBlockStore, rbd, iscsi].some((source) => source !== undefined);
}

function haveConflict(disks: readonly Volume[], { spec }: Pod): boolean {
  return disks.some((disk) => (spec.volumes ?? []).some((other) => isSameDisk(disk, other)));
}

/** The same disk, and one of the two writes to it. */
function isSameDisk(a: Volume, b: Volume): boolean {
  type Access = { readonly readOnly?: boolean } | undefined;
  const writes = (left: Access, right: Access) => !(left?.readOnly === true && right?.readOnly === true);
  const { gcePersistentDisk: gce, awsElasticBlockStore: ebs, iscsi, rbd } = a;
  if (gce !== undefined && gce.pdName === b.gcePersistentDisk?.pdName && writes(gce, b.gcePersistentDisk)) return true;
  if (ebs !== undefined && ebs.volumeID === b.awsElasticBlockStore?.volumeID) return true;
  if (iscsi !== undefined && iscsi.iqn === b.iscsi?.iqn && writes(iscsi, b.iscsi)) return true;
  if (rbd === undefined || b.rbd === undefined) return false;
  const shareMonitor = rbd.monitors.some((monitor) => b.rbd?.monitors.includes(monitor) === true);
  return shareMonitor && rbd.pool === b.rbd.pool && rbd.image === b.rbd.image && writes(rbd, b.rbd);
}
