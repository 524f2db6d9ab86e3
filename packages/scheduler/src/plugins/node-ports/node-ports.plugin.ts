/** Two Pods cannot hold one host port. Source: kubernetes …/plugins/nodeports. */
import { defineSchedulerPlugin } from '../../framework/plugin.ts';
import type { HostPort } from '../../framework/snapshot.ts';

export const nodePorts = defineSchedulerPlugin({
  name: 'NodePorts',
  wakeOn: ['pod.delete', 'node.add'],
  preFilter: (pod) => (pod.hostPorts.length === 0 ? 'skip' : { state: undefined }),
  filter(pod, node) {
    for (const other of node.pods.values()) {
      if (other.hostPorts.some((taken) => pod.hostPorts.some((wanted) => conflicts(taken, wanted)))) {
        return { code: 'Unschedulable', reason: "node(s) didn't have free ports for the requested pod ports" };
      }
    }
    return undefined;
  },
});

function conflicts(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}
