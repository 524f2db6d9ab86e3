/**
 * Which plugins a profile has at each extension point, in which order. Source: kubernetes
 * pkg/scheduler/apis/config/v1/default_plugins.go, framework/runtime/framework.go expandMultiPointPlugins.
 */
import { EXTENSION_POINTS, type ExtensionPoint, type PluginEntry, type PluginSet, type PluginSets } from './types.ts';

/** Default profile: at every extension point that the plugin has. Weights are those of scores. */
export const DEFAULT_PLUGINS: readonly PluginEntry[] = [
  { name: 'SchedulingGates' },
  { name: 'PrioritySort' },
  { name: 'NodeUnschedulable' },
  { name: 'NodeName' },
  { name: 'TaintToleration', weight: 3 },
  { name: 'NodeAffinity', weight: 2 },
  { name: 'NodePorts' },
  { name: 'NodeResourcesFit', weight: 1 },
  { name: 'VolumeRestrictions' },
  { name: 'NodeVolumeLimits' },
  { name: 'VolumeBinding' },
  { name: 'VolumeZone' },
  { name: 'PodTopologySpread', weight: 2 },
  { name: 'InterPodAffinity', weight: 2 },
  { name: 'DynamicResources', weight: 2 },
  { name: 'DefaultPreemption' },
  { name: 'NodeResourcesBalancedAllocation', weight: 1 },
  { name: 'ImageLocality', weight: 1 },
  { name: 'DefaultBinder' },
  { name: 'NodeDeclaredFeatures' },
];

const POINTS_OF: ReadonlyMap<string, readonly ExtensionPoint[]> = new Map<string, readonly ExtensionPoint[]>([
  ['SchedulingGates', ['preEnqueue']],
  ['PrioritySort', ['queueSort']],
  ['NodeUnschedulable', ['preFilter', 'filter']],
  ['NodeName', ['preFilter', 'filter']],
  ['TaintToleration', ['preFilter', 'filter', 'preScore', 'score']],
  ['NodeAffinity', ['preFilter', 'filter', 'preScore', 'score']],
  ['NodePorts', ['preFilter', 'filter']],
  ['NodeResourcesFit', ['preFilter', 'filter', 'preScore', 'score']],
  ['VolumeRestrictions', ['preFilter', 'filter']],
  ['NodeVolumeLimits', ['preFilter', 'filter']],
  ['VolumeBinding', ['preFilter', 'filter', 'reserve', 'preBind', 'preScore', 'score']],
  ['VolumeZone', ['preFilter', 'filter']],
  ['PodTopologySpread', ['preFilter', 'filter', 'preScore', 'score']],
  ['InterPodAffinity', ['preFilter', 'filter', 'preScore', 'score']],
  ['DynamicResources', ['preEnqueue', 'preFilter', 'filter', 'postFilter', 'score', 'reserve', 'preBind', 'postBind']],
  ['DefaultPreemption', ['preEnqueue', 'postFilter']],
  ['NodeResourcesBalancedAllocation', ['preScore', 'score']],
  ['ImageLocality', ['score']],
  ['DefaultBinder', ['bind']],
  ['NodeDeclaredFeatures', ['preFilter', 'filter']],
]);

export type PluginsByPoint = { readonly [P in ExtensionPoint]: readonly PluginEntry[] };

export function pluginsOf(custom: PluginSets = {}): PluginsByPoint {
  const everywhere = mergeSets({ enabled: DEFAULT_PLUGINS }, custom.multiPoint ?? {}).enabled ?? [];
  const sets = EXTENSION_POINTS.map((point) => [point, expand(point, custom[point] ?? {}, everywhere)] as const);
  return Object.fromEntries(sets) as PluginsByPoint;
}

/** What the user names again keeps its place; what he adds comes last. */
function mergeSets(base: PluginSet, custom: PluginSet): PluginSet {
  const disabled = new Set((custom.disabled ?? []).map(({ name }) => name));
  const left = new Map((custom.enabled ?? []).map((entry) => [entry.name, entry]));
  const enabled: PluginEntry[] = [];
  for (const entry of disabled.has('*') ? [] : (base.enabled ?? [])) {
    if (disabled.has(entry.name)) continue;
    enabled.push(left.get(entry.name) ?? entry);
    left.delete(entry.name);
  }
  return { enabled: [...enabled, ...left.values()] };
}

/** Those that override one enabled everywhere, then those enabled everywhere, then the point's own. */
function expand(point: ExtensionPoint, own: PluginSet, everywhere: readonly PluginEntry[]): readonly PluginEntry[] {
  const enabled = own.enabled ?? [];
  const disabled = new Set((own.disabled ?? []).map(({ name }) => name));
  if (disabled.has('*')) return enabled;
  const usable = everywhere.filter(({ name }) => POINTS_OF.get(name)?.includes(point) === true && !disabled.has(name));
  const isUsable = ({ name }: PluginEntry) => usable.some((entry) => entry.name === name);
  const isOwn = ({ name }: PluginEntry) => enabled.some((entry) => entry.name === name);
  return [
    ...enabled.filter(isUsable),
    ...usable.filter((entry) => !isOwn(entry)),
    ...enabled.filter((entry) => !isUsable(entry)),
  ];
}
