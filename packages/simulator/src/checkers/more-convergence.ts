/** The rest of what must be as asked for: DaemonSets, claims, autoscalers, and what has to go by itself. */
import { parseTime } from '@kapella/base';
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { isGoing, nameOf, ownerOf } from './checker.ts';

const TTL_SLACK_MS = 60_000;
/** An autoscaler aims at half of what is asked for, give or take a tenth. */
const AIM = 0.5;

export function unsettledMore(world: World, nowMs: number): string[] {
  const { truth } = world;
  return [
    ...truth.list('DaemonSet').flatMap((set) => ofDaemonSet(world, set)),
    ...truth.list('PersistentVolumeClaim').flatMap((claim) => ofClaim(world, claim)),
    ...truth
      .list('PersistentVolume')
      .filter(({ status }) => status?.phase !== 'Bound' && status?.phase !== 'Available')
      .map((volume) => `${nameOf(volume)} is ${volume.status?.phase ?? 'new'}`),
    ...truth.list('HorizontalPodAutoscaler').flatMap((scaler) => ofAutoscaler(world, scaler)),
    ...truth
      .list('Job')
      .filter((job) => isOver(job, nowMs))
      .map((job) => `${nameOf(job)} is past its time to live`),
    ...truth.list('Deployment').flatMap((deployment) => ofHistory(world, deployment)),
    ...truth.list('Namespace').flatMap((namespace) => ofNamespace(world, namespace)),
  ];
}

function ofDaemonSet(world: World, set: UnknownObject): string[] {
  const nodes = world.truth.list('Node').length;
  const { numberReady = 0, updatedNumberScheduled = 0 } = set.status ?? {};
  if (isGoing(set) || (numberReady === nodes && updatedNumberScheduled === nodes)) return [];
  return [`${nameOf(set)}: ${numberReady} of ${nodes} ready, ${updatedNumberScheduled} updated`];
}

/** A claim of a class that waits for its first user may wait. */
function ofClaim(world: World, claim: UnknownObject): string[] {
  const { phase } = claim.status ?? {};
  if (isGoing(claim) || phase === 'Bound') return [];
  const found = world.truth.list('StorageClass').find(({ metadata }) => metadata.name === claim.spec?.storageClassName);
  const isWaiting = found?.['volumeBindingMode'] === 'WaitForFirstConsumer' && !isUsed(world, claim);
  return isWaiting ? [] : [`${nameOf(claim)} is ${phase}`];
}

/** Whether a Pod names this claim. */
export function isUsed(world: World, { metadata }: UnknownObject): boolean {
  return world.truth
    .list('Pod', metadata.namespace)
    .some(({ spec }) =>
      ((spec?.volumes ?? []) as readonly { persistentVolumeClaim?: { claimName: string } }[]).some(
        (volume) => volume.persistentVolumeClaim?.claimName === metadata.name,
      ),
    );
}

function ofAutoscaler(world: World, scaler: UnknownObject): string[] {
  const { scaleTargetRef, minReplicas = 1, maxReplicas } = scaler.spec ?? {};
  const { namespace } = scaler.metadata;
  const target = world.truth
    .list('Deployment', namespace)
    .find(({ metadata }) => metadata.name === scaleTargetRef?.name);
  if (target === undefined || isGoing(scaler)) return [];
  const asked = 100; // what each Pod of a step asks for unless it says otherwise
  const load = world.loads.get(scaleTargetRef.name) ?? 0;
  const { replicas } = target.spec;
  const ideal = load / (asked * AIM);
  const [least, most] = [Math.ceil(ideal * 0.85), Math.ceil(ideal * 1.15)];
  const clamp = (value: number) => Math.min(Math.max(value, minReplicas), maxReplicas);
  if (load === 0 || (replicas >= clamp(least) && replicas <= clamp(most))) return [];
  return [`${nameOf(scaler)}: ${replicas} replicas for a load that wants ${clamp(Math.ceil(ideal))}`];
}

function isOver(job: UnknownObject, nowMs: number): boolean {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  const endMs = parseTime(job.status?.completionTime);
  return seconds !== undefined && endMs !== undefined && nowMs - endMs > seconds * 1000 + TTL_SLACK_MS;
}

function ofHistory(world: World, deployment: UnknownObject): string[] {
  const old = world.truth
    .list('ReplicaSet', deployment.metadata.namespace)
    .filter((set) => ownerOf(set, 'Deployment')?.uid === deployment.metadata.uid && (set.spec?.replicas ?? 0) === 0);
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  return old.length > limit ? [`${nameOf(deployment)} keeps ${old.length} old ReplicaSets, at most ${limit}`] : [];
}

function ofNamespace(world: World, { metadata, status }: UnknownObject): string[] {
  if (status?.phase !== 'Active') return [];
  const has = world.truth.list('ServiceAccount', metadata.name).some((account) => account.metadata.name === 'default');
  return has ? [] : [`Namespace ${metadata.name} has no default ServiceAccount`];
}
