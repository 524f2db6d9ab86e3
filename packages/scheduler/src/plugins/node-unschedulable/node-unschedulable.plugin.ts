/** Keeps Pods off cordoned nodes. Source: kubernetes …/plugins/nodeunschedulable. */
import type { Node } from '@kapella/api/types/core-v1';
import { isSamePod } from '../../framework/hints.ts';
import { type PluginFactory, unresolvable } from '../../framework/plugin.ts';
import { isTolerated } from '../../framework/tolerations.ts';

const CORDON_TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;
const REFUSAL = unresolvable('node(s) were unschedulable');

export const nodeUnschedulable: PluginFactory = {
  name: 'NodeUnschedulable',
  create: () => ({
    name: 'NodeUnschedulable',
    events: [
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeTaint'],
        hint: ({ pod }, event) =>
          (event.new as Node).spec.unschedulable !== true || isTolerated(CORDON_TAINT, pod.spec.tolerations),
      },
      { resource: 'UnscheduledPod', actions: ['UpdatePodToleration'], hint: isSamePod },
    ],
    preFilter({ pod }) {
      if (isTolerated(CORDON_TAINT, pod.spec.tolerations)) return 'skip';
      return { filter: ({ node }) => (node.spec.unschedulable === true ? REFUSAL : undefined) };
    },
  }),
};
