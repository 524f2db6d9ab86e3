/** Keeps Pods off cordoned nodes. Source: kubernetes …/plugins/nodeunschedulable. */
import { defineSchedulerPlugin } from '../../framework/plugin.ts';
import { isTolerated } from '../../framework/tolerations.ts';

const CORDON_TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

export const nodeUnschedulable = defineSchedulerPlugin({
  name: 'NodeUnschedulable',
  wakeOn: ['node.add', 'node.taints', 'pod.update'],
  filter(pod, node) {
    if (node.node.spec.unschedulable !== true || isTolerated(CORDON_TAINT, pod.pod.spec.tolerations)) return undefined;
    return { code: 'UnschedulableAndUnresolvable', reason: 'node(s) were unschedulable' };
  },
});
