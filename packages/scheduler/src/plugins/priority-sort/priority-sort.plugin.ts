/** The more important Pod first, then the one that waits longer. Source: kubernetes …/plugins/queuesort. */
import type { PluginFactory } from '../../framework/plugin.ts';

export const prioritySort: PluginFactory = {
  name: 'PrioritySort',
  create: () => ({
    name: 'PrioritySort',
    compare: (a, b) =>
      (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) || a.sinceMs - b.sinceMs || a.sequence - b.sequence,
  }),
};
