/** Which events make a Pod that a plugin refused worth another try: a golden table, as upstream's hints decide. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type ClusterEvent, isInterested, nodeUpdateEvents, podUpdateEvents } from '../framework/cluster-events.ts';
import { podStateOf } from '../framework/pod-state.ts';
import { aNode, aPod, defaultProfile, type Json } from '../test-support.ts';

const profile = defaultProfile();

function wakes(plugin: string, waiting: Pod, events: readonly ClusterEvent[]): boolean {
  const { events: interests = [] } = profile.all.find(({ name }) => name === plugin) ?? {};
  const state = podStateOf(waiting);
  return events.some((event) =>
    interests.some((interest) => isInterested(interest, event) && interest.hint?.(state, event) !== false),
  );
}

const added = (node: Node): ClusterEvent[] => [{ resource: 'Node', action: 'Add', new: node }];
const changed = (old: Node, now: Node) => nodeUpdateEvents(now, old);
const gone = (pod: Pod): ClusterEvent[] => [{ resource: 'AssignedPod', action: 'Delete', old: pod }];
const came = (pod: Pod): ClusterEvent[] => [{ resource: 'AssignedPod', action: 'Add', new: pod }];
const placed = (name: string, labels: Record<string, string> = {}, spec: Json = {}, requests: Json = {}) =>
  aPod(name, { spec: { nodeName: 'n1', ...spec }, labels, requests });

const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
const near = (topologyKey: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'a' } } }],
});
const wantsNear = aPod('p', { spec: { affinity: { podAffinity: near('zone') } } });
const wantsFar = aPod('p', { spec: { affinity: { podAntiAffinity: near('zone') } } });
const constraint = {
  ...{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
  labelSelector: { matchLabels: { app: 'a' } },
};
const spreads = aPod('p', { labels: { app: 'a' }, spec: { topologySpreadConstraints: [constraint] } });
const port = { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] };
const large = aPod('p', { requests: { cpu: '3' } });
const labelled = (labels: Record<string, string>) => aNode('n', { labels });

const TABLE: readonly (readonly [
  what: string,
  plugin: string,
  pod: Pod,
  events: readonly ClusterEvent[],
  wakes: boolean,
])[] = [
  ['a node that is large enough', 'NodeResourcesFit', large, added(aNode('n', { allocatable: { cpu: '4' } })), true],
  ['a node that is too small', 'NodeResourcesFit', large, added(aNode('n')), false],
  [
    ...(['more of what is asked for', 'NodeResourcesFit', large] as const),
    changed(aNode('n', { allocatable: { cpu: '3' } }), aNode('n', { allocatable: { cpu: '4' } })),
    true,
  ],
  [
    ...(['more of something else', 'NodeResourcesFit', large] as const),
    changed(aNode('n', { allocatable: { cpu: '4' } }), aNode('n', { allocatable: { cpu: '4', memory: '9Gi' } })),
    false,
  ],
  ['a Pod that leaves a node', 'NodeResourcesFit', large, gone(placed('x')), true],
  ['a Pod that was on none', 'NodeResourcesFit', large, gone(aPod('x')), false],
  [
    ...(['a Pod that needs less of it now', 'NodeResourcesFit', large] as const),
    podUpdateEvents(placed('x', {}, {}, { cpu: '1' }), placed('x', {}, {}, { cpu: '2' })),
    true,
  ],
  [
    ...(['a Pod that needs less of another', 'NodeResourcesFit', large] as const),
    podUpdateEvents(placed('x', {}, {}, { memory: '1Gi' }), placed('x', {}, {}, { memory: '2Gi' })),
    false,
  ],
  [
    'labels that match now',
    'NodeAffinity',
    aPod('p', { spec: { nodeSelector: { d: 's' } } }),
    changed(aNode('n'), labelled({ d: 's' })),
    true,
  ],
  [
    'labels that do not',
    'NodeAffinity',
    aPod('p', { spec: { nodeSelector: { d: 's' } } }),
    changed(aNode('n'), labelled({ d: 'h' })),
    false,
  ],
  [
    'a taint that is gone',
    'TaintToleration',
    aPod('p'),
    changed(aNode('n', { spec: { taints: [taint] } }), aNode('n')),
    true,
  ],
  [
    'a taint that came',
    'TaintToleration',
    aPod('p'),
    changed(aNode('n'), aNode('n', { spec: { taints: [taint] } })),
    false,
  ],
  ['a node without it', 'TaintToleration', aPod('p'), added(aNode('n')), true],
  [
    'an open node',
    'NodeUnschedulable',
    aPod('p'),
    changed(aNode('n', { spec: { unschedulable: true } }), aNode('n')),
    true,
  ],
  ['the port’s holder gone', 'NodePorts', aPod('p', { spec: port }), gone(placed('x', {}, port)), true],
  ['someone else gone', 'NodePorts', aPod('p', { spec: port }), gone(placed('x')), false],
  ['a Pod to be near to', 'InterPodAffinity', wantsNear, came(placed('x', { app: 'a' })), true],
  ['a Pod of no interest', 'InterPodAffinity', wantsNear, came(placed('x', { app: 'b' })), false],
  ['a Pod to be far from is gone', 'InterPodAffinity', wantsFar, gone(placed('x', { app: 'a' })), true],
  ['a node with the topology', 'InterPodAffinity', wantsNear, added(labelled({ zone: 'a' })), true],
  ['a node without it', 'InterPodAffinity', wantsNear, added(aNode('n')), false],
  ['a counted Pod gone', 'PodTopologySpread', spreads, gone(placed('x', { app: 'a' })), true],
  ['one that is not counted', 'PodTopologySpread', spreads, gone(placed('x', { app: 'b' })), false],
  ['a node with the key', 'PodTopologySpread', spreads, added(labelled({ zone: 'b' })), true],
  ['a node without the key', 'PodTopologySpread', spreads, added(aNode('n')), false],
  [
    ...(['its own gates gone', 'SchedulingGates', aPod('p')] as const),
    podUpdateEvents(aPod('p'), aPod('p', { spec: { schedulingGates: [{ name: 'x' }] } })),
    true,
  ],
];

describe('hints', () => {
  for (const [what, plugin, pod, events, expected] of TABLE) {
    test(`${plugin}: ${what}`, () => assert.equal(wakes(plugin, pod, events), expected));
  }
});
