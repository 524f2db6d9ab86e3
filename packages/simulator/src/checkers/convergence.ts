/** When nothing goes wrong any more, everything becomes what was asked for. */
import { parseTime } from '@kapella/base';
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { isFinished, isGoing, isReady, nameOf, selects } from './checker.ts';
import { isUsed, unsettledMore } from './more-convergence.ts';
import { garbageOf } from './garbage.ts';

const GOING_MS_MAX = 60_000;

/** What is not as asked for yet, one line each; none: at rest. */
export function unsettled(world: World): string[] {
  const { truth } = world;
  const nowMs = world.clock.nowMs();
  return [
    ...truth
      .list('Node')
      .filter((node) => !isReady(node))
      .map((node) => `${nameOf(node)} is not Ready`),
    ...truth.list('Deployment').flatMap(ofDeployment),
    ...truth.list('StatefulSet').flatMap(ofStatefulSet),
    ...truth
      .list('Job')
      .filter(isUnfinished)
      .map((job) => `${nameOf(job)} has not ended`),
    ...truth.list('ResourceQuota').flatMap((quota) => ofQuota(world, quota)),
    ...truth.list('Service').flatMap((service) => ofService(world, service)),
    ...truth.list('CronJob').flatMap((cron) => ofCronJob(world, cron, nowMs)),
    ...unsettledMore(world, nowMs),
    ...garbageOf(world).map((object) => `${nameOf(object)} is garbage`),
    ...[...truth.all()]
      .filter((object) => isLate(object, nowMs) && !isKept(world, object))
      .map((object) => `${nameOf(object)} does not go`),
  ];
}

function ofDeployment(object: UnknownObject): string[] {
  const { spec, status = {}, metadata } = object;
  const { replicas } = spec;
  const isDone =
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status.replicas ?? 0) === replicas &&
    (status.updatedReplicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas;
  if (isDone || isGoing(object)) return [];
  // A quota may forbid the rest: then the Deployment says so.
  const isRefused = status.conditions?.some(
    (c: { type: string; status: string }) => c.type === 'ReplicaFailure' && c.status === 'True',
  );
  if (isRefused) return [];
  return [
    `${nameOf(object)}: ${status.availableReplicas ?? 0} of ${replicas} available, ${status.updatedReplicas ?? 0} updated`,
  ];
}

function ofStatefulSet(object: UnknownObject): string[] {
  const { spec, status = {} } = object;
  const isDone =
    (status.readyReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.updatedReplicas ?? 0) === spec.replicas;
  return isDone || isGoing(object) ? [] : [`${nameOf(object)}: ${status.readyReplicas ?? 0} of ${spec.replicas} ready`];
}

const isUnfinished = (job: UnknownObject) =>
  !isGoing(job) &&
  job.metadata.ownerReferences === undefined &&
  job.status?.conditions?.some(
    (c: { type: string; status: string }) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  ) !== true;

function ofQuota(world: World, quota: UnknownObject): string[] {
  const used = world.truth.list('Pod', quota.metadata.namespace).filter((pod) => !isFinished(pod)).length;
  return Number(quota.status?.used?.pods ?? 0) === used
    ? []
    : [`${nameOf(quota)} counts ${quota.status?.used?.pods}, there are ${used}`];
}

function ofService(world: World, service: UnknownObject): string[] {
  const { selector } = service.spec;
  const { namespace, name } = service.metadata;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const ready = world.truth
    .list('Pod', namespace)
    .filter(
      (pod) => isReady(pod) && !isGoing(pod) && selects({ matchLabels: selector } as never, pod.metadata.labels),
    ).length;
  const endpoints = world.truth
    .list('EndpointSlice', namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice) => (slice['endpoints'] ?? []) as readonly { conditions?: { ready?: boolean } }[])
    .filter(({ conditions }) => conditions?.ready !== false).length;
  return ready === endpoints || name.startsWith('kube')
    ? []
    : [`${nameOf(service)} has ${endpoints} endpoints for ${ready} ready Pods`];
}

/** Hourly and more frequent ones must have run in the last hour and a bit. */
function ofCronJob(_world: World, cron: UnknownObject, nowMs: number): string[] {
  const createdMs = parseTime(cron.metadata.creationTimestamp) ?? nowMs;
  const lastMs = parseTime(cron.status?.lastScheduleTime) ?? createdMs;
  const lateMs = String(cron.spec?.schedule).startsWith('* ') ? 100_000 : 3_900_000;
  return nowMs - lastMs > lateMs
    ? [`${nameOf(cron)} last ran ${Math.round((nowMs - lastMs) / 60_000)} minutes ago`]
    : [];
}

function isLate({ metadata }: UnknownObject, nowMs: number): boolean {
  const atMs = parseTime(metadata.deletionTimestamp);
  return atMs !== undefined && nowMs - atMs > GOING_MS_MAX;
}

/** A claim that a Pod uses stays, as long as the Pod does. */
const isKept = (world: World, object: UnknownObject) =>
  object.kind === 'PersistentVolumeClaim' && isUsed(world, object);
