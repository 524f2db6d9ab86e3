/** What StatefulSets, DaemonSets and Jobs promise beside their numbers. */
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { type Checker, isFinished, isGoing, isReady, nameOf, ownerOf } from './checker.ts';

const ordinalOf = ({ metadata }: UnknownObject) => Number(/-(\d+)$/.exec(metadata.name ?? '')?.[1] ?? 0);

/** Pods of one owner that are not on their way out. */
const livePods = (world: World, namespace: string | undefined, kind: string, uid: string) =>
  world.truth
    .list('Pod', namespace)
    .filter((pod) => ownerOf(pod, kind)?.uid === uid && !isGoing(pod) && !isFinished(pod));

/** With OrderedReady a Pod is made when all before it are ready. */
export const orderedStart: Checker = {
  name: 'ordered-start',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      const owner =
        kind === 'Pod' && old === undefined && next !== undefined ? ownerOf(next, 'StatefulSet') : undefined;
      if (owner === undefined || next === undefined || !world.isCalm('fault', 'eviction')) return;
      const { namespace } = next.metadata;
      const set = world.truth.list('StatefulSet', namespace).find(({ metadata }) => metadata.uid === owner.uid);
      if (set === undefined || set.spec?.podManagementPolicy === 'Parallel') return;
      const ready = livePods(world, namespace, 'StatefulSet', owner.uid)
        .filter(isReady)
        .filter((pod) => ordinalOf(pod) < ordinalOf(next));
      if (ready.length < ordinalOf(next))
        world.violate('ordered-start', `${nameOf(next)} was made when ${ready.length} before it were ready`);
    });
  },
};

/** A DaemonSet has at most one Pod on a node: the one it aims at, before it is bound too. */
export const oneDaemonPerNode: Checker = {
  name: 'one-daemon-per-node',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      const owner = kind === 'Pod' && old === undefined && next !== undefined ? ownerOf(next, 'DaemonSet') : undefined;
      if (owner === undefined || next === undefined || !world.isCalm('fault')) return;
      const node = aimOf(next);
      const same = livePods(world, next.metadata.namespace, 'DaemonSet', owner.uid).filter(
        (pod) => aimOf(pod) === node,
      );
      if (same.length > 1) world.violate('one-daemon-per-node', `${owner.name} has ${same.length} Pods on ${node}`);
    });
  },
};

function aimOf({ spec }: UnknownObject): string {
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return spec?.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0] ?? '';
}

/** What an Indexed Job says to have succeeded is never more than it has indexes, and never becomes less. */
export const jobCountsTrue: Checker = {
  name: 'job-counts-true',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'Job' || next === undefined) return;
      const { completions = 1 } = next.spec;
      const succeeded = next.status?.succeeded ?? 0;
      if (succeeded > completions)
        world.violate('job-counts-true', `${nameOf(next)}: ${succeeded} of ${completions} succeeded`);
      if (succeeded < (old?.status?.succeeded ?? 0))
        world.violate('job-counts-true', `${nameOf(next)}: ${old?.status?.succeeded} succeeded, then ${succeeded}`);
    });
  },
};
