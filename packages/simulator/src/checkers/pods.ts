/** Identities, places and amounts of Pods. */
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { type Checker, cpuMilli, isFinished, isGoing, nameOf, ownerOf } from './checker.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';

/** Two containers of one StatefulSet identity never run at once, on whatever nodes. */
export const onePodPerOrdinal: Checker = {
  name: 'one-pod-per-ordinal',
  watch(world) {
    const look = () => {
      const seen = new Map<string, string>();
      for (const node of world.fleet.nodes) {
        for (const { namespace, name, uid } of node.cri.runningPods()) {
          if (!/-\d+$/.test(name)) continue;
          const key = `${namespace}/${name}`;
          const other = seen.get(key);
          if (other !== undefined && other !== uid) {
            world.violate('one-pod-per-ordinal', `${key} runs twice: ${other} and ${uid}`);
            return;
          }
          seen.set(key, uid);
        }
      }
    };
    world.truth.onChange(({ kind }) => {
      if (kind === 'Pod') look();
    });
  },
};

/** Of the Pods of an Indexed Job that may still run, no two have one index. */
export const onePodPerIndex: Checker = {
  name: 'one-pod-per-index',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'Pod' || next === undefined || old !== undefined) return;
      const job = ownerOf(next, 'Job');
      const index = next.metadata.annotations?.[INDEX];
      if (job === undefined || index === undefined) return;
      const same = world.truth
        .list('Pod', next.metadata.namespace)
        .filter((pod) => ownerOf(pod, 'Job')?.uid === job.uid && pod.metadata.annotations?.[INDEX] === index)
        .filter((pod) => !isFinished(pod) && !isGoing(pod));
      if (same.length > 1)
        world.violate('one-pod-per-index', `${job.name} index ${index}: ${same.map(nameOf).join(', ')}`);
    });
  },
};

/** What is bound to a node fits on it. */
export const noNodeOverCapacity: Checker = {
  name: 'no-node-over-capacity',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      const node = next?.spec?.nodeName;
      if (kind !== 'Pod' || node === undefined || old?.spec?.nodeName !== undefined) return;
      const bound = world.truth.list('Pod').filter((pod) => pod.spec?.nodeName === node && !isFinished(pod));
      const { allocatable = {} } =
        world.truth.list('Node').find(({ metadata }) => metadata.name === node)?.status ?? {};
      const cpu = bound.reduce((sum, pod) => sum + requestOf(pod), 0);
      if (cpu > cpuMilli(allocatable['cpu']))
        world.violate('no-node-over-capacity', `${node} has ${allocatable['cpu']} CPUs and Pods that ask for ${cpu}m`);
      if (bound.length > Number(allocatable['pods']))
        world.violate('no-node-over-capacity', `${node} takes ${allocatable['pods']} Pods and has ${bound.length}`);
    });
  },
};

function requestOf({ spec }: UnknownObject): number {
  const all = (spec?.containers ?? []) as readonly { resources?: { requests?: { cpu?: string } } }[];
  return all.reduce((sum, { resources }) => sum + cpuMilli(resources?.requests?.cpu), 0);
}

/** Pods that may still run are never more than the namespace's quota allows. */
export const quotaHolds: Checker = {
  name: 'quota-never-exceeded',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'Pod' || next === undefined || old !== undefined) return;
      for (const quota of world.truth.list('ResourceQuota', next.metadata.namespace)) checkQuota(world, quota);
    });
  },
};

function checkQuota(world: World, quota: UnknownObject): void {
  const hard = Number(quota.status?.hard?.pods ?? Number.POSITIVE_INFINITY);
  const used = world.truth.list('Pod', quota.metadata.namespace).filter((pod) => !isFinished(pod)).length;
  if (used > hard) world.violate('quota-never-exceeded', `${nameOf(quota)} allows ${hard} Pods and there are ${used}`);
}
