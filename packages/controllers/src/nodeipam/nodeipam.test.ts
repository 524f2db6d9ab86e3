/** Networks of nodes: none twice, gaps filled, an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createNodeIpamController, firstFreeCidr } from './nodeipam.controller.ts';

test('the lowest free network', () => {
  assert.equal(firstFreeCidr('10.244.0.0/16', new Set()), '10.244.0.0/24');
  assert.equal(firstFreeCidr('10.244.0.0/16', new Set(['10.244.0.0/24', '10.244.2.0/24'])), '10.244.1.0/24');
  assert.equal(firstFreeCidr('10.0.0.0/26', new Set()), '10.0.0.0/26');
  assert.equal(firstFreeCidr('10.0.0.0/23', new Set(['10.0.0.0/24', '10.0.1.0/24'])), undefined);
  assert.equal(firstFreeCidr('200.255.0.0/16', new Set(['200.255.0.0/24'])), '200.255.1.0/24');
});

test('nodes that come together get different networks, also while the cache is late', async () => {
  const bed = createTestBed();
  const node = (name: string) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} });
  bed.api.seed(...['a', 'b', 'c'].map(node), { ...node('d'), spec: { podCIDR: '10.0.1.0/24' } });
  await bed.start(createNodeIpamController(bed.deps, '10.0.0.0/22'));
  const cidrs = () => bed.api.objects(coreV1.Node).map((n) => n.spec.podCIDR);
  assert.deepEqual(cidrs().toSorted(), ['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24']);
  assert.deepEqual(bed.api.objects(coreV1.Node)[0]?.spec.podCIDRs, [cidrs()[0]]);
  await bed.client.create(coreV1.Node, node('e') as never, bed.ctx);
  await bed.clock.advance(1000);
  assert.deepEqual(bed.told('e'), ['CIDRNotAvailable: Node e status is now: CIDRNotAvailable']);
  await bed.client.delete(coreV1.Node, { name: 'a' }, bed.ctx);
  await bed.clock.advance(60_000);
  assert.equal(cidrs().filter((cidr) => cidr !== undefined).length, 4);
  await bed.stop();
});
