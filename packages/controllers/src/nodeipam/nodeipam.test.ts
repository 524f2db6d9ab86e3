/** Networks of nodes: none twice, gaps filled, an end, both families, none of the Services'. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import fc from 'fast-check';
import { createTestBed } from '../shared/test-bed.ts';
import { CidrPool } from './cidr-pool.ts';
import { createNodeIpamController } from './nodeipam.controller.ts';

function poolOf(cluster: string, prefix = 24): CidrPool {
  const pool = CidrPool.of(cluster, prefix);
  assert.ok(pool);
  return pool;
}

test('one piece after the other, round and round', () => {
  const cases: readonly [cluster: string, prefix: number, held: readonly string[], taken: readonly string[]][] = [
    ['10.244.0.0/16', 24, [], ['10.244.0.0/24', '10.244.1.0/24']],
    ['10.244.0.0/16', 24, ['10.244.0.0/24', '10.244.2.0/24'], ['10.244.1.0/24', '10.244.3.0/24']],
    ['10.0.0.0/26', 24, [], ['10.0.0.0/26']],
    ['10.0.0.0/23', 24, ['10.0.0.0/24', '10.0.1.0/24'], []],
    ['200.255.0.0/16', 24, ['200.255.0.0/24'], ['200.255.1.0/24', '200.255.2.0/24']],
    // A network held may be larger or smaller than a piece, or lie elsewhere.
    ['10.0.0.0/22', 24, ['10.0.0.0/23', '10.0.2.128/25', '172.16.0.0/12', 'fd00::/8'], ['10.0.3.0/24']],
    ['10.0.0.0/22', 24, ['10.0.0.0/8'], []],
    ['fd00:10::/60', 64, ['fd00:10::/64'], ['fd00:10:0:1::/64', 'fd00:10:0:2::/64']],
  ];
  for (const [cluster, prefix, held, expected] of cases) {
    const pool = poolOf(cluster, prefix);
    for (const cidr of held) pool.hold(cidr);
    const taken = expected.map(() => pool.take());
    assert.deepEqual(taken, expected, cluster);
    if (expected.length < 2) assert.equal(pool.take(), undefined, cluster);
  }
  assert.equal(CidrPool.of('10.0.0.0/8', 25), undefined, 'too many pieces');
  assert.equal(CidrPool.of('10.0.0.0/8', 33), undefined);
  assert.equal(CidrPool.of('nonsense', 24), undefined);
});

test('what was released comes last; what two hold is free when both let go', () => {
  const pool = poolOf('10.0.0.0/22');
  assert.equal(pool.take(), '10.0.0.0/24');
  pool.release('10.0.0.0/24');
  assert.equal(pool.take(), '10.0.1.0/24');
  pool.hold('10.0.1.0/24');
  pool.release('10.0.1.0/24');
  assert.deepEqual([pool.take(), pool.take(), pool.take()], ['10.0.2.0/24', '10.0.3.0/24', '10.0.0.0/24']);
  assert.equal(pool.take(), undefined);
  pool.release('10.0.1.0/24');
  assert.equal(pool.take(), '10.0.1.0/24');
});

test('no piece is given twice, and all are given', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 60 }), (steps) => {
      const pool = poolOf('10.0.0.0/20'); // 16 pieces
      const given: string[] = [];
      for (const step of steps) {
        const back = step < 10 ? given.splice(step % Math.max(1, given.length), 1)[0] : undefined;
        if (back !== undefined) pool.release(back);
        const taken = pool.take();
        assert.equal(taken === undefined, given.length === 16);
        if (taken !== undefined) given.push(taken);
        assert.equal(new Set(given).size, given.length);
      }
    }),
  );
});

const node = (name: string, spec: object = {}) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec });

test('nodes that come together get different networks, also while the cache is late', async () => {
  const bed = createTestBed();
  bed.api.seed(...['a', 'b', 'c'].map((name) => node(name)), node('d', { podCIDR: '10.0.1.0/24' }));
  await bed.start(createNodeIpamController(bed.deps, { clusterCidrs: ['10.0.0.0/22'] }));
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

test('one network of each family, beside those of Services', async () => {
  const bed = createTestBed();
  bed.api.seed(node('a'), node('b'));
  const clusterCidrs = ['10.0.0.0/16', 'fd00:10::/48'];
  await bed.start(createNodeIpamController(bed.deps, { clusterCidrs, prefixIpv4: 26, serviceCidrs: ['10.0.0.0/24'] }));
  assert.deepEqual(
    bed.api.objects(coreV1.Node).map(({ spec }) => [spec.podCIDR, spec.podCIDRs]),
    [
      ['10.0.1.0/26', ['10.0.1.0/26', 'fd00:10::/64']],
      ['10.0.1.64/26', ['10.0.1.64/26', 'fd00:10:0:1::/64']],
    ],
  );
  await bed.stop();
});
