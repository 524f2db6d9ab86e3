/** Two Pods cannot hold one host port. Source: kubernetes …/plugins/nodeports. */
import { isOnNode, podsOf } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { type PluginFactory, unschedulable } from '../../framework/plugin.ts';
import { type HostPort, podStateOf } from '../../framework/pod-state.ts';

const REFUSAL = unschedulable("node(s) didn't have free ports for the requested pod ports");

export const nodePorts: PluginFactory = {
  name: 'NodePorts',
  create: () => ({
    name: 'NodePorts',
    events: [
      {
        resource: 'Pod',
        actions: ['Delete'],
        hint({ hostPorts }, event) {
          const { old } = podsOf(event);
          return old !== undefined && isOnNode(old) && haveConflict(podStateOf(old).hostPorts, hostPorts);
        },
      },
      { resource: 'Node', actions: ['Add'] },
    ],
    preFilter({ hostPorts }) {
      if (hostPorts.length === 0) return 'skip';
      return { filter: (node) => (isTaken(node, hostPorts) ? REFUSAL : undefined) };
    },
  }),
};

function isTaken(node: NodeState, wanted: readonly HostPort[]): boolean {
  for (const { hostPorts } of node.podsWithPorts.values()) if (haveConflict(hostPorts, wanted)) return true;
  return false;
}

function haveConflict(taken: readonly HostPort[], wanted: readonly HostPort[]): boolean {
  return taken.some((a) => wanted.some((b) => conflicts(a, b)));
}

function conflicts(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}
