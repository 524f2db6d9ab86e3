/** The default plugins in upstream's order of the default profile: filters run in it, the first refusal is the reason. */
import type { SchedulerPlugin } from '../framework/plugin.ts';
import { imageLocality } from './image-locality/image-locality.plugin.ts';
import { interPodAffinity } from './inter-pod-affinity/inter-pod-affinity.plugin.ts';
import { nodeAffinity } from './node-affinity/node-affinity.plugin.ts';
import { nodeName } from './node-name/node-name.plugin.ts';
import { nodePorts } from './node-ports/node-ports.plugin.ts';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation/node-resources-balanced-allocation.plugin.ts';
import { nodeResourcesFit } from './node-resources-fit/node-resources-fit.plugin.ts';
import { nodeUnschedulable } from './node-unschedulable/node-unschedulable.plugin.ts';
import { podTopologySpread } from './pod-topology-spread/pod-topology-spread.plugin.ts';
import { schedulingGates } from './scheduling-gates/scheduling-gates.plugin.ts';
import { taintToleration } from './taint-toleration/taint-toleration.plugin.ts';
import { volumeBinding } from './volume-binding/volume-binding.plugin.ts';

// biome-ignore lint/suspicious/noExplicitAny: each plugin has a state type of its own
export const defaultPlugins: readonly SchedulerPlugin<any>[] = [
  schedulingGates,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeBinding,
  podTopologySpread,
  interPodAffinity,
  nodeResourcesBalancedAllocation,
  imageLocality,
];
