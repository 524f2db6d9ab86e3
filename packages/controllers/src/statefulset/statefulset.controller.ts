/** Keeps StatefulSets: revisions, Pods, claims, status. Source: kubernetes pkg/controller/statefulset/stateful_set.go. */
import { appsV1, compileLabelSelector, coreV1, type KubeObject } from '@kapella/api';
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '@kapella/api/types/apps-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import {
  chooseRevision,
  claimRevisions,
  createRevision,
  deleteRevisions,
  planTruncation,
  sortRevisions,
  templateOf,
} from '../history/index.ts';
import {
  candidatesOf,
  claim,
  createLateExpectations,
  indexOrphans,
  type LateExpectations,
  omitZero,
  orphanWatch,
  planClaim,
} from '../workload/index.ts';
import { executePhases } from './execute.ts';
import { isMember, revisionOf } from './identity.ts';
import { planStatefulSet, type StatefulSetPlan } from './plan-statefulset.ts';

const CONCURRENCY_MAX = 5;
const HISTORY_LIMIT_DEFAULT = 10;

export function createStatefulSetController(deps: ControllerDeps): Controller {
  const { cache } = deps;
  const expectations = createLateExpectations();
  indexOrphans(cache, coreV1.Pod);
  indexOrphans(cache, appsV1.ControllerRevision);
  return defineController({
    name: 'statefulset-controller',
    primary: appsV1.StatefulSet,
    owns: [coreV1.Pod],
    watches: [orphanWatch(cache, appsV1.StatefulSet, coreV1.Pod, (set) => set.spec.selector)],
    reads: [coreV1.PersistentVolumeClaim, appsV1.ControllerRevision],
    expectations,
    concurrencyMax: CONCURRENCY_MAX,
    async reconcile(key, ctx) {
      expectations.bind(ctx.clock);
      const set = cache.get(appsV1.StatefulSet, key);
      if (set === undefined) {
        expectations.forget(key);
        return {};
      }
      if (!expectations.satisfied(key)) return {};
      const revisions = await claimRevisions(deps, appsV1.StatefulSet, set, set.spec.selector, ctx);
      const pods = await claimPods(deps, set, ctx);
      return sync({ ...deps, expectations }, set, pods, revisions, ctx);
    },
  });
}

async function claimPods({ cache, client }: ControllerDeps, set: StatefulSet, ctx: Ctx): Promise<Pod[]> {
  const kind = coreV1.Pod;
  const selector = compileLabelSelector(set.spec.selector);
  const plan = planClaim(set, selector, candidatesOf(cache, kind, set), (pod) => isMember(set, pod));
  return claim(client, { ownerKind: appsV1.StatefulSet, owner: set, kind, plan }, ctx);
}

type Deps = ControllerDeps & { readonly expectations: LateExpectations };

async function sync(
  deps: Deps,
  set: StatefulSet,
  pods: readonly Pod[],
  sorted: readonly ControllerRevision[],
  ctx: Ctx,
) {
  const { update, collisionCount } = await findUpdateRevision(deps, set, sorted, ctx);
  const current = sorted.find((revision) => revision.metadata.name === set.status?.currentRevision) ?? update;
  const plan = planStatefulSet({
    set,
    currentSet: atRevision(set, current),
    updateSet: atRevision(set, update),
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount,
    pods,
    claimOf: (name) => deps.cache.get(coreV1.PersistentVolumeClaim, `${set.metadata.namespace}/${name}`),
    nowMs: ctx.clock.nowMs(),
  });
  try {
    await executePhases({ ...deps, set, updateSet: atRevision(set, update) }, plan.phases, ctx);
  } finally {
    await writeStatus(deps, set, plan.status, ctx);
  }
  const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionOf)]);
  const all = sortRevisions(sorted);
  const limit = set.spec.revisionHistoryLimit ?? HISTORY_LIMIT_DEFAULT;
  await deleteRevisions(
    deps,
    planTruncation(all, (revision) => live.has(revision.metadata.name), limit),
    ctx,
  );
  return plan.recheckAfterMs === undefined ? {} : { requeueAfterMs: plan.recheckAfterMs };
}

async function findUpdateRevision(deps: Deps, set: StatefulSet, sorted: readonly ControllerRevision[], ctx: Ctx) {
  const collisionCount = set.status?.collisionCount ?? 0;
  const choice = chooseRevision(sorted, set.spec.template);
  if (choice.type === 'keep') return { update: choice.revision, collisionCount };
  if (choice.type === 'renumber') {
    const renumbered = { ...choice.revision, revision: choice.number };
    return { update: await deps.client.update(appsV1.ControllerRevision, renumbered, ctx), collisionCount };
  }
  const { template } = set.spec;
  const input = { ownerKind: appsV1.StatefulSet, owner: set, template, revision: choice.number, collisionCount };
  const created = await createRevision(deps, input, ctx);
  return { update: created.revision, collisionCount: created.collisionCount };
}

function atRevision(set: StatefulSet, revision: ControllerRevision): StatefulSet {
  return { ...set, spec: { ...set.spec, template: templateOf(revision) ?? set.spec.template } };
}

/** Only when something that the controller counts has changed: conditions of others stay as they are. */
async function writeStatus({ client }: ControllerDeps, set: StatefulSet, next: StatefulSetPlan['status'], ctx: Ctx) {
  const now: Partial<StatefulSetStatus> = set.status ?? {};
  const isSame =
    next.observedGeneration <= (now.observedGeneration ?? 0) &&
    next.replicas === (now.replicas ?? 0) &&
    next.currentReplicas === (now.currentReplicas ?? 0) &&
    next.readyReplicas === (now.readyReplicas ?? 0) &&
    next.updatedReplicas === (now.updatedReplicas ?? 0) &&
    next.availableReplicas === (now.availableReplicas ?? 0) &&
    next.currentRevision === (now.currentRevision ?? '') &&
    next.updateRevision === (now.updateRevision ?? '');
  if (isSame) return;
  const { replicas, availableReplicas, collisionCount, ...rest } = next;
  const { conditions } = now;
  const status = { ...omitZero(rest), replicas, availableReplicas, collisionCount, ...(conditions && { conditions }) };
  await client.patchStatus(appsV1.StatefulSet, set as StatefulSet & KubeObject, status, ctx);
}
