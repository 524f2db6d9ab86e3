/** ControllerRevisions as values. Source: kubernetes pkg/controller/history/controller_history.go. */
import type { KindRef, NewObject } from '@kapella/api';
import type { ControllerRevision } from '@kapella/api/types/apps-v1';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import { controllerRef } from '@kapella/controller';
import type { Owner } from '../workload/index.ts';
import { canonicalJson, hashText, inCanonicalOrder } from './canonical.ts';

export const REVISION_HASH_LABEL = 'controller.kubernetes.io/hash';
const PREFIX_LENGTH_MAX = 223;

/** What a revision keeps: a patch that puts the template back. Clients compare its bytes with those that Go writes. */
export function revisionData(template: PodTemplateSpec): object {
  return inCanonicalOrder({ spec: { template: { ...template, $patch: 'replace' } } });
}

/** The template that a revision keeps; undefined when it keeps none. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec | undefined {
  const data = revision.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined;
  const template = data?.spec?.template;
  if (template === undefined) return undefined;
  const { $patch: _, ...kept } = template;
  return kept;
}

export function revisionName(ownerName: string, hash: string): string {
  return `${ownerName.slice(0, PREFIX_LENGTH_MAX)}-${hash}`;
}

export interface RevisionInput {
  readonly ownerKind: KindRef<unknown>;
  readonly owner: Owner & { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
  readonly template: PodTemplateSpec;
  readonly revision: number;
  readonly collisionCount: number;
}

export function newRevision(
  input: RevisionInput,
): NewObject<ControllerRevision> & { readonly metadata: { readonly name: string } } {
  const { ownerKind, owner, template, revision, collisionCount } = input;
  const data = revisionData(template);
  const hash = hashText(canonicalJson(data), collisionCount);
  const { name, namespace, annotations } = owner.metadata;
  return {
    metadata: {
      name: revisionName(name, hash),
      ...(namespace !== undefined && { namespace }),
      labels: { ...template.metadata?.labels, [REVISION_HASH_LABEL]: hash },
      ...(annotations !== undefined && { annotations }),
      ownerReferences: [controllerRef(ownerKind, owner)],
    },
    data,
    revision,
  };
}

export function sameData(a: { readonly data?: unknown }, b: { readonly data?: unknown }): boolean {
  return canonicalJson(a.data) === canonicalJson(b.data);
}

/** By number, then age, then name. */
export function sortRevisions(revisions: readonly ControllerRevision[]): ControllerRevision[] {
  return revisions.toSorted((a, b) => {
    if (a.revision !== b.revision) return a.revision - b.revision;
    const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (left !== right) return left < right ? -1 : 1;
    return a.metadata.name < b.metadata.name ? -1 : 1;
  });
}

export type RevisionChoice =
  | { readonly type: 'keep'; readonly revision: ControllerRevision }
  /** A template of before is wanted again: its revision becomes the newest. */
  | { readonly type: 'renumber'; readonly revision: ControllerRevision; readonly number: number }
  | { readonly type: 'create'; readonly number: number };

/** Pure. Which revision stands for `template`; `sorted` as by sortRevisions. */
export function chooseRevision(sorted: readonly ControllerRevision[], template: PodTemplateSpec): RevisionChoice {
  const wanted = canonicalJson(revisionData(template));
  const number = (sorted.at(-1)?.revision ?? 0) + 1;
  const equal = sorted.filter((revision) => canonicalJson(revision.data) === wanted).at(-1);
  if (equal === undefined) return { type: 'create', number };
  if (equal === sorted.at(-1)) return { type: 'keep', revision: equal };
  return { type: 'renumber', revision: equal, number };
}

/** Pure. Revisions that nothing uses beyond the limit, oldest first. */
export function planTruncation(
  sorted: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
): readonly ControllerRevision[] {
  const unused = sorted.filter((revision) => !isLive(revision));
  return limit < 0 ? [] : unused.slice(0, Math.max(0, unused.length - limit));
}
