/** Changed requests and limits of running containers, without a restart. Source: kuberuntime_manager.go (doPodResizeAction). */
import type { ContainerResizePolicy, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import { runtimeResources } from '../container/resources.ts';
import type { RuntimeResources } from '../cri/config.ts';
import { type AnyContainer, latest, type ObservedPod } from '../lifecycle/observed.ts';
import type { Kill } from '../lifecycle/plan.ts';
import { bareId } from '../lifecycle/readiness.ts';
import type { PodDeps } from './deps.ts';

/** What each container was last given, by its id. */
export type Applied = Map<string, RuntimeResources>;

interface Change {
  readonly id: string;
  readonly container: AnyContainer;
  readonly to: RuntimeResources;
}

export interface ResizeOutcome {
  /** Containers that must be restarted for it, as their policy says; all others are changed in place. */
  readonly kills: readonly Kill[];
  /** What went wrong; '' = nothing. */
  readonly error: string;
}

/** Brings what is asked for into effect. */
export async function resizeContainers(
  pod: Pod,
  observed: ObservedPod,
  applied: Applied,
  deps: PodDeps,
  ctx: Ctx,
): Promise<ResizeOutcome> {
  const changes = changesOf(pod, observed, applied, deps);
  if (changes.length === 0) return { kills: [], error: '' };
  let problem = '';
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
      problem = describeError(error);
      ctx.log.warn('container not resized', { container: container.name, error: problem });
    }
  }
  await deps.cgroups.ensure(pod);
  const killed = kills.map(
    ({ id, container }): Kill => ({
      containerId: id,
      name: container.name,
      message: `Container ${container.name} resize requires restart, will be restarted`,
      reason: '',
    }),
  );
  return { kills: killed, error: problem };
}

function changesOf(pod: Pod, observed: ObservedPod, applied: Applied, { settings }: PodDeps): readonly Change[] {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
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
