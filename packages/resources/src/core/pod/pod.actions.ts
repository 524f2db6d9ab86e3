/** binding and eviction of Pods. Source: kubernetes pkg/registry/core/pod/storage/{storage,eviction}.go. */
import { coreV1, policyV1, type UnknownObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { ActionSubresource, ServerAccess, SubresourceRequest } from '@kapella/apiserver';
import { ApiError, type Ctx, errors, FieldErrors, formatTime, isReason } from '@kapella/base';
import { success } from '../../support/status.ts';
import { selects } from '../../support/selector.ts';
import { isPodReady, withPodCondition } from './pod.conditions.ts';

export const bindingAction: ActionSubresource<Pod> = {
  kind: { group: '', version: 'v1', kind: 'Binding' },
  verbs: ['create'],
  status: 201,
  ignoresParent: true,
  async handle(request, ctx) {
    await bindPod(request, request.name, ctx);
    return success(201);
  },
};

/** Writes spec.nodeName once; Conflict for a Pod that has one, is gated or being deleted. */
export async function bindPod(request: SubresourceRequest<unknown>, podName: string, ctx: Ctx): Promise<void> {
  const binding = request.body ?? ({} as UnknownObject);
  const target = (binding.target ?? {}) as { kind?: string; name?: string };
  const found = new FieldErrors();
  const name = binding.metadata?.name;
  if (name !== podName) throw errors.badRequest('name in URL does not match name in Binding object');
  if (target.kind && target.kind !== 'Node') found.notSupported('target.kind', target.kind, ['Node', '<empty>']);
  if (!target.name) found.required('target.name');
  // As upstream, which takes it for a fault of its own.
  if (found.any) throw new ApiError('', found.aggregate(), { code: 500 });
  const nodeName = target.name ?? '';
  const refuse = (why: string) => errors.conflict({ group: '', resource: 'pods/binding', name: podName }, why);
  if (request.dryRun) {
    if ((await request.server.get(coreV1.Pod, request.namespace, podName)) !== undefined) return;
    throw errors.notFound({ group: '', resource: 'pods', name: podName });
  }
  await request.server.rewrite(
    coreV1.Pod,
    request.namespace,
    podName,
    (pod) => {
      const uid = binding.metadata?.uid;
      if (uid && uid !== pod.metadata.uid) {
        throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`);
      }
      if (pod.metadata.deletionTimestamp !== undefined) {
        throw refuse(`pod ${podName} is being deleted, cannot be assigned to a host`);
      }
      if (pod.spec.nodeName) throw refuse(`pod ${podName} is already assigned to node "${pod.spec.nodeName}"`);
      if ((pod.spec.schedulingGates?.length ?? 0) > 0) {
        throw refuse(`pod ${podName} has non-empty .spec.schedulingGates`);
      }
      const { nominatedNodeName: _cleared, ...status } = pod.status ?? {};
      const bound = {
        ...pod,
        metadata: mergedMetadata(pod.metadata, binding.metadata),
        spec: { ...pod.spec, nodeName },
        status,
      } as Pod;
      return withPodCondition(bound, { type: 'PodScheduled', status: 'True' }, formatTime(request.nowMs));
    },
    ctx,
  );
}

function mergedMetadata(old: Pod['metadata'], binding: Partial<Pod['metadata']> | undefined): Pod['metadata'] {
  return {
    ...old,
    ...(binding?.annotations && { annotations: { ...old.annotations, ...binding.annotations } }),
    ...(binding?.labels && { labels: { ...old.labels, ...binding.labels } }),
  };
}

const DISRUPTED_PODS_MAX = 2000;

export const evictionAction: ActionSubresource<Pod> = {
  kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
  verbs: ['create'],
  status: 201,
  async handle(request, ctx) {
    const { parent: pod, body, name } = request;
    if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name });
    const asked = body?.metadata?.name;
    if (asked && asked !== name) throw errors.badRequest('name in URL does not match name in Eviction object');
    if (!mayIgnoreBudgets(pod)) await spendBudget(pod, request, ctx);
    await markAndDelete(pod, request, ctx);
    return success(201);
  },
};

function mayIgnoreBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return (
    phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined
  );
}

/** Throws TooManyRequests where the budget allows no disruption. */
async function spendBudget(pod: Pod, request: SubresourceRequest<Pod>, ctx: Ctx): Promise<void> {
  const budgets = (await request.server.list(policyV1.PodDisruptionBudget, request.namespace)).filter(
    (pdb) => pdb.spec.selector !== undefined && selects(pdb.spec.selector, pod.metadata.labels),
  );
  if (budgets.length > 1) {
    const text = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new ApiError('', text, { code: 500 });
  }
  const budget = budgets[0];
  if (budget === undefined) return;
  if (!isPodReady(pod)) {
    if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return;
    const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
    if (currentHealthy >= desiredHealthy && desiredHealthy > 0) return;
  }
  if (request.dryRun) {
    spent(budget, pod.metadata.name, request.nowMs);
    return;
  }
  const { server, namespace, nowMs } = request;
  const change = (old: PodDisruptionBudget) => spent(old, pod.metadata.name, nowMs);
  await server.update(policyV1.PodDisruptionBudget, namespace, budget.metadata.name, change, ctx);
}

/** The budget with one disruption fewer, or a refusal. */
function spent(budget: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget {
  const status = budget.status;
  const { name, generation = 0 } = budget.metadata;
  if ((status?.observedGeneration ?? 0) < generation || status === undefined) {
    throw tooManyEvictions(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const { disruptionsAllowed = 0, disruptedPods = {} } = status;
  const id = { group: 'policy', resource: 'poddisruptionbudget', name };
  if (disruptionsAllowed < 0) throw errors.forbidden(id, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > DISRUPTED_PODS_MAX) {
    throw errors.forbidden(id, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (disruptionsAllowed === 0) throw tooManyEvictions(noBudgetMessage(budget), undefined);
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [podName]: formatTime(nowMs) },
      ...(disruptionsAllowed === 1 && { conditions: withoutDisruptions(status.conditions, generation, nowMs) }),
    },
  };
}

type Conditions = NonNullable<NonNullable<PodDisruptionBudget['status']>['conditions']>;

function withoutDisruptions(conditions: Conditions | undefined, generation: number, nowMs: number): Conditions {
  const others = (conditions ?? []).filter((c) => c.type !== 'DisruptionAllowed');
  const time = formatTime(nowMs);
  return [
    ...others,
    {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      lastTransitionTime: time,
      observedGeneration: generation,
    },
  ];
}

function noBudgetMessage({ metadata: { name }, status }: PodDisruptionBudget): string {
  const condition = status?.conditions?.find((c) => c.type === 'DisruptionAllowed');
  const text = condition?.status === 'False' ? condition.message : '';
  if (text && condition?.reason === 'SyncFailed') {
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${text}`;
  }
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  const why = text ? ` (${condition?.reason}): ${text}` : '';
  return `The disruption budget ${name} does not allow evicting pods currently${why}`;
}

function tooManyEvictions(message: string, retryAfterSeconds: number | undefined): ApiError {
  return new ApiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    },
  });
}

async function markAndDelete(pod: Pod, request: SubresourceRequest<Pod>, ctx: Ctx): Promise<void> {
  const { server, namespace, name, dryRun, nowMs } = request;
  const options = { ...(request.body?.deleteOptions as object | undefined), ...(dryRun && { dryRun: ['All'] }) };
  if (!dryRun) await mark(server, namespace, pod, nowMs, ctx);
  await server.delete(coreV1.Pod, namespace, name, options, ctx);
}

async function mark(server: ServerAccess, namespace: string, pod: Pod, nowMs: number, ctx: Ctx): Promise<void> {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  try {
    const change = (old: Pod) => withPodCondition(old, condition, formatTime(nowMs));
    await server.update(coreV1.Pod, namespace, pod.metadata.name, change, ctx);
  } catch (error) {
    // Gone in between: the delete that follows says so.
    if (!isReason(error, 'NotFound')) throw error;
  }
}
