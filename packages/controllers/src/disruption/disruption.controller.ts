/** Keeps the status of PodDisruptionBudgets: how many Pods an eviction may still take. Source: …/controller/disruption. */
import { appsV1, compileLabelSelector, coreV1, keyOf, policyV1 } from '@kapella/api';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { findScale } from './find-scale.ts';
import { countsScale, failedStatus, planDisruption } from './plan-disruption.ts';

const OWNERS = [appsV1.Deployment, appsV1.ReplicaSet, appsV1.StatefulSet, coreV1.ReplicationController];

export function createDisruptionController(deps: ControllerDeps): Controller {
  const { cache, client, events } = deps;
  const budgetsIn = (namespace: string | undefined) => cache.list(policyV1.PodDisruptionBudget, namespace);
  return defineController({
    name: 'disruption-controller',
    primary: policyV1.PodDisruptionBudget,
    watches: [
      {
        kind: coreV1.Pod,
        keysOf: (pod: Pod, old: Pod | undefined) =>
          budgetsIn(pod.metadata.namespace)
            .filter((budget) => selects(budget, pod) || (old && selects(budget, old)))
            .map(keyOf),
      },
      ...OWNERS.map((kind) => ({
        kind,
        keysOf(owner: { metadata: { namespace?: string }; spec: object }, old?: { spec: object }) {
          // Only the number wanted matters here, not the many changes of status.
          const same = old !== undefined && replicasOf(owner) === replicasOf(old);
          return same ? [] : budgetsIn(owner.metadata.namespace).map(keyOf);
        },
      })),
    ],
    async reconcile(key, ctx) {
      const budget = cache.get(policyV1.PodDisruptionBudget, key);
      if (budget === undefined) return {};
      try {
        const recheckAfterMs = await sync(deps, budget, ctx);
        return recheckAfterMs === undefined ? {} : { requeueAfterMs: recheckAfterMs };
      } catch (error) {
        if (ctx.signal.aborted || isReason(error, 'Conflict', 'NotFound')) throw error;
        const message = describeError(error);
        events.event(
          budget,
          'Warning',
          'CalculateExpectedPodCountFailed',
          `Failed to calculate the number of expected pods: ${message}`,
        );
        await client.patchStatus(
          policyV1.PodDisruptionBudget,
          budget,
          failedStatus(budget, message, ctx.clock.nowMs()),
          ctx,
        );
        throw error;
      }
    },
  });
}

/** Answers when to look again. */
async function sync(deps: ControllerDeps, budget: PodDisruptionBudget, ctx: Ctx): Promise<number | undefined> {
  const { cache, client, events } = deps;
  const { namespace, name } = budget.metadata;
  const pods = cache.list(coreV1.Pod, namespace).filter((pod) => selects(budget, pod));
  if (pods.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
  const scale = countsScale(budget) ? await findScale(deps, pods, ctx) : { replicas: 0, unmanaged: [] };
  if (scale.unmanaged.length > 0) {
    const message =
      `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(budget.spec.selector ?? {})}) were found to be unmanaged. ` +
      'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
      'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
    events.event(budget, 'Warning', 'UnmanagedPods', message);
  }
  const { status, recheckAfterMs, notDeleted } = planDisruption(budget, pods, scale.replicas, ctx.clock.nowMs());
  for (const pod of notDeleted) {
    events.event(
      pod,
      'Warning',
      'NotDeleted',
      `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`,
    );
  }
  await client.patchStatus(policyV1.PodDisruptionBudget, budget, status, ctx);
  return recheckAfterMs;
}

/** A budget without a selector selects nothing, one with an empty selector everything. */
function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  return compileLabelSelector(budget.spec.selector).matches(pod.metadata.labels);
}

const replicasOf = ({ spec }: { spec: object }) => (spec as { replicas?: number }).replicas;
