/** Swap for containers: none unless wanted, and then only for those that may use more memory than they ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { testPod } from '../testing/test-node.test-support.ts';
import { type SwapHost, swapLimits } from './swap.ts';

const GI = 1024 ** 3;
const limited: SwapHost = {
  ...{ cgroups: 'v2', behavior: 'LimitedSwap' },
  ...{ nodeMemoryBytes: 8 * GI, nodeSwapBytes: 4 * GI },
};

function swapMax(resources: NonNullable<Container['resources']>, host = limited, priority = 0) {
  const container = { name: 'main', image: 'app:1', resources };
  const pod: Pod = { ...testPod('a', { priority, containers: [container] }), status: {} };
  return swapLimits(pod, container, undefined, host).unified?.['memory.swap.max'];
}

test('a burstable container has the share of swap that it asks for of memory', () => {
  assert.equal(swapMax({ requests: { memory: '2Gi' } }), String(GI));
  assert.equal(swapMax({ requests: { memory: '2Gi' }, limits: { memory: '3Gi' } }), String(GI));
});

test('others have none: guaranteed, best effort, critical, without a request, with a request that is the limit', () => {
  const both = { cpu: '1', memory: '2Gi' };
  assert.equal(swapMax({ requests: both, limits: both }), '0');
  assert.equal(swapMax({}), '0');
  assert.equal(swapMax({ requests: { cpu: '1' } }), '0');
  assert.equal(swapMax({ requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '2Gi' } }), '0');
  assert.equal(swapMax({ requests: { memory: '2Gi' } }, limited, 2_000_000_000), '0');
  for (const behavior of ['', 'NoSwap'] as const) {
    assert.equal(swapMax({ requests: { memory: '2Gi' } }, { ...limited, behavior }), '0');
  }
});

test('with control groups v1 the limit is of both together', () => {
  const pod = testPod('a', {});
  const [container] = pod.spec.containers as [Container];
  assert.deepEqual(swapLimits(pod, container, GI, { ...limited, cgroups: 'v1' }), { memorySwapLimitInBytes: GI });
  assert.deepEqual(swapLimits(pod, container, undefined, { ...limited, cgroups: 'v1' }), {});
  assert.deepEqual(swapLimits(pod, container, GI, { ...limited, cgroups: 'none' }), {});
});
