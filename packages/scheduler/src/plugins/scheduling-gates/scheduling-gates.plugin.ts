/** Keeps Pods with scheduling gates out of the queue. Source: kubernetes …/plugins/schedulinggates. */
import { defineSchedulerPlugin } from '../../framework/plugin.ts';

export const schedulingGates = defineSchedulerPlugin({
  name: 'SchedulingGates',
  wakeOn: ['pod.update'],
  preEnqueue(pod) {
    const gates = (pod.spec.schedulingGates ?? []).map((gate) => gate.name);
    return gates.length === 0 ? undefined : `waiting for scheduling gates: [${gates.join(' ')}]`;
  },
});
