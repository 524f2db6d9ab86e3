/** Workloads of upstream's scheduler_perf by their names: nodes, what runs already, what is to be placed. */
import type { Node, Pod } from '@kapella/api/types/core-v1';

export interface Workload {
  /** As in test/integration/scheduler_perf. */
  readonly name: string;
  readonly node: (i: number) => Node;
  /** Placed before the clock runs. */
  readonly initial: readonly Pods[];
  readonly measured: Pods;
  /** Removes others to make room. */
  readonly preempts?: true;
}

export interface Pods {
  readonly count: number;
  readonly pod: (name: string) => Pod;
}

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

function nodeWith(labels: (i: number) => Readonly<Record<string, string>> = () => ({})): (i: number) => Node {
  return (i) => {
    const name = `scheduler-perf-${i}`;
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { [HOST]: name, ...labels(i) } },
      spec: {},
      status: {
        capacity: { cpu: '4', memory: '32Gi', pods: '110' },
        allocatable: { cpu: '4', memory: '32Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as unknown as Node;
  };
}

type Fields = Readonly<Record<string, unknown>>;

function podWith(
  spec: Fields = {},
  labels: Readonly<Record<string, string>> = {},
  cpu = '100m',
): (name: string) => Pod {
  return (name) => {
    const resources = { requests: { cpu, memory: '500Mi' } };
    const containers = [{ name: 'pause', image: 'registry.k8s.io/pause:3.10.1', resources }];
    const metadata = { name, namespace: 'default', uid: name, labels };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers, schedulerName: 'default-scheduler', ...spec },
    } as unknown as Pod;
  };
}

const zones = (prefix: string, count: number) => nodeWith((i) => ({ [ZONE]: `${prefix}${(i % count) + 1}` }));
const oneZone = nodeWith(() => ({ [ZONE]: 'zone1' }));
const blue = { color: 'blue' };
const near = (kind: 'podAffinity' | 'podAntiAffinity', topologyKey: string, color: string) => ({
  affinity: {
    [kind]: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { color } } }],
    },
  },
});
const rather = (kind: 'podAffinity' | 'podAntiAffinity', color: string) => ({
  affinity: {
    [kind]: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: HOST, labelSelector: { matchLabels: { color } } } },
      ],
    },
  },
});
const spread = (whenUnsatisfiable: string) => ({
  topologySpreadConstraints: [
    { maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable, labelSelector: { matchLabels: blue } },
  ],
});
const inZones = (values: readonly string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values }] }],
      },
    },
  },
});

const plain = podWith();

/** 5,000 nodes each. */
export const NODE_COUNT = 5_000;
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'SchedulingBasic',
    node: nodeWith(),
    initial: [{ count: 1_000, pod: plain }],
    measured: { count: 10_000, pod: plain },
  },
  {
    name: 'SchedulingPodAntiAffinity',
    node: nodeWith(),
    initial: [{ count: 1_000, pod: podWith(near('podAntiAffinity', HOST, 'green'), { color: 'green' }) }],
    measured: { count: 2_000, pod: podWith(near('podAntiAffinity', HOST, 'green'), { color: 'green' }) },
  },
  {
    name: 'SchedulingPodAffinity',
    node: oneZone,
    initial: [{ count: 5_000, pod: podWith(near('podAffinity', ZONE, 'blue'), blue) }],
    measured: { count: 5_000, pod: podWith(near('podAffinity', ZONE, 'blue'), blue) },
  },
  {
    name: 'SchedulingPreferredPodAffinity',
    node: nodeWith(),
    initial: [{ count: 5_000, pod: podWith(rather('podAffinity', 'red'), { color: 'red' }) }],
    measured: { count: 5_000, pod: podWith(rather('podAffinity', 'red'), { color: 'red' }) },
  },
  {
    name: 'SchedulingPreferredPodAntiAffinity',
    node: nodeWith(),
    initial: [{ count: 5_000, pod: podWith(rather('podAntiAffinity', 'yellow'), { color: 'yellow' }) }],
    measured: { count: 5_000, pod: podWith(rather('podAntiAffinity', 'yellow'), { color: 'yellow' }) },
  },
  {
    name: 'SchedulingNodeAffinity',
    node: oneZone,
    initial: [{ count: 5_000, pod: podWith(inZones(['zone1', 'zone2'])) }],
    measured: { count: 10_000, pod: podWith(inZones(['zone1', 'zone2'])) },
  },
  {
    name: 'TopologySpreading',
    node: zones('moon-', 3),
    initial: [{ count: 5_000, pod: plain }],
    measured: { count: 5_000, pod: podWith(spread('DoNotSchedule'), blue) },
  },
  {
    name: 'PreferredTopologySpreading',
    node: zones('moon-', 3),
    initial: [{ count: 5_000, pod: plain }],
    measured: { count: 5_000, pod: podWith(spread('ScheduleAnyway'), blue) },
  },
  {
    name: 'MixedSchedulingBasePod',
    node: oneZone,
    initial: [
      { count: 2_000, pod: plain },
      { count: 2_000, pod: podWith(near('podAffinity', ZONE, 'blue'), blue) },
      { count: 2_000, pod: podWith(near('podAntiAffinity', HOST, 'green'), { color: 'green' }) },
      { count: 2_000, pod: podWith(rather('podAffinity', 'red'), { color: 'red' }) },
      { count: 2_000, pod: podWith(rather('podAntiAffinity', 'yellow'), { color: 'yellow' }) },
    ],
    measured: { count: 5_000, pod: plain },
  },
  {
    name: 'Unschedulable',
    node: nodeWith(),
    initial: [{ count: 200, pod: podWith({}, {}, '9') }],
    measured: { count: 10_000, pod: plain },
  },
  {
    name: 'PreemptionBasic',
    node: nodeWith(),
    initial: [{ count: 20_000, pod: podWith({ priority: 0 }, {}, '900m') }],
    measured: { count: 1_000, pod: podWith({ priority: 10_000 }, {}, '3') },
    preempts: true,
  },
];

/** Each Pod names its node, as those of a DaemonSet. */
export const DAEMON_SET: Workload = {
  name: 'SchedulingDaemonset',
  node: nodeWith(),
  initial: [],
  measured: {
    count: 5_000,
    pod: (name) => {
      const values = [`scheduler-perf-${name.split('-').at(-1)}`];
      const matchFields = [{ key: 'metadata.name', operator: 'In', values }];
      const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
      return podWith({ affinity: { nodeAffinity: required } })(name);
    },
  },
};
