/** Writes ControllerRevisions. Source: kubernetes pkg/controller/history/controller_history.go, realHistory. */
import { appsV1, compileLabelSelector, type KindRef, keyOf } from '@kapella/api';
import type { ControllerRevision } from '@kapella/api/types/apps-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import { type Ctx, isReason } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import { candidatesOf, claim, type Owner, planClaim } from '../workload/index.ts';
import { newRevision, type RevisionInput, sameData, sortRevisions } from './revisions.ts';

const COLLISIONS_MAX = 100;

/** The owner's revisions in order, those that nobody owned among them. */
export async function claimRevisions(
  { cache, client }: ControllerDeps,
  ownerKind: KindRef<unknown>,
  owner: Owner,
  selector: LabelSelector | undefined,
  ctx: Ctx,
): Promise<ControllerRevision[]> {
  const kind = appsV1.ControllerRevision;
  const plan = planClaim(owner, compileLabelSelector(selector), candidatesOf(cache, kind, owner));
  return sortRevisions(await claim(client, { ownerKind, owner, kind, plan }, ctx));
}

/** Under another name when the first is taken by other data: `collisionCount` says how often that was so. */
export async function createRevision(
  { client }: ControllerDeps,
  input: RevisionInput,
  ctx: Ctx,
): Promise<{ readonly revision: ControllerRevision; readonly collisionCount: number }> {
  let { collisionCount } = input;
  for (let attempt = 0; attempt < COLLISIONS_MAX; attempt++) {
    const wanted = newRevision({ ...input, collisionCount });
    try {
      return { revision: await client.create(appsV1.ControllerRevision, wanted, ctx), collisionCount };
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    const name = { namespace: input.owner.metadata.namespace ?? '', name: wanted.metadata.name };
    const present = await client.get(appsV1.ControllerRevision, name, ctx);
    if (present !== undefined && sameData(present, wanted)) return { revision: present, collisionCount };
    collisionCount++;
  }
  throw new Error(`no free name for a revision of ${keyOf(input.owner)}`);
}

export async function deleteRevisions(
  { client }: ControllerDeps,
  revisions: readonly ControllerRevision[],
  ctx: Ctx,
): Promise<void> {
  for (const revision of revisions) {
    try {
      await client.delete(appsV1.ControllerRevision, revision, ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
