/** Claims must be bound where the node can reach them, or bindable there. Source: kubernetes …/plugins/volumebinding. */
import { coreV1, keyOf } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { claimNamesOf, isOwnClaim } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import {
  type Cycle,
  type FilterState,
  type PluginFactory,
  type Rejection,
  unresolvable,
} from '../../framework/plugin.ts';
import { isBound, type PodClaims, podClaims, SELECTED_NODE } from './claims.ts';
import { canProvision, matchVolume, reaches } from './match-volume.ts';

export interface VolumeBindingArgs {
  readonly bindTimeoutSeconds: number;
}

/** What the Pod's claims will be bound to on one node. */
interface Bindings {
  readonly toBind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly toProvision: readonly PersistentVolumeClaim[];
}

const NAME = 'VolumeBinding';

export const volumeBinding: PluginFactory<VolumeBindingArgs> = {
  name: NAME,
  create({ bindTimeoutSeconds }, { lookup }) {
    /** Volumes that Pods under way will have, by name; the claim's key. */
    const assumed = new Map<string, string>();
    const isTaken = ({ metadata }: PersistentVolume) => assumed.has(metadata.name);
    const planFor = (cycle: Cycle, node: string) => stateOf(cycle)?.plans.get(node);
    return {
      name: NAME,
      events: [
        { resource: 'StorageClass', actions: ['Add', 'Update'] },
        { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: isOwnClaim },
        { resource: 'PersistentVolume', actions: ['Add', 'Update'] },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
        { resource: 'CSINode', actions: ['Add', 'Update'] },
        { resource: 'CSIDriver', actions: ['Update'] },
        { resource: 'CSIStorageCapacity', actions: ['Add', 'Update'] },
      ],
      preFilter({ pod }) {
        if (claimNamesOf(pod, true).length === 0) return 'skip';
        const claims = podClaims(pod, lookup);
        if ('why' in claims) return unresolvable(claims.why);
        if (claims.immediate.length > 0) return unresolvable('pod has unbound immediate PersistentVolumeClaims');
        return new BindingFilter(claims, lookup, isTaken);
      },
      reserve(cycle, node) {
        for (const { claim, volume } of planFor(cycle, node)?.toBind ?? [])
          assumed.set(volume.metadata.name, keyOf(claim));
        return undefined;
      },
      unreserve(cycle, node) {
        for (const { volume } of planFor(cycle, node)?.toBind ?? []) assumed.delete(volume.metadata.name);
      },
      needsPreBind: (cycle) => (stateOf(cycle)?.claims.delayed.length ?? 0) > 0,
      async preBind(cycle, node, { client, until }, ctx) {
        const plan = planFor(cycle, node);
        if (plan === undefined) return;
        for (const { claim, volume } of plan.toBind) {
          const { namespace, name, uid, resourceVersion } = claim.metadata;
          const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
          const annotations = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
          // The version: a volume that another Pod's claim took meanwhile is left alone.
          const metadata = { annotations, resourceVersion: volume.metadata.resourceVersion };
          const body = { metadata, spec: { claimRef } };
          if (volume.spec.claimRef?.uid === uid) continue;
          await client.patch(coreV1.PersistentVolume, volume, { type: 'merge', body }, ctx);
        }
        for (const claim of plan.toProvision) {
          const body = { metadata: { annotations: { [SELECTED_NODE]: node } } };
          await client.patch(coreV1.PersistentVolumeClaim, claim, { type: 'merge', body }, ctx);
        }
        const waiting = [...plan.toBind.map(({ claim }) => claim), ...plan.toProvision].map(keyOf);
        const check = () => areBound(waiting, lookup);
        await until(check, bindTimeoutSeconds * 1000, `claims ${waiting.join(', ')} to be bound`, ctx);
        for (const { volume } of plan.toBind) assumed.delete(volume.metadata.name);
      },
    };
  },
};

function stateOf(cycle: Cycle): BindingFilter | undefined {
  const state = cycle.filterStates.get(NAME);
  return state instanceof BindingFilter ? state : undefined;
}

function areBound(keys: readonly string[], lookup: ClusterLookup): true | undefined {
  for (const key of keys) {
    const claim = lookup.get('PersistentVolumeClaim', key);
    if (claim === undefined) throw new Error(`persistentvolumeclaim ${key} was deleted while it was to be bound`);
    if (!isBound(claim)) return undefined;
  }
  return true;
}

class BindingFilter implements FilterState {
  readonly claims: PodClaims;
  /** Of each node that was found to fit. */
  readonly plans = new Map<string, Bindings>();
  readonly #lookup: ClusterLookup;
  readonly #isTaken: (volume: PersistentVolume) => boolean;

  constructor(claims: PodClaims, lookup: ClusterLookup, isTaken: (volume: PersistentVolume) => boolean) {
    this.claims = claims;
    this.#lookup = lookup;
    this.#isTaken = isTaken;
  }

  filter({ node, name }: NodeState): Rejection | undefined {
    const reasons: string[] = [];
    let isMissing = false;
    for (const claim of this.claims.bound) {
      const volume = this.#lookup.get('PersistentVolume', claim.spec.volumeName ?? '');
      if (volume === undefined) {
        isMissing = true;
        break;
      }
      if (reaches(volume, node)) continue;
      reasons.push("node(s) didn't match PersistentVolume's node affinity");
      break;
    }
    const plan = this.#planDelayed(node);
    if (typeof plan === 'string') reasons.push(plan);
    else this.plans.set(name, plan);
    if (isMissing) reasons.push('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
    return reasons.length === 0 ? undefined : unresolvable(...reasons);
  }

  #planDelayed(node: NodeState['node']): Bindings | string {
    const toBind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const toProvision: PersistentVolumeClaim[] = [];
    const chosen = new Set<string>();
    const volumes = this.claims.delayed.length === 0 ? [] : this.#lookup.list('PersistentVolume');
    for (const claim of this.claims.delayed) {
      const selected = claim.metadata.annotations?.[SELECTED_NODE];
      if (selected !== undefined && selected !== node.metadata.name) return NO_VOLUME;
      const isTaken = (volume: PersistentVolume) => chosen.has(volume.metadata.name) || this.#isTaken(volume);
      const volume = selected === undefined ? matchVolume(claim, node, volumes, isTaken) : undefined;
      if (volume === undefined) toProvision.push(claim);
      else {
        chosen.add(volume.metadata.name);
        toBind.push({ claim, volume });
      }
    }
    for (const claim of toProvision) {
      const can = canProvision(claim, node, this.#lookup);
      if (can === 'no') return NO_VOLUME;
      if (can === 'no space') return 'node(s) did not have enough free storage';
    }
    return { toBind, toProvision };
  }
}

const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";
