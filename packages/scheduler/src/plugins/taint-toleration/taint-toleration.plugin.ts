/** Keeps Pods off nodes whose taints they do not tolerate. Source: kubernetes …/plugins/tainttoleration. */
import type { Node, Taint, Toleration } from '@kapella/api/types/core-v1';
import { isSamePod } from '../../framework/hints.ts';
import { type PluginFactory, unresolvable } from '../../framework/plugin.ts';
import { isTolerated, untoleratedTaint } from '../../framework/tolerations.ts';

const REFUSAL = unresolvable('node(s) had untolerated taint(s)');

export const taintToleration: PluginFactory = {
  name: 'TaintToleration',
  create: () => ({
    name: 'TaintToleration',
    events: [
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeTaint'],
        hint({ pod: { spec } }, event) {
          const isHeld = (node: unknown) =>
            untoleratedTaint((node as Node).spec.taints, spec.tolerations) !== undefined;
          return (event.old === undefined || isHeld(event.old)) && !isHeld(event.new);
        },
      },
      { resource: 'UnscheduledPod', actions: ['UpdatePodToleration'], hint: isSamePod },
    ],
    preFilter({ pod: { spec } }) {
      return {
        filter: ({ node }) =>
          untoleratedTaint(node.spec.taints, spec.tolerations) === undefined ? undefined : REFUSAL,
      };
    },
    preScore({ pod: { spec } }) {
      const soft = (spec.tolerations ?? []).filter(
        ({ effect }) => (effect || 'PreferNoSchedule') === 'PreferNoSchedule',
      );
      return { score: ({ node }) => countSoft(node.spec.taints, soft), normalize: 'max-is-worst' };
    },
  }),
};

function countSoft(taints: readonly Taint[] | undefined, tolerations: readonly Toleration[]): number {
  if (taints === undefined) return 0;
  return taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations)).length;
}
