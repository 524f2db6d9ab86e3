/** Arguments of plugins with their defaults. Source: kubernetes pkg/scheduler/apis/config/v1/defaults.go. */
import type { DefaultPreemptionArgs } from '../plugins/default-preemption/default-preemption.plugin.ts';
import type { DynamicResourcesArgs } from '../plugins/dynamic-resources/dynamic-resources.plugin.ts';
import type { InterPodAffinityArgs } from '../plugins/inter-pod-affinity/inter-pod-affinity.plugin.ts';
import type { NodeAffinityArgs } from '../plugins/node-affinity/node-affinity.plugin.ts';
import type { NodeResourcesBalancedAllocationArgs } from '../plugins/node-resources/balanced-allocation.plugin.ts';
import type { NodeResourcesFitArgs } from '../plugins/node-resources/fit.plugin.ts';
import { RESOURCES_DEFAULT, type ResourceWeight, type ScoringStrategy } from '../plugins/node-resources/scoring.ts';
import type { PodTopologySpreadArgs } from '../plugins/pod-topology-spread/pod-topology-spread.plugin.ts';
import type { VolumeBindingArgs } from '../plugins/volume-binding/volume-binding.plugin.ts';
import type { ProfileConfig } from './types.ts';

export interface PluginArgs {
  readonly DefaultPreemption: DefaultPreemptionArgs;
  readonly DynamicResources: DynamicResourcesArgs;
  readonly InterPodAffinity: InterPodAffinityArgs;
  readonly NodeAffinity: NodeAffinityArgs;
  readonly NodeResourcesBalancedAllocation: NodeResourcesBalancedAllocationArgs;
  readonly NodeResourcesFit: NodeResourcesFitArgs;
  readonly PodTopologySpread: PodTopologySpreadArgs;
  readonly VolumeBinding: VolumeBindingArgs;
}

/** Absent or zero means one. */
function weighted(resources: readonly Partial<ResourceWeight>[] = []): readonly ResourceWeight[] {
  if (resources.length === 0) return RESOURCES_DEFAULT;
  return resources.map(({ name = '', weight }) => ({ name, weight: weight || 1 }));
}

function strategy(given: Partial<ScoringStrategy> | undefined): ScoringStrategy {
  const { type = 'LeastAllocated', resources, requestedToCapacityRatio } = given ?? {};
  const base = { type, resources: weighted(resources) };
  return requestedToCapacityRatio === undefined ? base : { ...base, requestedToCapacityRatio };
}

const DEFAULTS: { readonly [P in keyof PluginArgs]: (given: Partial<PluginArgs[P]>) => PluginArgs[P] } = {
  DefaultPreemption: (given) => ({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100, ...given }),
  DynamicResources: (given) => ({ filterTimeout: '10s', bindingTimeout: '600s', ...given }),
  InterPodAffinity: (given) => ({ hardPodAffinityWeight: 1, ...given }),
  NodeAffinity: (given) => given,
  NodeResourcesBalancedAllocation: ({ resources }) => ({ resources: weighted(resources) }),
  NodeResourcesFit: (given) => ({ ...given, scoringStrategy: strategy(given.scoringStrategy) }),
  PodTopologySpread: (given) => ({ defaultingType: 'System', ...given }),
  VolumeBinding: (given) => ({ bindTimeoutSeconds: 600, ...given }),
};

/** The plugin's arguments in the profile; an empty object for a plugin that takes none. */
export function argsOf(plugin: string, profile: ProfileConfig): object {
  const given = profile.pluginConfig?.find(({ name }) => name === plugin)?.args ?? {};
  if (!Object.hasOwn(DEFAULTS, plugin)) return given;
  return (DEFAULTS as Record<string, (given: object) => object>)[plugin]?.(given) ?? given;
}
