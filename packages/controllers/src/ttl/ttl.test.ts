/** Cluster size to time to live, and the annotation of every node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createTtlController, nextStep, TTL_ANNOTATION, ttlSecondsOf } from './ttl.controller.ts';

test('steps change at upstream’s sizes, up and down', () => {
  // [step before, nodes, seconds]: the cases of upstream's TestDesiredTTL, and the ends of the steps.
  const cases = [
    [0, 0, 0],
    [0, 99, 0],
    [0, 100, 0],
    [0, 101, 15],
    [1, 91, 15],
    [1, 90, 15],
    [1, 89, 0],
    [1, 501, 30],
    [2, 449, 15],
    [2, 1_001, 60],
    [3, 899, 30],
    [3, 2_001, 300],
    [4, 1_799, 60],
    [4, 10_000, 300],
  ] as const;
  for (const [step, nodes, seconds] of cases) {
    assert.equal(ttlSecondsOf(nextStep(step, nodes)), seconds, `${step} ${nodes}`);
  }
});

test('every node tells the time of the cluster’s size; what stands right is left alone', async () => {
  const bed = createTestBed();
  const node = (name: string, annotations = {}) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations },
  });
  bed.api.seed(
    node('fine', { [TTL_ANNOTATION]: '0' }),
    node('odd', { [TTL_ANNOTATION]: 'x' }),
    node('new', { a: 'b' }),
  );
  await bed.start(createTtlController(bed.deps));
  const annotations = () => new Map(bed.api.objects(coreV1.Node).map((n) => [n.metadata.name, n.metadata.annotations]));
  assert.deepEqual(annotations().get('odd'), { [TTL_ANNOTATION]: '0' });
  assert.deepEqual(annotations().get('new'), { a: 'b', [TTL_ANNOTATION]: '0' });
  assert.equal(bed.api.writes.filter((w) => w.name === 'fine').length, 0);

  for (let i = 0; i < 98; i++) await bed.client.create(coreV1.Node, node(`n${i}`) as never, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(new Set([...annotations().values()].map((a) => a?.[TTL_ANNOTATION])), new Set(['15']));
  for (let i = 0; i < 12; i++) await bed.client.delete(coreV1.Node, { name: `n${i}` }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(new Set([...annotations().values()].map((a) => a?.[TTL_ANNOTATION])), new Set(['0']));
  await bed.stop();
});
