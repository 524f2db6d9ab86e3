/** A Pod that names its node fits no other. Source: kubernetes …/plugins/nodename. */
import { type PluginFactory, unresolvable } from '../../framework/plugin.ts';

const REFUSAL = unresolvable("node(s) didn't match the requested node name");

export const nodeName: PluginFactory = {
  name: 'NodeName',
  create: () => ({
    name: 'NodeName',
    events: [{ resource: 'Node', actions: ['Add'] }],
    preFilter({ pod }) {
      const wanted = pod.spec.nodeName;
      if (!wanted) return 'skip';
      return { filter: (node) => (node.name === wanted ? undefined : REFUSAL) };
    },
  }),
};
