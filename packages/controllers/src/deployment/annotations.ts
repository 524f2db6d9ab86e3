/** Revisions and other annotations that Deployments and ReplicaSets exchange. Pure. Source: …/deployment/util/deployment_util.go. */
import type { Deployment, ReplicaSet } from '@kapella/api/types/apps-v1';
import {
  boundsOf,
  DESIRED_REPLICAS,
  desiredOf,
  MAX_REPLICAS,
  REVISION,
  REVISION_HISTORY,
  ROLLBACK_TO,
} from './replica-sets.ts';

type Annotations = Readonly<Record<string, string>>;

const HISTORY_LENGTH_MAX = 2000;
/** Not copied between a Deployment and its sets. */
const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** How large the Deployment is and may become: later a scaling is told from a rollout by it. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const desired = desiredOf(deployment);
  return { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(desired + boundsOf(deployment).surge) };
}

/** What the new set should be annotated with: the Deployment's, and its revision, never a lower one than it has. */
export function newSetAnnotations(deployment: Deployment, present: Annotations = {}, revision: bigint): Annotations {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN.has(key));
  const next = { ...present, ...Object.fromEntries(copied) };
  const old = present[REVISION];
  if (old !== undefined && old !== '' && !/^[-+]?[0-9]+$/.test(old)) return next;
  if (BigInt((old ?? '').replace(/^\+/, '')) >= revision) return next; // '' is 0
  const history: Annotations =
    old === undefined ? {} : { [REVISION_HISTORY]: extendHistory(present[REVISION_HISTORY], old) };
  return { ...next, ...history, [REVISION]: String(revision) };
}

/** The oldest go when the text becomes too long. */
function extendHistory(history: string | undefined, revision: string): string {
  if (history === undefined || history === '') return revision;
  let kept = history.split(',');
  while (kept.length > 0 && kept.join(',').length + revision.length + 1 > HISTORY_LENGTH_MAX) kept = kept.slice(1);
  return [...kept, revision].join(',');
}

/** After going back to `set`: its annotations, and of the Deployment's only those that are its own. */
export function rollbackAnnotations(deployment: Deployment, set: ReplicaSet): Annotations {
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([key]) => OWN.has(key) && key !== ROLLBACK_TO,
  );
  const copied = Object.entries(set.metadata.annotations ?? {}).filter(([key]) => !OWN.has(key));
  return Object.fromEntries([...own, ...copied]);
}

/** Revision to go back to, 0 for the last one; undefined when nobody asks. */
export function rollbackTarget(deployment: Deployment): number | undefined {
  const text = deployment.metadata.annotations?.[ROLLBACK_TO] ?? '';
  return /^[-+]?[0-9]+$/.test(text) ? Number(text) : undefined;
}
