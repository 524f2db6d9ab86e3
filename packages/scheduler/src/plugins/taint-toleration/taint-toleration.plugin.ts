/** Keeps Pods off nodes whose taints they do not tolerate. Source: kubernetes …/plugins/tainttoleration. */
import type { Taint, Toleration } from '@kapella/api/types/core-v1';
import { defineSchedulerPlugin } from '../../framework/plugin.ts';
import { isTolerated } from '../../framework/tolerations.ts';

interface State {
  /** Only tolerations that can answer a soft taint. */
  readonly soft: readonly Toleration[];
}

export const taintToleration = defineSchedulerPlugin<State>({
  name: 'TaintToleration',
  weight: 3,
  wakeOn: ['node.add', 'node.taints', 'pod.update'],
  filter(pod, node) {
    const taints = node.node.spec.taints ?? [];
    const taint = taints.find((t) => t.effect !== 'PreferNoSchedule' && !isTolerated(t, pod.pod.spec.tolerations));
    if (taint === undefined) return undefined;
    return { code: 'UnschedulableAndUnresolvable', reason: `node(s) had untolerated taint(s)` };
  },
  preScore(pod) {
    const soft = (pod.pod.spec.tolerations ?? []).filter(
      (t) => (t.effect || 'PreferNoSchedule') === 'PreferNoSchedule',
    );
    return { state: { soft } };
  },
  score(_pod, node, { soft }) {
    const isHard = (taint: Taint) => taint.effect !== 'PreferNoSchedule';
    return (node.node.spec.taints ?? []).filter((taint) => !isHard(taint) && !isTolerated(taint, soft)).length;
  },
  normalize: 'max-is-worst',
});
