/** Pods that need a feature of the node agent fit nodes that declare it. Source: kubernetes …/plugins/nodedeclaredfeatures. */
import type { Pod } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { isSamePod, nodesOf, podsOf } from '../../framework/hints.ts';
import { type PluginFactory, unresolvable } from '../../framework/plugin.ts';

const REFUSAL = unresolvable("node(s) didn't match Pod's required features");

export const nodeDeclaredFeatures: PluginFactory = {
  name: 'NodeDeclaredFeatures',
  create: () => ({
    name: 'NodeDeclaredFeatures',
    events: [
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeDeclaredFeature'],
        hint(_pod, event) {
          const { old, now } = nodesOf(event);
          return old === undefined || !jsonEqual(old.status?.declaredFeatures, now?.status?.declaredFeatures);
        },
      },
      {
        resource: 'Pod',
        actions: ['Update'],
        hint(pod, event) {
          const { old, now } = podsOf(event);
          if (old === undefined || now === undefined || !isSamePod(pod, event)) return false;
          return !jsonEqual(neededFeatures(old), neededFeatures(now));
        },
      },
    ],
    preFilter({ pod }) {
      const needed = neededFeatures(pod);
      if (needed.length === 0) return 'skip';
      return {
        filter({ node }) {
          const declared = node.status?.declaredFeatures ?? [];
          return needed.every((feature) => declared.includes(feature)) ? undefined : REFUSAL;
        },
      };
    },
  }),
};

/** Source: component-helpers/nodedeclaredfeatures/features. */
export function neededFeatures({ spec }: Pod): readonly string[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const restartsAll = containers.some(({ restartPolicyRules = [] }) =>
    restartPolicyRules.some(({ action }) => action === 'RestartAllContainers'),
  );
  const mapsHostNetwork = spec.hostNetwork === true && spec.hostUsers === false;
  return [
    ...(restartsAll ? ['RestartAllContainersOnContainerExits'] : []),
    ...(mapsHostNetwork ? ['UserNamespacesHostNetworkSupport'] : []),
  ];
}
