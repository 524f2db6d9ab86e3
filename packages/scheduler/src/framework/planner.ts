/** Plans by kind of Pod: Pods that differ in nothing that plugins look at share one. */
import type { Pod, Volume } from '@kapella/api/types/core-v1';
import { deviceClassOf } from './device-classes.ts';
import type { PodState } from './pod-state.ts';
import { Plan, Scratch } from './plan.ts';
import type { Profile } from './profile.ts';
import type { Snapshot } from './snapshot.ts';

const PLANS_MAX = 32;
/** Of those that look at some nodes by name: Pods of a DaemonSet have a node and a plan each. */
const NARROWED_PLANS_MAX = 4;

export interface PlannerOptions {
  /** False: every Pod is planned by itself. For tests that show that it makes no difference. */
  readonly isShared?: boolean;
}

export class Planner {
  readonly #snapshot: Snapshot;
  readonly #scratch = new Scratch();
  /** The least recently used first. */
  readonly #plans = new Map<string, Plan>();
  readonly #narrowed = new Map<string, Plan>();
  readonly #isShared: boolean;
  /** Where the search for nodes starts next, when not all of them are scored. */
  nextSlot = 0;

  constructor(snapshot: Snapshot, { isShared = true }: PlannerOptions = {}) {
    this.#snapshot = snapshot;
    this.#isShared = isShared;
  }

  planFor(pod: PodState, profile: Profile): Plan {
    const isShared = this.#isShared && !this.#needsDevices(pod);
    const signature = isShared ? signatureOf(pod.pod) : undefined;
    if (signature === undefined) return new Plan(pod, this.#snapshot, profile, this.#scratch);
    for (const plans of [this.#plans, this.#narrowed]) {
      const known = plans.get(signature);
      if (known === undefined) continue;
      plans.delete(signature);
      if (!known.catchUp()) continue;
      plans.set(signature, known);
      return known;
    }
    const plan = new Plan(pod, this.#snapshot, profile, this.#scratch);
    if (plan.refusal !== undefined) return plan;
    if (plan.narrowedBy.length > 0) keep(this.#narrowed, signature, plan, NARROWED_PLANS_MAX);
    else keep(this.#plans, signature, plan, PLANS_MAX);
    return plan;
  }

  /** Devices for extended resources are chosen for each Pod by itself. */
  #needsDevices({ otherRequests }: PodState): boolean {
    const { lookup } = this.#snapshot;
    return otherRequests.some(([resource, amount]) => amount > 0 && deviceClassOf(resource, lookup) !== undefined);
  }
}

function keep(plans: Map<string, Plan>, signature: string, plan: Plan, max: number): void {
  plans.set(signature, plan);
  if (plans.size > max) plans.delete(plans.keys().next().value as string);
}

/** All that filters and scores look at. Undefined: what they look at for this Pod changes without notice. */
export function signatureOf({ metadata, spec }: Pod): string | undefined {
  const volumes: Volume[] = [];
  for (const volume of spec.volumes ?? []) {
    if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) return undefined;
    if (isRestricted(volume)) volumes.push(volume);
  }
  if ((spec.resourceClaims?.length ?? 0) > 0) return undefined;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  const container = (c: Pod['spec']['containers'][number]) => [
    c.image,
    c.resources?.requests,
    c.restartPolicy,
    c.restartPolicyRules,
    c.ports?.some((port) => (port.hostPort ?? 0) > 0) === true ? c.ports : undefined,
  ];
  return JSON.stringify([
    spec.schedulerName,
    metadata.namespace,
    metadata.labels,
    owner === undefined ? undefined : [owner.apiVersion, owner.kind, owner.name],
    spec.containers.map(container),
    spec.initContainers?.map(container),
    spec.resources?.requests,
    spec.overhead,
    spec.nodeName,
    spec.hostNetwork,
    spec.hostUsers,
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.topologySpreadConstraints,
    volumes,
  ]);
}

function isRestricted(volume: Volume): boolean {
  const { gcePersistentDisk, awsElasticBlockStore, rbd, iscsi, image } = volume;
  return [gcePersistentDisk, awsElasticBlockStore, rbd, iscsi, image].some((source) => source !== undefined);
}
