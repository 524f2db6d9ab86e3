/** A Pod that names its node fits no other. Source: kubernetes …/plugins/nodename. */
import { defineSchedulerPlugin } from '../../framework/plugin.ts';

export const nodeName = defineSchedulerPlugin({
  name: 'NodeName',
  wakeOn: ['node.add'],
  filter(pod, node) {
    const wanted = pod.pod.spec.nodeName;
    if (wanted === undefined || wanted === '' || wanted === node.name) return undefined;
    return { code: 'UnschedulableAndUnresolvable', reason: "node(s) didn't match the requested node name" };
  },
});
