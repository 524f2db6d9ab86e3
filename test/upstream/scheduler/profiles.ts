/** One KubeSchedulerConfiguration for both schedulers: each way to score, and each argument that changes a decision. */

/** By scheduler name; Pods name one at random. */
const PROFILES: Readonly<Record<string, readonly string[]>> = {
  'upstream-default': [],
  // The fullest node first, by CPU more than by memory.
  'upstream-packed': [
    'pluginConfig:',
    ...args('NodeResourcesFit', '{scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 3}, {name: memory, weight: 1}]}}'),
    ...args('NodeResourcesBalancedAllocation', '{resources: [{name: memory, weight: 1}]}'),
    ...args('InterPodAffinity', '{hardPodAffinityWeight: 20, ignorePreferredTermsOfExistingPods: true}'),
  ],
  // A shape over utilization, other weights, a plugin that is off, constraints and affinity that Pods do not name.
  'upstream-shaped': [
    'plugins: {score: {disabled: [{name: ImageLocality}, {name: NodeAffinity}], enabled: [{name: NodeAffinity, weight: 7}]}}',
    'pluginConfig:',
    ...args(
      'NodeResourcesFit',
      '{scoringStrategy: {type: RequestedToCapacityRatio, resources: [{name: cpu, weight: 1}, {name: memory, weight: 2}], ' +
        'requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 60, score: 10}, {utilization: 100, score: 3}]}}}',
    ),
    ...args(
      'PodTopologySpread',
      '{defaultingType: List, defaultConstraints: ' +
        '[{maxSkew: 2, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}]}',
    ),
    ...args(
      'NodeAffinity',
      '{addedAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 10, preference: {matchExpressions: ' +
        '[{key: topology.kubernetes.io/zone, operator: Exists}]}}]}}',
    ),
  ],
};

export const SCHEDULER_NAMES = Object.keys(PROFILES);

function args(plugin: string, text: string): string[] {
  return [`- {name: ${plugin}, args: ${text}}`];
}

/** Every node that fits is scored. */
export function configOf(kubeconfig: string): string {
  const profiles = Object.entries(PROFILES).map(([name, lines]) =>
    [`- schedulerName: ${name}`, ...lines.map((line) => `  ${line}`)].join('\n'),
  );
  return `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: ${JSON.stringify(kubeconfig)}, qps: 5000, burst: 5000}
percentageOfNodesToScore: 100
profiles:
${profiles.join('\n')}
`;
}
