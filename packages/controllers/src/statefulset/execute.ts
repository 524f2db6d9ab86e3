/** Carries out a StatefulSet's plan and tells it as Events. Source: …/statefulset/stateful_pod_control.go. */
import { coreV1, keyOf } from '@kapella/api';
import type { StatefulSet } from '@kapella/api/types/apps-v1';
import type { PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import type { LateExpectations, NewPod } from '../workload/index.ts';
import { planClaimOwners } from './claim-owners.ts';
import { type AnyPod, claimsOf, identityMatches, ordinalOf, storageMatches, withIdentity } from './identity.ts';
import type { Action, Phase } from './plan-statefulset.ts';

export interface Execution extends ControllerDeps {
  readonly expectations: LateExpectations;
  readonly set: StatefulSet;
  /** The set at its update revision: its claim templates and policy count for Pods that exist. */
  readonly updateSet: StatefulSet;
}

/** Throws the first error; what was begun side by side with it is done. */
export async function executePhases(run: Execution, phases: readonly Phase[], ctx: Ctx): Promise<void> {
  for (const { parallel, groups } of phases) {
    const one = async (i: number) => {
      for (const action of groups[i] ?? []) await execute(run, action, ctx);
    };
    if (parallel) await run.batch(groups.length, one, ctx);
    else for (let i = 0; i < groups.length; i++) await one(i);
  }
}

async function execute(run: Execution, action: Action, ctx: Ctx): Promise<void> {
  switch (action.type) {
    case 'create':
      return create(run, action.pod, ctx);
    case 'delete':
      return remove(run, action.pod, ctx);
    case 'claims':
      await createClaims(run, run.set, action.pod, ctx);
      return told(run, 'Update', action.pod, () => writeOwners(run, run.updateSet, action.pod, ctx), {
        onlyFailure: true,
      });
    case 'owners':
      return writeOwners(run, run.updateSet, action.pod, ctx);
    case 'update':
      return update(run, action.pod, ctx);
  }
}

async function create(run: Execution, pod: NewPod, ctx: Ctx): Promise<void> {
  const { set, client, expectations } = run;
  await told(run, 'Create', pod, () => createClaims(run, set, pod, ctx), { onlyFailure: true });
  const key = keyOf(set);
  let created: AnyPod = pod;
  expectations.expectCreations(key, 1);
  try {
    await told(run, 'Create', pod, async () => {
      created = await client.create(coreV1.Pod, pod, ctx);
    });
  } catch (error) {
    expectations.creationObserved(key);
    throw error;
  }
  await told(run, 'Update', pod, () => writeOwners(run, set, created, ctx), { onlyFailure: true });
}

async function remove(run: Execution, pod: Pod, ctx: Ctx): Promise<void> {
  const { set, client, expectations } = run;
  const key = keyOf(set);
  const { uid } = pod.metadata;
  expectations.expectDeletions(key, [uid]);
  await told(run, 'Delete', pod, async () => {
    try {
      await client.delete(coreV1.Pod, pod, ctx, { uid });
    } catch (error) {
      expectations.deletionObserved(key, uid);
      if (!isReason(error, 'NotFound')) throw error;
    }
  });
}

async function update(run: Execution, pod: Pod, ctx: Ctx): Promise<void> {
  const { updateSet: set, client } = run;
  if (!storageMatches(set, pod))
    await told(run, 'Update', pod, () => createClaims(run, set, pod, ctx), { onlyFailure: true });
  await told(run, 'Update', pod, () => writeOwners(run, set, pod, ctx), { onlyFailure: true });
  if (identityMatches(set, pod) && storageMatches(set, pod)) return;
  await told(run, 'Update', pod, () => client.update(coreV1.Pod, withIdentity(set, pod), ctx));
}

async function createClaims(run: Execution, set: StatefulSet, pod: AnyPod, ctx: Ctx): Promise<void> {
  const { cache, client, events } = run;
  const failures: string[] = [];
  for (const claim of claimsOf(set, ordinalOf(pod))) {
    const { name } = claim.metadata;
    const present = cache.get(coreV1.PersistentVolumeClaim, keyOf({ metadata: claim.metadata }));
    if (present !== undefined) {
      if (present.metadata.deletionTimestamp !== undefined) failures.push(`pvc ${name} is being deleted`);
      continue;
    }
    const where = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      await client.create(coreV1.PersistentVolumeClaim, claim, ctx);
      events.event(run.set, 'Normal', 'SuccessfulCreate', `Create Claim ${name} ${where} success`);
    } catch (error) {
      const cause = describeError(error);
      failures.push(`failed to create PVC ${name}: ${cause}`);
      if (isReason(error, 'AlreadyExists')) continue;
      events.event(run.set, 'Warning', 'FailedCreate', `Create Claim ${name} for ${where} failed error: ${cause}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`);
}

async function writeOwners(run: Execution, set: StatefulSet, pod: AnyPod, ctx: Ctx): Promise<void> {
  const { cache, client, events } = run;
  for (const { metadata } of claimsOf(set, ordinalOf(pod))) {
    const claim: PersistentVolumeClaim | undefined = cache.get(coreV1.PersistentVolumeClaim, keyOf({ metadata }));
    if (claim === undefined) continue;
    const plan = planClaimOwners(claim, set, pod);
    if (plan.conflict) {
      const message =
        `PersistentVolumeClaim ${metadata.name} has a conflicting OwnerReference that acts as a manging controller, ` +
        'the retention policy is ignored for this claim';
      events.event(run.set, 'Warning', 'ConflictingController', message);
    }
    if (plan.ownerReferences === undefined) continue;
    const owned = { ...claim, metadata: { ...claim.metadata, ownerReferences: plan.ownerReferences } };
    await client.update(coreV1.PersistentVolumeClaim, owned, ctx);
  }
}

type Verb = 'Create' | 'Update' | 'Delete';

async function told(
  { set, events }: Execution,
  verb: Verb,
  pod: AnyPod,
  task: () => Promise<unknown>,
  { onlyFailure = false } = {},
): Promise<void> {
  const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  try {
    await task();
  } catch (error) {
    const isKnown = verb === 'Create' && isReason(error, 'AlreadyExists');
    if (!isKnown) events.event(set, 'Warning', `Failed${verb}`, `${what} failed error: ${describeError(error)}`);
    throw error;
  }
  if (!onlyFailure) events.event(set, 'Normal', `Successful${verb}`, `${what} successful`);
}
