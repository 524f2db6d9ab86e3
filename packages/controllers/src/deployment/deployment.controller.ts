/** Deployments: one ReplicaSet per template, rolled from old to new. Source: kubernetes pkg/controller/deployment. */
import { appsV1, compileLabelSelector, coreV1 } from '@kapella/api';
import type { Deployment } from '@kapella/api/types/apps-v1';
import type { Ctx } from '@kapella/base';
import { type Controller, type ControllerDeps, controllerOf, defineController } from '@kapella/controller';
import {
  candidatesOf,
  claim,
  createOwnWrites,
  indexOrphans,
  isTerminal,
  orphanWatch,
  planClaim,
} from '../workload/index.ts';
import { rollbackTarget } from './annotations.ts';
import { isScaling, planNewSize, planOldSizes, planScaling } from './plan-scale.ts';
import { isComplete } from './plan-status.ts';
import { activeOf, isRolling, replicasOf, sumStatus } from './replica-sets.ts';
import { createRollout, type Rollout, type RolloutDeps } from './rollout.ts';

export function createDeploymentController(deps: ControllerDeps): Controller {
  const { cache } = deps;
  indexOrphans(cache, appsV1.ReplicaSet);
  const writes = createOwnWrites();
  return defineController({
    name: 'deployment-controller',
    primary: appsV1.Deployment,
    owns: [appsV1.ReplicaSet],
    watches: [
      orphanWatch(cache, appsV1.Deployment, appsV1.ReplicaSet, ({ spec }) => spec.selector),
      {
        // A Recreate rollout waits for the last old Pod to end.
        kind: coreV1.Pod,
        keysOf(pod, _old, deleted) {
          if (!deleted && !isTerminal(pod)) return [];
          const owner = controllerOf(pod);
          if (owner?.kind !== 'ReplicaSet') return [];
          const set = cache.get(appsV1.ReplicaSet, `${pod.metadata.namespace}/${owner.name}`);
          const above = set === undefined ? undefined : controllerOf(set);
          if (above?.kind !== 'Deployment') return [];
          const key = `${pod.metadata.namespace}/${above.name}`;
          const deployment = cache.get(appsV1.Deployment, key);
          return deployment !== undefined && !isRolling(deployment) ? [key] : [];
        },
      },
    ],
    async reconcile(key, ctx) {
      const deployment = cache.get(appsV1.Deployment, key);
      if (deployment === undefined) {
        writes.forget(key);
        return {};
      }
      if (writes.isBehind(key, [deployment, ...cache.ownedBy(appsV1.ReplicaSet, deployment.metadata.uid)])) return {};
      const requeueAfterMs = await sync({ ...deps, writes }, deployment, ctx);
      return requeueAfterMs === undefined ? {} : { requeueAfterMs };
    },
  });
}

/** Answers when to look again. */
async function sync(deps: RolloutDeps, deployment: Deployment, ctx: Ctx): Promise<number | undefined> {
  const { cache, client, events } = deps;
  const selector = compileLabelSelector(deployment.spec.selector);
  if (selector.isEmpty) {
    events.event(
      deployment,
      'Warning',
      'SelectingAll',
      'This deployment is selecting all pods. A non-empty selector is required.',
    );
    const status = { ...deployment.status, observedGeneration: deployment.metadata.generation ?? 0 };
    await client.patchStatus(appsV1.Deployment, deployment, status, ctx);
    return undefined;
  }
  const plan = planClaim(deployment, selector, candidatesOf(cache, appsV1.ReplicaSet, deployment));
  const claimed = { ownerKind: appsV1.Deployment, owner: deployment, kind: appsV1.ReplicaSet, plan };
  const sets = await claim(client, claimed, ctx);
  const rollout = createRollout(deps, deployment, sets, ctx);
  if (deployment.metadata.deletionTimestamp !== undefined) return rollout.syncStatus();
  await rollout.notePause();
  if (deployment.spec.paused === true) return scale(rollout);
  if (rollbackTarget(deployment) !== undefined) {
    await rollout.rollBack();
    return undefined;
  }
  if (isScaling(deployment, sets)) return scale(rollout);
  return isRolling(deployment) ? roll(rollout) : recreate(deps, rollout);
}

async function scale(rollout: Rollout): Promise<number | undefined> {
  await rollout.syncRevision(false);
  for (const resize of planScaling(rollout.deployment, rollout.split)) await rollout.resize(resize);
  if (rollout.deployment.spec.paused === true) await rollout.cleanUp();
  return rollout.syncStatus();
}

async function roll(rollout: Rollout): Promise<number | undefined> {
  const newSet = await rollout.syncRevision(true);
  const { deployment } = rollout;
  const { oldSets } = rollout.split;
  const size = planNewSize(deployment, oldSets, replicasOf(newSet));
  if (await rollout.resize({ set: newSet, replicas: size })) return rollout.syncRolloutStatus();
  let shrunk = false;
  for (const resize of planOldSizes(deployment, newSet, oldSets)) shrunk = (await rollout.resize(resize)) || shrunk;
  if (!shrunk && isComplete(deployment, deployment.status)) await rollout.cleanUp();
  return rollout.syncRolloutStatus();
}

async function recreate({ cache }: ControllerDeps, rollout: Rollout): Promise<number | undefined> {
  await rollout.syncRevision(false);
  const active = activeOf(rollout.split.oldSets);
  for (const set of active) await rollout.resize({ set, replicas: 0 });
  if (active.length > 0) return rollout.syncRolloutStatus();
  const { newSet, oldSets } = rollout.split;
  const running = rollout.sets
    .filter((set) => set.metadata.uid !== newSet?.metadata.uid)
    .some((set) => cache.ownedBy(coreV1.Pod, set.metadata.uid).some((pod) => !isTerminal(pod)));
  if (running || sumStatus(oldSets, 'replicas') > 0) return rollout.syncRolloutStatus();
  const set = await rollout.syncRevision(true);
  const { deployment } = rollout;
  await rollout.resize({ set, replicas: planNewSize(deployment, [], replicasOf(set)) });
  if (isComplete(deployment, deployment.status)) await rollout.cleanUp();
  return rollout.syncRolloutStatus();
}
