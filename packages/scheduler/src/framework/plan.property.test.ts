/** Planning alike Pods together changes nothing: the same placements, and the same words for those without one. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import fc from 'fast-check';
import { aNode, aPod, type Json, TestCluster } from '../test-support.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const app = (name: string) => ({ matchLabels: { app: name } });
const pick = fc.constantFrom;

const nodeArbitrary = fc.record({
  zone: pick('a', 'b', 'c', undefined),
  cpu: pick('1', '2', '4'),
  tainted: pick(undefined, 'NoSchedule', 'PreferNoSchedule'),
  cordoned: fc.boolean(),
});

function nodeOf(
  name: string,
  { zone, cpu, tainted, cordoned }: { zone?: string; cpu: string; tainted?: string; cordoned: boolean },
): Node {
  return aNode(name, {
    labels: zone === undefined ? {} : { [ZONE]: zone },
    allocatable: { cpu, pods: '6' },
    spec: {
      ...(cordoned ? { unschedulable: true } : {}),
      ...(tainted === undefined ? {} : { taints: [{ key: 'k', value: 'v', effect: tainted }] }),
    },
  });
}

const constraint = fc.record({
  maxSkew: pick(1, 2),
  topologyKey: pick(ZONE, HOST),
  whenUnsatisfiable: pick('DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: pick(app('a'), app('b')),
  nodeTaintsPolicy: pick('Honor', 'Ignore'),
});
const term = fc.record({ topologyKey: pick(ZONE, HOST), labelSelector: pick(app('a'), app('b')) });
const weighted = fc.record({ weight: fc.integer({ min: 1, max: 100 }), podAffinityTerm: term });
const affinity = fc.record({
  requiredDuringSchedulingIgnoredDuringExecution: fc.array(term, { maxLength: 1 }),
  preferredDuringSchedulingIgnoredDuringExecution: fc.array(weighted, { maxLength: 2 }),
});
const template = fc.record({
  app: pick('a', 'b'),
  cpu: pick('100m', '300m', '1'),
  tolerates: fc.boolean(),
  port: fc.boolean(),
  spread: fc.option(fc.array(constraint, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  near: fc.option(affinity, { nil: undefined, freq: 3 }),
  far: fc.option(affinity, { nil: undefined, freq: 3 }),
});
type Template = typeof template extends fc.Arbitrary<infer T> ? T : never;

function podOf(name: string, { app: label, cpu, tolerates, port, spread, near, far }: Template): Pod {
  const containers = [
    {
      name: 'c',
      image: 'busybox',
      resources: { requests: { cpu } },
      ...(port ? { ports: [{ containerPort: 80, hostPort: 80 }] } : {}),
    },
  ];
  const spec: Json = {
    containers,
    ...(tolerates ? { tolerations: [{ operator: 'Exists' }] } : {}),
    ...(spread === undefined ? {} : { topologySpreadConstraints: spread }),
    ...(near === undefined && far === undefined ? {} : { affinity: { podAffinity: near, podAntiAffinity: far } }),
  };
  return aPod(name, { labels: { app: label }, spec });
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: pick('place'), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: pick('remove'), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: pick('node'), which: fc.nat(5), node: nodeArbitrary }) },
  { weight: 1, arbitrary: fc.record({ kind: pick('nodeGone'), which: fc.nat(5) }) },
);

test('the same placement as one by one', () => {
  const run = fc.property(
    fc.array(nodeArbitrary, { minLength: 1, maxLength: 6 }),
    fc.array(template, { minLength: 1, maxLength: 4 }),
    fc.array(step, { maxLength: 40 }),
    fc.integer(),
    (nodes, templates, steps, seed) => {
      const build = (isShared: boolean) =>
        new TestCluster(
          nodes.map((node, i) => nodeOf(`n${i}`, node)),
          [],
          { isShared, seed },
        );
      const clusters = [build(true), build(false)] as const;
      const placed: string[] = [];
      for (const [i, action] of steps.entries()) {
        if (action.kind === 'place') {
          const pod = podOf(`p${i}`, templates[(action as { which: number }).which % templates.length] as Template);
          const [together, alone] = clusters.map((cluster) => cluster.outcome(pod));
          assert.equal(together, alone, `step ${i}`);
          if (together?.startsWith('n') === true && !together.includes(' ')) {
            const state = { ...pod, spec: { ...pod.spec, nodeName: together } } as Pod;
            for (const cluster of clusters) cluster.put(state);
            placed.push(`default/p${i}`);
          }
        } else if (action.kind === 'remove') {
          const [key] = placed.splice((action as { which: number }).which % Math.max(1, placed.length), 1);
          if (key !== undefined) for (const cluster of clusters) cluster.snapshot.unplace(key);
        } else {
          const { which, node } = action as { which: number; node?: Parameters<typeof nodeOf>[1] };
          for (const { snapshot } of clusters) {
            if (node === undefined) snapshot.removeNode(`n${which}`);
            else snapshot.setNode(nodeOf(`n${which}`, node));
          }
        }
      }
    },
  );
  fc.assert(run, { numRuns: 300 });
});
