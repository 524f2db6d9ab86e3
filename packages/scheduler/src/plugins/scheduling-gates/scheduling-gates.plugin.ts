/** Keeps Pods with scheduling gates out of the queue. Source: kubernetes …/plugins/schedulinggates. */
import { isSamePod } from '../../framework/hints.ts';
import type { PluginFactory } from '../../framework/plugin.ts';

export const schedulingGates: PluginFactory = {
  name: 'SchedulingGates',
  create: () => ({
    name: 'SchedulingGates',
    events: [{ resource: 'UnscheduledPod', actions: ['UpdatePodSchedulingGatesEliminated'], hint: isSamePod }],
    preEnqueue(pod) {
      const gates = (pod.spec.schedulingGates ?? []).map((gate) => gate.name);
      return gates.length === 0 ? undefined : `waiting for scheduling gates: [${gates.join(' ')}]`;
    },
  }),
};
