/** Pods that were put on a node past the scheduler. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSelectorRequirement, PodSpec, Taint } from '@kapella/api/types/core-v1';
import { testPod } from '../testing/test-node.test-support.ts';
import { judgeNodeFit } from './node-fit.ts';

const nodeWith = (taints: readonly Taint[] = []) => ({
  metadata: { name: 'n1', uid: 'n1', resourceVersion: '1', labels: { disk: 'ssd', cores: '8' } },
  spec: { taints },
});
const reasonOf = (spec: Partial<PodSpec>, taints?: readonly Taint[]) =>
  judgeNodeFit(testPod('p', spec), nodeWith(taints) as never)?.reason;
const affinity = (...matchExpressions: NodeSelectorRequirement[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
  },
});

test('selectors and node affinity', () => {
  assert.equal(reasonOf({}), undefined);
  assert.equal(reasonOf({ nodeSelector: { disk: 'ssd' } }), undefined);
  assert.equal(reasonOf({ nodeSelector: { disk: 'hdd' } }), 'NodeAffinity');
  assert.equal(reasonOf({ nodeSelector: { constructor: 'x' } }), 'NodeAffinity');
  const table: readonly (readonly [NodeSelectorRequirement, boolean])[] = [
    [{ key: 'disk', operator: 'In', values: ['ssd'] }, true],
    [{ key: 'disk', operator: 'NotIn', values: ['ssd'] }, false],
    [{ key: 'zone', operator: 'NotIn', values: ['a'] }, true],
    [{ key: 'zone', operator: 'Exists' }, false],
    [{ key: 'zone', operator: 'DoesNotExist' }, true],
    [{ key: 'cores', operator: 'Gt', values: ['7'] }, true],
    [{ key: 'cores', operator: 'Lt', values: ['8'] }, false],
    [{ key: 'disk', operator: 'Gt', values: ['7'] }, false],
  ];
  for (const [requirement, fits] of table) {
    assert.equal(reasonOf(affinity(requirement)) === undefined, fits, JSON.stringify(requirement));
  }
  assert.equal(reasonOf(affinity()), 'NodeAffinity', 'an empty term matches nothing');
});

test('taints that end Pods keep new ones out; others are the scheduler’s', () => {
  const taint = (effect: Taint['effect']): Taint => ({ key: 'k', value: 'v', effect });
  assert.equal(reasonOf({}, [taint('NoExecute')]), 'TaintToleration');
  assert.equal(reasonOf({}, [taint('NoSchedule')]), undefined);
  const tolerations = [{ key: 'k', operator: 'Equal' as const, value: 'v', effect: 'NoExecute' as const }];
  assert.equal(reasonOf({ tolerations }, [taint('NoExecute')]), undefined);
});
