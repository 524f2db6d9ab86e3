/** Who makes room for a critical Pod: as few as possible, those of the best class of service last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { testPod } from '../testing/test-node.test-support.ts';
import { lacksOf } from './admission.ts';
import { mayPreempt, noVictims, planPreemption } from './preemption.ts';

const CRITICAL = 2_000_000_000;
const ROOM = { cpuMilli: 1000, memoryBytes: 1000, ephemeralBytes: 1000, podsMax: 100 };

type Amounts = Record<string, string>;
const withStatus = (pod: Pod): Pod => ({ ...pod, status: {} });
const pod = (name: string, requests: Amounts, limits: Amounts = {}, priority = 0) =>
  withStatus(testPod(name, { priority, containers: [{ name: 'main', resources: { requests, limits } }] }));
const guaranteed = (name: string, cpu: string, memory: string) => pod(name, { cpu, memory }, { cpu, memory });
const critical = (requests: Amounts) => pod('critical', requests, {}, CRITICAL);

function victims(newcomer: Pod, others: readonly Pod[], room = ROOM) {
  return planPreemption(newcomer, others, lacksOf(newcomer, others, room))?.map(({ metadata }) => metadata.name);
}

test('of Pods that all would do, the smallest that is enough goes', () => {
  const others = [pod('big', { cpu: '500m' }), pod('small', { cpu: '200m' }), pod('middle', { cpu: '300m' })];
  assert.deepEqual(victims(critical({ cpu: '250m' }), others), ['middle']);
  assert.deepEqual(victims(critical({ cpu: '600m' }), others)?.sort(), ['big', 'small']);
});

test('a guaranteed Pod stays while lesser ones are enough, and frees them from going when it must go', () => {
  const others = [guaranteed('gold', '400m', '100'), pod('silver', { cpu: '300m', memory: '100' }), pod('bronze', {})];
  assert.deepEqual(victims(critical({ cpu: '600m' }), others), ['silver']);
  assert.deepEqual(victims(critical({ cpu: '750m' }), others)?.sort(), ['gold', 'silver']);
  assert.deepEqual(victims(critical({ cpu: '700m' }), others)?.sort(), ['gold']);
});

test('places are a resource like any other: a best-effort Pod gives one up', () => {
  const others = [pod('idle', {}), pod('busy', { cpu: '10m' })];
  assert.deepEqual(victims(critical({}), others, { ...ROOM, podsMax: 2 }), ['idle']);
});

test('critical Pods, static ones and those of higher priority stay; without victims the newcomer is refused', () => {
  const higher = pod('higher', { cpu: '900m' }, {}, CRITICAL + 1000);
  const isStatic = testPod('static', {}, { annotations: { 'kubernetes.io/config.source': 'file' } });
  assert.equal(mayPreempt(critical({}), higher), false);
  assert.equal(mayPreempt(critical({}), isStatic), false);
  assert.equal(mayPreempt(higher, critical({})), true);
  const newcomer = critical({ cpu: '200m' });
  assert.equal(victims(newcomer, [higher]), undefined);
  assert.match(
    noVictims(lacksOf(newcomer, [higher], ROOM)),
    /no set of running pods found to reclaim resources: \[\(res: cpu, q: 100\), \]$/,
  );
});
