/** The writes of one reconcile of a Deployment, each on what the last one left. Source: kubernetes pkg/controller/deployment/sync.go. */
import { appsV1, type KubeObject, keyOf } from '@kapella/api';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@kapella/api/types/apps-v1';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason, jsonEqual } from '@kapella/base';
import { controllerOf, controllerRef, type ControllerDeps } from '@kapella/controller';
import { hashOf } from '../shared/values.ts';
import { isNamespaceTerminating, type OwnWrites } from '../workload/index.ts';
import { newSetAnnotations, rollbackAnnotations, rollbackTarget, sizeAnnotations } from './annotations.ts';
import { planCleanup, planNewSize, type Resize } from './plan-scale.ts';
import {
  findCondition,
  newCondition,
  planRolloutStatus,
  planStatus,
  progressCheckMs,
  statusOf,
  withCondition,
} from './plan-status.ts';
import {
  byRevision,
  HASH_LABEL,
  hasProgressDeadline,
  highestRevision,
  lastRevision,
  replicasOf,
  REVISION,
  revisionOf,
  sameTemplate,
  type Split,
  splitSets,
  withoutHash,
} from './replica-sets.ts';

const NAME_LENGTH_MAX = 253;

export interface Rollout {
  /** As last written. */
  readonly deployment: Deployment;
  readonly sets: readonly ReplicaSet[];
  readonly split: Split;
  /** Writes the condition that tells of pausing or resuming. */
  notePause(): Promise<void>;
  /** Sees to the revision of the new set and of the Deployment; makes the set where asked. */
  syncRevision(create: true): Promise<ReplicaSet>;
  syncRevision(create: boolean): Promise<ReplicaSet | undefined>;
  /** True when the number of replicas was changed. */
  resize(resize: Resize): Promise<boolean>;
  cleanUp(): Promise<void>;
  rollBack(): Promise<void>;
  syncStatus(): Promise<undefined>;
  /** Answers when to look again. */
  syncRolloutStatus(): Promise<number | undefined>;
}

export interface RolloutDeps extends ControllerDeps {
  /** Told of each write. */
  readonly writes: OwnWrites;
}

export function createRollout(
  deps: RolloutDeps,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  ctx: Ctx,
): Rollout {
  return new Writes(deps, deployment, sets, ctx);
}

class Writes implements Rollout {
  readonly #deps: RolloutDeps;
  readonly #ctx: Ctx;
  readonly #sets: Map<string, ReplicaSet>;
  deployment: Deployment;

  constructor(deps: RolloutDeps, deployment: Deployment, sets: readonly ReplicaSet[], ctx: Ctx) {
    this.#deps = deps;
    this.deployment = deployment;
    this.#ctx = ctx;
    this.#sets = new Map(sets.map((set) => [set.metadata.name, set]));
  }

  get sets(): readonly ReplicaSet[] {
    return [...this.#sets.values()];
  }

  get split(): Split {
    return splitSets(this.deployment, this.sets);
  }

  async notePause(): Promise<void> {
    if (!hasProgressDeadline(this.deployment)) return;
    const current = findCondition(this.deployment.status?.conditions, 'Progressing');
    if (current?.reason === 'ProgressDeadlineExceeded') return;
    const isTold = current?.reason === 'DeploymentPaused';
    const paused = this.deployment.spec.paused === true;
    if (paused === isTold) return;
    const [reason, message] = paused
      ? ['DeploymentPaused', 'Deployment is paused']
      : ['DeploymentResumed', 'Deployment is resumed'];
    await this.#setCondition(newCondition('Progressing', 'Unknown', reason ?? '', message ?? '', this.#nowMs));
  }

  async syncRevision(create: true): Promise<ReplicaSet>;
  async syncRevision(create: boolean): Promise<ReplicaSet | undefined>;
  async syncRevision(create: boolean): Promise<ReplicaSet | undefined> {
    const { newSet, oldSets } = this.split;
    const revision = highestRevision(oldSets) + 1n;
    if (newSet !== undefined) return this.#updateNewSet(newSet, revision);
    return create ? this.#createNewSet(oldSets, revision) : undefined;
  }

  async #updateNewSet(set: ReplicaSet, revision: bigint): Promise<ReplicaSet> {
    const annotations = newSetAnnotations(this.deployment, set.metadata.annotations, revision);
    const minReadySeconds = this.deployment.spec.minReadySeconds ?? 0;
    if (
      !jsonEqual(annotations, set.metadata.annotations ?? {}) ||
      (set.spec.minReadySeconds ?? 0) !== minReadySeconds
    ) {
      const metadata = { ...set.metadata, annotations };
      return this.#updateSet({ ...set, metadata, spec: { ...set.spec, minReadySeconds } });
    }
    await this.#setRevision(annotations[REVISION] ?? '');
    if (
      hasProgressDeadline(this.deployment) &&
      findCondition(this.deployment.status?.conditions, 'Progressing') === undefined
    ) {
      const message = `Found new replica set "${set.metadata.name}"`;
      await this.#setCondition(newCondition('Progressing', 'True', 'FoundNewReplicaSet', message, this.#nowMs));
    }
    return set;
  }

  async #createNewSet(oldSets: readonly ReplicaSet[], revision: bigint): Promise<ReplicaSet> {
    const { client, events } = this.#deps;
    const wanted = this.#newSet(oldSets, revision);
    const name = wanted.metadata.name ?? '';
    let set: ReplicaSet;
    try {
      set = await client.create(appsV1.ReplicaSet, wanted, this.#ctx);
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return this.#resolveCollision(name, revision, error);
      if (isNamespaceTerminating(error) || this.#ctx.signal.aborted) throw error;
      const message = `Failed to create new replica set "${name}": ${describeError(error)}`;
      if (hasProgressDeadline(this.deployment)) {
        const condition = newCondition('Progressing', 'False', 'ReplicaSetCreateError', message, this.#nowMs);
        await this.#setCondition(condition).catch(() => {}); // the creation's failure is the one to tell
      }
      events.event(this.deployment, 'Warning', 'ReplicaSetCreateError', message);
      throw error;
    }
    this.#sets.set(name, set);
    const size = replicasOf(set);
    if (size > 0) {
      events.event(this.deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`);
    }
    await this.#setRevision(String(revision));
    if (hasProgressDeadline(this.deployment)) {
      const message = `Created new replica set "${name}"`;
      await this.#setCondition(newCondition('Progressing', 'True', 'NewReplicaSetCreated', message, this.#nowMs));
    }
    return set;
  }

  #newSet(oldSets: readonly ReplicaSet[], revision: bigint) {
    const { deployment } = this;
    const { template, selector, minReadySeconds } = deployment.spec;
    const hash = hashOf(template, deployment.status?.collisionCount);
    const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
    const name = `${deployment.metadata.name.slice(0, NAME_LENGTH_MAX - 1 - hash.length)}-${hash}`;
    return {
      metadata: {
        name,
        namespace: deployment.metadata.namespace ?? '',
        labels,
        annotations: { ...newSetAnnotations(deployment, {}, revision), ...sizeAnnotations(deployment) },
        ownerReferences: [controllerRef(appsV1.Deployment, deployment)],
      },
      spec: {
        replicas: planNewSize(deployment, oldSets, 0),
        ...(minReadySeconds !== undefined && { minReadySeconds }),
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
  }

  /** A late cache, or another template of the same hash: then the next try takes another name. */
  async #resolveCollision(name: string, revision: bigint, cause: unknown): Promise<ReplicaSet> {
    const { client } = this.#deps;
    const { metadata, spec, status } = this.deployment;
    const set = await client.get(appsV1.ReplicaSet, { namespace: metadata.namespace ?? '', name }, this.#ctx);
    if (set === undefined) throw cause;
    if (controllerOf(set)?.uid === metadata.uid && sameTemplate(set.spec.template, spec.template)) {
      this.#sets.set(name, set);
      await this.#setRevision(String(revision));
      return set;
    }
    await this.#writeStatus({ ...status, collisionCount: (status?.collisionCount ?? 0) + 1 });
    throw cause;
  }

  async resize({ set, replicas, force = false }: Resize): Promise<boolean> {
    const current = this.#sets.get(set.metadata.name) ?? set;
    const before = replicasOf(current);
    const annotations = { ...current.metadata.annotations, ...sizeAnnotations(this.deployment) };
    const differs = before !== replicas;
    if (!differs && (!force || jsonEqual(annotations, current.metadata.annotations))) return false;
    const metadata = { ...current.metadata, annotations };
    await this.#updateSet({ ...current, metadata, spec: { ...current.spec, replicas } });
    if (!differs) return false;
    const message = `Scaled ${before < replicas ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.#deps.events.event(this.deployment, 'Normal', 'ScalingReplicaSet', message);
    return true;
  }

  async cleanUp(): Promise<void> {
    for (const set of planCleanup(this.deployment, this.split.oldSets, byRevision)) {
      try {
        await this.#deps.client.delete(appsV1.ReplicaSet, set, this.#ctx, { uid: set.metadata.uid });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  }

  async rollBack(): Promise<void> {
    await this.syncRevision(true);
    const { deployment } = this;
    const { name } = deployment.metadata;
    const target = BigInt(rollbackTarget(deployment) ?? 0) || lastRevision(this.sets);
    const set = target === 0n ? undefined : this.sets.find((candidate) => revisionOf(candidate) === target);
    if (set === undefined) {
      const message = target === 0n ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.';
      this.#deps.events.event(deployment, 'Warning', 'DeploymentRollbackRevisionNotFound', message);
      return this.#endRollback(deployment);
    }
    if (sameTemplate(set.spec.template, deployment.spec.template)) {
      const message = `The rollback revision contains the same template as current deployment "${name}"`;
      this.#deps.events.event(deployment, 'Warning', 'DeploymentRollbackTemplateUnchanged', message);
      return this.#endRollback(deployment);
    }
    const template = withoutHash(set.spec.template) as PodTemplateSpec;
    const annotations = rollbackAnnotations(deployment, set);
    const metadata = { ...deployment.metadata, annotations };
    await this.#endRollback({ ...deployment, metadata, spec: { ...deployment.spec, template } });
    const message = `Rolled back deployment "${name}" to revision ${target}`;
    this.#deps.events.event(deployment, 'Normal', 'DeploymentRollback', message);
  }

  async #endRollback(deployment: Deployment): Promise<void> {
    const { 'deprecated.deployment.rollback.to': _, ...annotations } = deployment.metadata.annotations ?? {};
    const next = { ...deployment, metadata: { ...deployment.metadata, annotations } };
    this.deployment = this.#wrote(await this.#deps.client.update(appsV1.Deployment, next, this.#ctx));
  }

  async syncStatus(): Promise<undefined> {
    await this.#writeStatus(planStatus(this.deployment, this.sets, this.split.newSet, this.#nowMs));
    return undefined;
  }

  async syncRolloutStatus(): Promise<number | undefined> {
    const status = planRolloutStatus(this.deployment, this.sets, this.split.newSet, this.#nowMs);
    await this.#writeStatus(status);
    return progressCheckMs(this.deployment, status, this.#nowMs);
  }

  get #nowMs(): number {
    return this.#ctx.clock.nowMs();
  }

  async #updateSet(set: ReplicaSet): Promise<ReplicaSet> {
    const updated = this.#wrote(await this.#deps.client.update(appsV1.ReplicaSet, set, this.#ctx));
    this.#sets.set(updated.metadata.name, updated);
    return updated;
  }

  /** In metadata, where kubectl looks for it. By update: upstream's role for this controller may not patch. */
  async #setRevision(revision: string): Promise<void> {
    const { metadata } = this.deployment;
    if (metadata.annotations?.[REVISION] === revision) return;
    const annotations = { ...metadata.annotations, [REVISION]: revision };
    const next = { ...this.deployment, metadata: { ...metadata, annotations } };
    this.deployment = this.#wrote(await this.#deps.client.update(appsV1.Deployment, next, this.#ctx));
  }

  #wrote<T extends KubeObject>(object: T): T {
    return this.#deps.writes.wrote(keyOf(this.deployment), object);
  }

  async #setCondition(condition: DeploymentCondition): Promise<void> {
    const { status } = this.deployment;
    await this.#writeStatus({ ...status, conditions: withCondition(status?.conditions ?? [], condition) });
  }

  async #writeStatus(status: DeploymentStatus): Promise<void> {
    const { client } = this.#deps;
    this.deployment = this.#wrote(
      await client.patchStatus(appsV1.Deployment, this.deployment, statusOf(status), this.#ctx),
    );
  }
}
