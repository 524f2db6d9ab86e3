/** Keeps the status of PodDisruptionBudgets: how many Pods an eviction may still take. Source: …/controller/disruption. */
import { appsV1, compileLabelSelector, coreV1, keyOf, policyV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import type { Cache } from '@kapella/client';
import { planDisruption } from './plan-disruption.ts';

export function createDisruptionController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'disruption-controller',
    primary: policyV1.PodDisruptionBudget,
    watches: [
      {
        kind: coreV1.Pod,
        keysOf: (pod) =>
          cache
            .list(policyV1.PodDisruptionBudget, pod.metadata.namespace)
            .filter((budget) => compileLabelSelector(budget.spec.selector).matches(pod.metadata.labels ?? {}))
            .map(keyOf),
      },
      ...[appsV1.Deployment, appsV1.ReplicaSet, appsV1.StatefulSet, coreV1.ReplicationController].map((kind) => ({
        kind: kind as typeof appsV1.Deployment,
        keysOf: (owner: { metadata: { namespace?: string } }) =>
          cache.list(policyV1.PodDisruptionBudget, owner.metadata.namespace).map(keyOf),
      })),
    ],
    async reconcile(key, ctx) {
      const budget = cache.get(policyV1.PodDisruptionBudget, key);
      if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return {};
      const pods = cache.list(coreV1.Pod, budget.metadata.namespace);
      const expectedOf = (selected: readonly Pod[]) => expectedPods(selected, cache);
      const { status, recheckAfterMs } = planDisruption(budget, pods, expectedOf, ctx.clock.nowMs());
      await client.patchStatus(policyV1.PodDisruptionBudget, budget, status, ctx);
      return recheckAfterMs === undefined ? {} : { requeueAfterMs: recheckAfterMs };
    },
  });
}

/** The replicas that the Pods' owners want together, each owner once. */
function expectedPods(pods: readonly Pod[], cache: Cache): number | undefined {
  const owners = new Map<string, number>();
  for (const pod of pods) {
    const scale = scaleOf(pod, cache);
    if (scale === undefined) return undefined;
    owners.set(scale.uid, scale.replicas);
  }
  return [...owners.values()].reduce((sum, replicas) => sum + replicas, 0);
}

function scaleOf(pod: Pod, cache: Cache): { readonly uid: string; readonly replicas: number } | undefined {
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return undefined;
  const key = `${pod.metadata.namespace}/${owner.name}`;
  if (owner.kind === 'ReplicaSet') {
    const set = cache.get(appsV1.ReplicaSet, key);
    const above = set?.metadata.ownerReferences?.find((r) => r.controller === true && r.kind === 'Deployment');
    const deployment = above === undefined ? undefined : cache.get(appsV1.Deployment, `${pod.metadata.namespace}/${above.name}`);
    const scaled = deployment ?? set;
    return scaled === undefined ? undefined : { uid: scaled.metadata.uid, replicas: scaled.spec.replicas ?? 1 };
  }
  const kind = owner.kind === 'StatefulSet' ? appsV1.StatefulSet : owner.kind === 'ReplicationController' ? coreV1.ReplicationController : undefined;
  const scaled = kind === undefined ? undefined : cache.get(kind as typeof appsV1.StatefulSet, key);
  return scaled === undefined ? undefined : { uid: scaled.metadata.uid, replicas: scaled.spec.replicas ?? 1 };
}
