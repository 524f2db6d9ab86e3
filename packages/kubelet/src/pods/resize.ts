/** Changed requests and limits of running containers, without a restart. Source: kuberuntime_manager.go (doPodResizeAction). */
import type { ContainerResizePolicy, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import { runtimeResources } from '../container/resources.ts';
import type { RuntimeResources } from '../cri/config.ts';
import { type AnyContainer, isSidecar, latest, type ObservedPod } from '../lifecycle/observed.ts';
import type { Kill } from '../lifecycle/plan.ts';
import { bareId } from '../lifecycle/readiness.ts';
import type { PodDeps } from './deps.ts';
import { podEvents } from './events.ts';

/** What each container was last given, by its id. */
export type Applied = Map<string, RuntimeResources>;

interface Change {
  readonly id: string;
  readonly container: AnyContainer;
  readonly to: RuntimeResources;
}

/** Containers that must be restarted for it, as their policy says; all others are changed in place. */
export async function resizeContainers(
  pod: Pod,
  observed: ObservedPod,
  applied: Applied,
  deps: PodDeps,
  ctx: Ctx,
): Promise<readonly Kill[]> {
  const changes = changesOf(pod, observed, applied, deps);
  if (changes.length === 0) return [];
  const kills = changes.filter((change) => needsRestart(change, applied));
  const inPlace = changes.filter((change) => !kills.includes(change));
  const grows = inPlace.some(
    ({ id, to }) => (to.memoryLimitInBytes ?? 0) >= (applied.get(id)?.memoryLimitInBytes ?? 0),
  );
  // A Pod may never have less than its containers: it grows first and shrinks last.
  if (grows) await deps.cgroups.ensure(pod);
  for (const { id, to, container } of inPlace) {
    try {
      await deps.cri.updateContainerResources(id, to, ctx);
      applied.set(id, to);
    } catch (error) {
      ctx.log.warn('container not resized', { container: container.name, error: describeError(error) });
      podEvents(deps.recorder, pod)('Warning', 'ResizeError', `Pod resize error: ${describeError(error)}`);
    }
  }
  await deps.cgroups.ensure(pod);
  return kills.map(({ id, container }) => ({
    containerId: id,
    name: container.name,
    message: `Container ${container.name} resize requires restart, will be restarted`,
    reason: '',
  }));
}

function changesOf(pod: Pod, observed: ObservedPod, applied: Applied, { settings }: PodDeps): readonly Change[] {
  const containers = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const reported = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return containers.flatMap((container) => {
    const status = latest(observed, container.name);
    if (status?.state !== 'running') return [];
    const to = runtimeResources(pod, container, settings.limits);
    if (!applied.has(status.id)) {
      // An agent that was restarted knows only what was reported of this instance.
      const resources = reported.find(({ containerID }) => bareId(containerID) === status.id)?.resources;
      const before = resources === undefined ? container : { ...container, resources };
      applied.set(status.id, runtimeResources(pod, before, settings.limits));
    }
    return isSame(applied.get(status.id), to) ? [] : [{ id: status.id, container, to }];
  });
}

/** The score for the OOM killer cannot be changed later; it follows at the next start. */
const COMPARED = ['cpuShares', 'cpuQuota', 'memoryLimitInBytes'] as const;

const isSame = (a: RuntimeResources | undefined, b: RuntimeResources) => COMPARED.every((key) => a?.[key] === b[key]);

function needsRestart({ id, container, to }: Change, applied: Applied): boolean {
  const from = applied.get(id);
  const restarts = (name: string) =>
    container.resizePolicy?.some(
      (p: ContainerResizePolicy) => p.resourceName === name && p.restartPolicy === 'RestartContainer',
    ) === true;
  const cpu = from?.cpuShares !== to.cpuShares || from?.cpuQuota !== to.cpuQuota;
  return (cpu && restarts('cpu')) || (from?.memoryLimitInBytes !== to.memoryLimitInBytes && restarts('memory'));
}
