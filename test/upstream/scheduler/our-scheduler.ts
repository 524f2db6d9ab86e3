/** Kapella's decision over the same objects: which nodes fit with what score, or the words that say why none does. */
import { appsV1, coreV1, type KindRef, type KubeObject, resourceV1, storageV1 } from '@kapella/api';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { hostRandom } from '@kapella/base/node';
import type { Client } from '@kapella/client';
import {
  buildProfiles,
  type ClusterLookup,
  createStaticLookup,
  diagnose,
  findCandidates,
  fitErrorMessage,
  loadConfig,
  Planner,
  PluginError,
  podStateOf,
  type Profile,
  search,
  Snapshot,
} from '@kapella/scheduler';
import { configOf } from './profiles.ts';

export interface Verdict {
  /** Total score of each node that fits. */
  readonly totals: ReadonlyMap<string, number>;
  readonly message: string | undefined;
}

const KINDS: readonly KindRef<KubeObject>[] = [
  ...[coreV1.Namespace, coreV1.Service, coreV1.PersistentVolume, coreV1.PersistentVolumeClaim],
  ...[appsV1.ReplicaSet, appsV1.StatefulSet, storageV1.StorageClass, storageV1.CSINode],
  ...[resourceV1.DeviceClass, resourceV1.ResourceSlice],
] as never;
const PREEMPTION = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 };

export class OurScheduler {
  readonly #snapshot: Snapshot;
  readonly #planner: Planner;
  readonly #profiles: ReadonlyMap<string, Profile>;
  #claims = createStaticLookup([]);

  constructor(objects: readonly KubeObject[], nodes: readonly Node[]) {
    const fixed = createStaticLookup(objects);
    const of = (kind: string) => (kind === 'ResourceClaim' ? this.#claims : fixed);
    const lookup: ClusterLookup = {
      get: (kind, key) => of(kind).get(kind, key),
      list: (kind, namespace) => of(kind).list(kind, namespace),
    };
    this.#snapshot = new Snapshot(lookup);
    this.#planner = new Planner(this.#snapshot);
    const profiles = buildProfiles(loadConfig(configOf('')), { lookup });
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    for (const node of nodes) this.#snapshot.setNode(node);
  }

  static async of(client: Client, nodes: readonly Node[], ctx: Ctx): Promise<OurScheduler> {
    const lists = await Promise.all(KINDS.map((kind) => client.list(kind, {}, ctx)));
    return new OurScheduler(
      lists.flatMap(({ items }) => items),
      nodes,
    );
  }

  /** All that there are. */
  setClaims(claims: readonly ResourceClaim[]): void {
    this.#claims = createStaticLookup(claims);
    this.#snapshot.clusterChanged();
  }

  /** What keeps the decision from being made is the message. */
  decide(pod: Pod): Verdict {
    try {
      return this.#decide(pod);
    } catch (error) {
      if (error instanceof PluginError) return { totals: new Map(), message: error.message };
      throw error;
    }
  }

  #decide(pod: Pod): Verdict {
    const profile = this.#profiles.get(pod.spec.schedulerName ?? '') as Profile;
    const found = search(podStateOf(pod, false), this.#snapshot, profile, this.#planner);
    const { plan } = found;
    const totals = new Map<string, number>();
    if (plan.count > 0) {
      const scores = plan.totals();
      for (let i = 0; i < plan.count; i++) {
        totals.set(this.#snapshot.slots[plan.slots[i] as number]?.name as string, scores[i] as number);
      }
      return { totals, message: undefined };
    }
    const diagnosis = diagnose(found, this.#snapshot);
    const candidates = findCandidates({
      ...{ search: found, diagnosis, snapshot: this.#snapshot, budgets: [], options: PREEMPTION, nowMs: 0 },
      random: hostRandom,
    });
    const others = profile.postFilter.flatMap((plugin) => plugin.postFilter?.(found.cycle).message ?? []);
    const why = 'why' in candidates ? [candidates.why] : [];
    return { totals, message: fitErrorMessage(diagnosis, [...others, ...why].join(', ')) };
  }

  place(pod: Pod): void {
    this.#snapshot.place(podStateOf(pod, true), pod.spec.nodeName as string);
  }
}
