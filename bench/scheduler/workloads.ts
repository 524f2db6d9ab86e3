/** Workloads of upstream's scheduler_perf by their names: nodes, what runs already, what is to be placed. */
import type { Node, Pod, Service } from '@kapella/api/types/core-v1';

export interface Workload {
  /** As in test/integration/scheduler_perf. */
  readonly name: string;
  /** Which of upstream's it is: folder of the suite, and name of the size. */
  readonly upstream: { readonly suite: UpstreamSuite; readonly size: string };
  readonly nodeCount: number;
  readonly node: (i: number) => Node;
  /** Created first and never placed: they wait behind a gate. */
  readonly gated?: Pods;
  /** Placed before the clock runs. */
  readonly initial: readonly Pods[];
  /** What happens while the clock runs. */
  readonly background?: Background;
  readonly measured: Pods;
  /** Removes others to make room. */
  readonly preempts?: true;
}

export type UpstreamSuite = 'misc' | 'affinity' | 'topology_spreading';

/** Every so often these are created; with `recreated` the ones before go first. */
export interface Background {
  readonly everyMs: number;
  readonly recreated?: true;
  /** Named by the caller. */
  readonly objects: readonly ((name: string) => { readonly kind: string })[];
  /** Pods placed at first that are deleted. */
  readonly deletedPerSecond?: number;
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
const low = podWith({ priority: 0, terminationGracePeriodSeconds: 0 }, {}, '900m');
const high = podWith({ priority: 10 }, {}, '3');
const tooLarge = podWith({ priority: 10 }, {}, '9');

/** Asks for nothing. */
function light(name: string, spec: Fields = {}): Pod {
  const containers = [{ name: 'pause', image: 'registry.k8s.io/pause:3.10.1' }];
  const metadata = { name, namespace: 'default', uid: name };
  const always = { containers, schedulerName: 'default-scheduler', terminationGracePeriodSeconds: 0 };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...always, ...spec } } as unknown as Pod;
}

const LARGE_NODE = 'scheduler-perf-node';
const ONE_NODE = {
  nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [LARGE_NODE] }] }],
};

function oneLargeNode(): Node {
  const room = { cpu: '4', memory: '32Gi', pods: '90000' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: LARGE_NODE, labels: { [HOST]: LARGE_NODE } },
    spec: {},
    status: { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' }] },
  } as unknown as Node;
}

function churnNode(name: string): Node {
  const status = { capacity: { pods: '0' }, conditions: [{ type: 'Ready', status: 'True' }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {}, status } as unknown as Node;
}

function churnService(name: string): Service {
  const ports = [{ protocol: 'TCP', port: 8080, targetPort: 8080 }];
  const metadata = { name, namespace: 'default' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'foo' }, ports },
  } as unknown as Service;
}

const NODE_COUNT = 5_000;
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'SchedulingBasic',
    upstream: { suite: 'misc', size: '5000Nodes_10000Pods' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 1_000, pod: plain }],
    measured: { count: 10_000, pod: plain },
  },
  {
    name: 'SchedulingPodAntiAffinity',
    upstream: { suite: 'affinity', size: '5000Nodes_2000Pods' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 1_000, pod: podWith(near('podAntiAffinity', HOST, 'green'), { color: 'green' }) }],
    measured: { count: 2_000, pod: podWith(near('podAntiAffinity', HOST, 'green'), { color: 'green' }) },
  },
  {
    name: 'SchedulingPodAffinity',
    upstream: { suite: 'affinity', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
    node: oneZone,
    initial: [{ count: 5_000, pod: podWith(near('podAffinity', ZONE, 'blue'), blue) }],
    measured: { count: 5_000, pod: podWith(near('podAffinity', ZONE, 'blue'), blue) },
  },
  {
    name: 'SchedulingPreferredPodAffinity',
    upstream: { suite: 'affinity', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 5_000, pod: podWith(rather('podAffinity', 'red'), { color: 'red' }) }],
    measured: { count: 5_000, pod: podWith(rather('podAffinity', 'red'), { color: 'red' }) },
  },
  {
    name: 'SchedulingPreferredPodAntiAffinity',
    upstream: { suite: 'affinity', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 5_000, pod: podWith(rather('podAntiAffinity', 'yellow'), { color: 'yellow' }) }],
    measured: { count: 5_000, pod: podWith(rather('podAntiAffinity', 'yellow'), { color: 'yellow' }) },
  },
  {
    name: 'SchedulingNodeAffinity',
    upstream: { suite: 'affinity', size: '5000Nodes_10000Pods' },
    nodeCount: NODE_COUNT,
    node: oneZone,
    initial: [{ count: 5_000, pod: podWith(inZones(['zone1', 'zone2'])) }],
    measured: { count: 10_000, pod: podWith(inZones(['zone1', 'zone2'])) },
  },
  {
    name: 'TopologySpreading',
    upstream: { suite: 'topology_spreading', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
    node: zones('moon-', 3),
    initial: [{ count: 5_000, pod: plain }],
    measured: { count: 5_000, pod: podWith(spread('DoNotSchedule'), blue) },
  },
  {
    name: 'PreferredTopologySpreading',
    upstream: { suite: 'topology_spreading', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
    node: zones('moon-', 3),
    initial: [{ count: 5_000, pod: plain }],
    measured: { count: 5_000, pod: podWith(spread('ScheduleAnyway'), blue) },
  },
  {
    name: 'MixedSchedulingBasePod',
    upstream: { suite: 'affinity', size: '5000Nodes_5000Pods' },
    nodeCount: NODE_COUNT,
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
    name: 'PreemptionBasic',
    upstream: { suite: 'misc', size: '1000Nodes' },
    nodeCount: 1_000,
    node: nodeWith(),
    initial: [{ count: 4_000, pod: low }],
    measured: { count: 1_000, pod: high },
    preempts: true,
  },
  {
    name: 'PreemptionAsync',
    upstream: { suite: 'misc', size: '5000Nodes_AsyncPreemptionEnabled' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 20_000, pod: low }],
    background: { everyMs: 200, objects: [high] },
    measured: { count: 5_000, pod: plain },
  },
  {
    name: 'Unschedulable',
    upstream: { suite: 'misc', size: '5kNodes/100Init/10kPods_QueueingHintsEnabled' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [{ count: 100, pod: plain }],
    background: { everyMs: 200, objects: [tooLarge] },
    measured: { count: 10_000, pod: plain },
  },
  {
    name: 'SchedulingWithMixedChurn',
    upstream: { suite: 'misc', size: '5000Nodes_10000Pods_QueueingHintsEnabled' },
    nodeCount: NODE_COUNT,
    node: nodeWith(),
    initial: [],
    background: { everyMs: 1_000, recreated: true, objects: [churnNode, tooLarge, churnService] },
    measured: { count: 10_000, pod: plain },
  },
  {
    name: 'SchedulingWhileGated',
    upstream: { suite: 'misc', size: '1Node_10000GatedPods_QueueingHintsEnabled' },
    nodeCount: 1,
    node: oneLargeNode,
    gated: { count: 10_000, pod: (name) => light(name, { schedulingGates: [{ name: 'test.k8s.io/hold' }] }) },
    initial: [{ count: 20_000, pod: light }],
    background: { everyMs: 1_000, objects: [], deletedPerSecond: 50 },
    measured: { count: 20_000, pod: light },
  },
  {
    name: 'SchedulingDaemonset',
    upstream: { suite: 'misc', size: '15000Nodes_QueueingHintsEnabled' },
    nodeCount: 15_001,
    node: (i) => (i === 0 ? oneLargeNode() : nodeWith()(i)),
    initial: [],
    measured: {
      count: 30_000,
      pod: (name) =>
        light(name, { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: ONE_NODE } } }),
    },
  },
];
