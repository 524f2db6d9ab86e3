/** KubeSchedulerConfiguration as users write it: read unchanged, defaulted, refused in upstream's words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aNode, aPod, NO_OBJECTS, TestCluster } from '../test-support.ts';
import { defaultConfig, loadConfig } from './load.ts';
import { pluginsOf } from './plugin-sets.ts';
import { buildProfiles } from './profiles.ts';
import type { Profile } from '../framework/profile.ts';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
const load = (text: string) => loadConfig(HEAD + text);
const profileOf = (text: string) => buildProfiles(load(text), { lookup: NO_OBJECTS })[0] as Profile;
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe('reading', () => {
  test('nothing said means upstream’s defaults', () => {
    assert.deepEqual(load(''), defaultConfig());
    assert.equal(load('profiles: [{}]').profiles[0]?.schedulerName, 'default-scheduler');
    assert.deepEqual(load('leaderElection: {leaderElect: false}').leaderElection, {
      ...defaultConfig().leaderElection,
      leaderElect: false,
    });
  });

  test('a file of everything is taken', () => {
    const config = load(`
parallelism: 4
percentageOfNodesToScore: 30
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 20
clientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf, qps: 100, burst: 200}
profiles:
- schedulerName: packed
  percentageOfNodesToScore: 50
  plugins:
    multiPoint: {disabled: [{name: ImageLocality}]}
    score: {disabled: [{name: '*'}], enabled: [{name: NodeResourcesFit, weight: 7}]}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 3}, {name: memory}]}}
- schedulerName: other
extenders:
- {urlPrefix: 'http://127.0.0.1:8888/', filterVerb: filter, prioritizeVerb: prioritize, weight: 5, ignorable: true,
   managedResources: [{name: example.com/foo, ignoredByScheduler: true}]}
`);
    const [packed, other] = buildProfiles(config, { lookup: NO_OBJECTS });
    assert.deepEqual(
      packed?.score.map(({ plugin, weight }) => [plugin.name, weight]),
      [['NodeResourcesFit', 7]],
    );
    assert.equal(packed?.percentageOfNodesToScore, 50);
    assert.equal(other?.percentageOfNodesToScore, 30);
    assert.ok(!names(packed?.all ?? []).includes('ImageLocality'));
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['profils: []', /unknown field "profils"/],
    ['parallelism: many', /parallelism: expected a number/],
    ['profiles: [{pluginConfig: [{name: InterPodAffinity, args: {weight: 1}}]}]', /unknown field "weight"/],
    ['parallelism: 0', /parallelism: Invalid value: 0: should be an integer value greater than zero/],
    ['percentageOfNodesToScore: 101', /percentageOfNodesToScore: Invalid value: 101: not in valid range \[0-100\]/],
    ['podInitialBackoffSeconds: 0', /podInitialBackoffSeconds: Invalid value: 0: must be greater than 0/],
    ['podMaxBackoffSeconds: 0', /must be greater than or equal to PodInitialBackoffSeconds/],
    ['profiles: [{schedulerName: a}, {}]', /profiles\[1\]\.schedulerName: Required value/],
    ['profiles: [{schedulerName: a}, {schedulerName: a}]', /Duplicate value: "profiles\[0\]\.schedulerName"/],
    [
      'profiles: [{plugins: {queueSort: {disabled: [{name: PrioritySort}]}}}]',
      /only one queue sort plugin can be enabled/,
    ],
    [
      'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]}]',
      /must be specified when type is RequestedToCapacityRatio/,
    ],
    [
      'profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]',
      /hardPodAffinityWeight: Invalid value: 101: not in valid range \[0, 100\]/,
    ],
    [
      `profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [
         {maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]}}]}]`,
      /defaultingType: Invalid value: "System": when .defaultConstraints are not empty/,
    ],
    [
      'extenders: [{urlPrefix: x, prioritizeVerb: p}]',
      /extenders\[0\]\.weight: Invalid value: 0: must have a positive/,
    ],
    ['extenders: [{urlPrefix: x, bindVerb: b}, {urlPrefix: z, bindVerb: b}]', /only one extender can implement bind/],
  ];
  for (const [text, message] of refused) test(`refuses ${text}`, () => assert.throws(() => load(text), message));

  test('refuses another kind, and a plugin that nobody knows', () => {
    assert.throws(() => loadConfig('kind: Pod\napiVersion: v1'), /expected a KubeSchedulerConfiguration/);
    const text = 'profiles: [{plugins: {filter: {enabled: [{name: Nope}]}}}]';
    assert.throws(() => profileOf(text), /plugin "Nope" does not exist/);
  });
});

describe('which plugins where', () => {
  test('the default order of filters and scores', () => {
    assert.deepEqual(names(pluginsOf().filter), [
      ...['NodeUnschedulable', 'NodeName', 'TaintToleration', 'NodeAffinity', 'NodePorts', 'NodeResourcesFit'],
      ...['VolumeRestrictions', 'NodeVolumeLimits', 'VolumeBinding', 'VolumeZone', 'PodTopologySpread'],
      ...['InterPodAffinity', 'DynamicResources', 'NodeDeclaredFeatures'],
    ]);
    assert.deepEqual(
      pluginsOf().score.map(({ name, weight }) => `${name}=${weight ?? 1}`),
      [
        ...['TaintToleration=3', 'NodeAffinity=2', 'NodeResourcesFit=1', 'VolumeBinding=1', 'PodTopologySpread=2'],
        ...['InterPodAffinity=2', 'DynamicResources=2', 'NodeResourcesBalancedAllocation=1', 'ImageLocality=1'],
      ],
    );
  });

  test('a plugin enabled for one point comes first there and keeps its new weight', () => {
    const { score } = pluginsOf({ score: { enabled: [{ name: 'ImageLocality', weight: 9 }, { name: 'Mine' }] } });
    assert.deepEqual(score[0], { name: 'ImageLocality', weight: 9 });
    assert.deepEqual(score.at(-1), { name: 'Mine' });
    assert.equal(score.filter(({ name }) => name === 'ImageLocality').length, 1);
  });
});

describe('arguments take effect', () => {
  const decideWith = (args: string, plugin: string) =>
    profileOf(`profiles: [{pluginConfig: [{name: ${plugin}, args: ${args}}]}]`);
  const busy = aPod('busy', { spec: { nodeName: 'n1' }, requests: { cpu: '1', memory: '2Gi' } });
  const small = aPod('p', { requests: { cpu: '100m', memory: '100Mi' } });

  test('scoring strategies: least, most, and a shape', () => {
    const nodes = [aNode('n1'), aNode('n2')];
    const place = (args: string) =>
      new TestCluster(nodes, [busy], { profile: decideWith(args, 'NodeResourcesFit') }).outcome(small);
    assert.equal(place('{}'), 'n2');
    assert.equal(place('{scoringStrategy: {type: MostAllocated}}'), 'n1');
    const shape = (low: number, high: number) =>
      `{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio:
         {shape: [{utilization: 0, score: ${low}}, {utilization: 100, score: ${high}}]}}}`;
    assert.equal(place(shape(0, 10)), 'n1');
    assert.equal(place(shape(10, 0)), 'n2');
  });

  test('ignored resources are not looked at', () => {
    const asks = aPod('p', { requests: { 'example.com/foo': '1' } });
    const profile = decideWith('{ignoredResourceGroups: [example.com]}', 'NodeResourcesFit');
    assert.match(new TestCluster([aNode('n1')]).outcome(asks), /1 Insufficient example.com\/foo/);
    assert.equal(new TestCluster([aNode('n1')], [], { profile }).outcome(asks), 'n1');
  });

  test('added affinity is asked of every Pod', () => {
    const required = '{nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [x]}]}]}';
    const profile = decideWith(
      `{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: ${required}}}`,
      'NodeAffinity',
    );
    const cluster = new TestCluster([aNode('n1'), aNode('n2', { labels: { pool: 'x' } })], [], { profile });
    assert.equal(cluster.outcome(small), 'n2');
    cluster.snapshot.removeNode('n2');
    const message = "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.";
    assert.equal(cluster.outcome(small), message);
  });

  test('percentageOfNodesToScore stops the search, from another node each time', () => {
    const nodes = Array.from({ length: 400 }, (_, i) => aNode(`n${i}`));
    const profile = profileOf('percentageOfNodesToScore: 25');
    const cluster = new TestCluster(nodes, [], { profile });
    assert.equal(cluster.decide(small).feasibleCount, 100);
    assert.equal(cluster.planner.nextSlot, 100);
    cluster.decide(small);
    assert.equal(cluster.planner.nextSlot, 200);
    assert.equal(new TestCluster(nodes).decide(small).feasibleCount, 400);
  });
});
