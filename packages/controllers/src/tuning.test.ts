/** What is tuned has its effect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, discoveryV1 } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import { createEndpointSliceController } from './endpointslice/endpointslice.controller.ts';
import { createNodeLifecycleController } from './nodelifecycle/nodelifecycle.controller.ts';
import { paceOf } from './nodelifecycle/plan-zones.ts';
import { planPodGc } from './podgc/plan-podgc.ts';
import { createTestBed } from './shared/test-bed.ts';
import { DEFAULT_TUNING, type Tuning } from './tuning.ts';

const tuned = (some: Partial<Tuning>): Tuning => ({ ...DEFAULT_TUNING, ...some });

const node = (name: string, ready = true) => ({
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z' } }, spec: {} },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

test('rates and thresholds of node eviction', () => {
  const nodes = (down: number, up: number) =>
    Array.from({ length: down + up }, (_, i) => node(`n${i}`, i >= down)) as unknown as Node[];
  const pace = (some: Partial<Tuning>, down: number, up: number) => paceOf(':z', nodes(down, up), tuned(some));
  assert.deepEqual(pace({ nodeEvictionRate: 2 }, 1, 3), { everyMs: 500 });
  assert.equal(pace({ nodeEvictionRate: 0 }, 1, 3), 'none');
  assert.equal(pace({ unhealthyZoneThreshold: 0.5 }, 5, 5), 'none');
  assert.deepEqual(pace({ unhealthyZoneThreshold: 0.9 }, 5, 2), { everyMs: 10_000 });
  assert.deepEqual(pace({ largeClusterSizeThreshold: 4 }, 4, 1), { everyMs: 100_000 });
});

test('a silent node is given up after the grace period', async () => {
  const bed = createTestBed();
  const quiet = node('n');
  bed.api.seed({ ...quiet, metadata: { ...quiet.metadata, creationTimestamp: formatTime(bed.clock.nowMs()) } });
  await bed.start(createNodeLifecycleController(bed.deps, tuned({ nodeMonitorGracePeriodMs: 8_000 })));
  const status = () => bed.api.objects(coreV1.Node)[0]?.status?.conditions?.[0]?.status;
  await bed.clock.advance(7_000);
  assert.equal(status(), 'True');
  await bed.clock.advance(3_000);
  assert.equal(status(), 'Unknown');
  await bed.stop();
});

test('finished Pods stay when the threshold is off', () => {
  const pods = Array.from({ length: 5 }, (_, i) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${i}` }, spec: {}, status: { phase: 'Succeeded' } },
  })) as unknown as Pod[];
  const doomed = (finishedMax: number) =>
    planPodGc({ pods, nodes: new Map(), missingSinceMs: new Map(), nowMs: 0, finishedMax }).length;
  assert.deepEqual([3, 0, -1].map(doomed), [2, 0, 0]);
});

test('changes of Pods wait for each other, and a slice holds so many endpoints', async () => {
  const bed = createTestBed();
  const metadata = { name: 'web', namespace: 'ns' };
  const spec = { selector: { app: 'web' }, clusterIP: '10.0.0.9', ipFamilies: ['IPv4'], ports: [{ port: 80 }] };
  const pod = (i: number) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${i}`, namespace: 'ns', labels: { app: 'web' } } },
    spec: { nodeName: 'n', containers: [] },
    status: { phase: 'Running', podIP: `10.1.0.${i}`, podIPs: [{ ip: `10.1.0.${i}` }] },
  });
  bed.api.seed({ apiVersion: 'v1', kind: 'Service', metadata, spec }, node('n'));
  const tuning = tuned({ endpointsliceUpdatesBatchPeriodMs: 2_000, maxEndpointsPerSlice: 2 });
  await bed.start(createEndpointSliceController(bed.deps, tuning));
  const counts = () => bed.api.objects(discoveryV1.EndpointSlice).map(({ endpoints }) => endpoints?.length ?? 0);
  for (const i of [1, 2, 3]) await bed.client.create(coreV1.Pod, pod(i) as never, bed.ctx);
  await bed.clock.advance(1_500);
  assert.deepEqual(counts(), [0]);
  await bed.clock.advance(1_000);
  assert.deepEqual(counts().toSorted(), [1, 2]);
  await bed.stop();
});
