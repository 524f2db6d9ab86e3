/** The revisions of a DaemonSet. Source: kubernetes pkg/controller/daemon/update.go, constructHistory. */
import { appsV1, coreV1, type NewObject } from '@kapella/api';
import type { ControllerRevision, DaemonSet } from '@kapella/api/types/apps-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, isReason } from '@kapella/base';
import { type ControllerDeps, controllerRef } from '@kapella/controller';
import {
  canonicalJson,
  claimRevisions,
  deleteRevisions,
  hashText,
  planTruncation,
  revisionData,
} from '../history/index.ts';
import { omitZero, entryOf } from '../workload/index.ts';
import { HASH_LABEL } from './daemon-pod.ts';

const HISTORY_LIMIT_DEFAULT = 10;

export interface DaemonHistory {
  readonly hash: string;
  readonly old: readonly ControllerRevision[];
}

const hashOf = (revision: ControllerRevision) =>
  entryOf(revision.metadata.labels, HASH_LABEL) ?? revision.metadata.name;

/** Makes the revision of the present template when there is none. */
export async function syncHistory(
  deps: ControllerDeps,
  set: DaemonSet,
  pods: readonly Pod[],
  ctx: Ctx,
): Promise<DaemonHistory> {
  const revisions = await claimRevisions(deps, appsV1.DaemonSet, set, set.spec.selector, ctx);
  const wanted = canonicalJson(revisionData(set.spec.template));
  const current = revisions.filter((revision) => canonicalJson(revision.data) === wanted);
  const old = revisions.filter((revision) => !current.includes(revision));
  const number = (old.at(-1)?.revision ?? 0) + 1;
  const kept = current.at(-1);
  if (kept === undefined) return { hash: hashOf(await snapshot(deps, set, number, ctx)), old };
  await removeDuplicates(deps, kept, current, pods, ctx);
  if (kept.revision < number) await deps.client.update(appsV1.ControllerRevision, { ...kept, revision: number }, ctx);
  return { hash: hashOf(kept), old };
}

async function snapshot(
  { client }: ControllerDeps,
  set: DaemonSet,
  number: number,
  ctx: Ctx,
): Promise<ControllerRevision> {
  const { name, namespace, annotations } = set.metadata;
  const { template } = set.spec;
  const hash = hashText(canonicalJson(template), set.status?.collisionCount);
  const revision: NewObject<ControllerRevision> = {
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace !== undefined && { namespace }),
      labels: { ...template.metadata?.labels, [HASH_LABEL]: hash },
      ...(annotations !== undefined && { annotations }),
      ownerReferences: [controllerRef(appsV1.DaemonSet, set)],
    },
    data: revisionData(template),
    revision: number,
  };
  try {
    return await client.create(appsV1.ControllerRevision, revision, ctx);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const present = await client.get(
      appsV1.ControllerRevision,
      { namespace: namespace ?? '', name: `${name}-${hash}` },
      ctx,
    );
    if (present !== undefined && canonicalJson(present.data) === canonicalJson(revision.data)) return present;
    // Another template of this name: the next attempt, after this status is seen, finds another one.
    const collisionCount = (set.status?.collisionCount ?? 0) + 1;
    const counts = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    await client.patchStatus(appsV1.DaemonSet, set, { ...counts, ...set.status, ...omitZero({ collisionCount }) }, ctx);
    throw error;
  }
}

/** One revision for one template: Pods of the others are relabelled. */
async function removeDuplicates(
  deps: ControllerDeps,
  kept: ControllerRevision,
  current: readonly ControllerRevision[],
  pods: readonly Pod[],
  ctx: Ctx,
): Promise<void> {
  const duplicates = current.filter((revision) => revision !== kept);
  if (duplicates.length === 0) return;
  for (const pod of pods) {
    if (entryOf(pod.metadata.labels, HASH_LABEL) === hashOf(kept)) continue;
    const body = { metadata: { labels: { [HASH_LABEL]: hashOf(kept) } } };
    await deps.client.patch(coreV1.Pod, pod, { type: 'merge', body }, ctx);
  }
  await deleteRevisions(deps, duplicates, ctx);
}

/** Old revisions beyond the limit, but for those that Pods still have. */
export async function truncateHistory(
  deps: ControllerDeps,
  set: DaemonSet,
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
  ctx: Ctx,
): Promise<void> {
  const limit = set.spec.revisionHistoryLimit ?? HISTORY_LIMIT_DEFAULT;
  const live = new Set(pods.map((pod) => entryOf(pod.metadata.labels, HASH_LABEL)));
  // Upstream counts live ones against the limit.
  const excess = Math.max(0, old.length - limit);
  const unused = planTruncation(old, (revision) => live.has(hashOf(revision)), 0);
  await deleteRevisions(deps, unused.slice(0, excess), ctx);
}
