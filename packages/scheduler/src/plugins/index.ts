/** The plugins that a KubeSchedulerConfiguration can name. Which of them a profile has, and in what order: config/. */
import type { PluginFactory } from '../framework/plugin.ts';
import { defaultBinder } from './default-binder/default-binder.plugin.ts';
import { defaultPreemption } from './default-preemption/default-preemption.plugin.ts';
import { dynamicResources } from './dynamic-resources/dynamic-resources.plugin.ts';
import { imageLocality } from './image-locality/image-locality.plugin.ts';
import { interPodAffinity } from './inter-pod-affinity/inter-pod-affinity.plugin.ts';
import { nodeAffinity } from './node-affinity/node-affinity.plugin.ts';
import { nodeDeclaredFeatures } from './node-declared-features/node-declared-features.plugin.ts';
import { nodeName } from './node-name/node-name.plugin.ts';
import { nodePorts } from './node-ports/node-ports.plugin.ts';
import { nodeResourcesBalancedAllocation } from './node-resources/balanced-allocation.plugin.ts';
import { nodeResourcesFit } from './node-resources/fit.plugin.ts';
import { nodeUnschedulable } from './node-unschedulable/node-unschedulable.plugin.ts';
import { nodeVolumeLimits } from './node-volume-limits/node-volume-limits.plugin.ts';
import { podTopologySpread } from './pod-topology-spread/pod-topology-spread.plugin.ts';
import { prioritySort } from './priority-sort/priority-sort.plugin.ts';
import { schedulingGates } from './scheduling-gates/scheduling-gates.plugin.ts';
import { taintToleration } from './taint-toleration/taint-toleration.plugin.ts';
import { volumeBinding } from './volume-binding/volume-binding.plugin.ts';
import { volumeRestrictions } from './volume-restrictions/volume-restrictions.plugin.ts';
import { volumeZone } from './volume-zone/volume-zone.plugin.ts';

// biome-ignore lint/suspicious/noExplicitAny: each plugin has arguments of its own; config/ checks them by name
export const pluginFactories: readonly PluginFactory<any>[] = [
  schedulingGates,
  prioritySort,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  nodeVolumeLimits,
  volumeBinding,
  volumeZone,
  podTopologySpread,
  interPodAffinity,
  dynamicResources,
  defaultPreemption,
  nodeResourcesBalancedAllocation,
  imageLocality,
  defaultBinder,
  nodeDeclaredFeatures,
];
