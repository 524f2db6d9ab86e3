/** Whatever the order of changes: the table equals the one built from scratch, and each diff turns old into new. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChange } from './backends/memory/memory.backend.ts';
import { testEndpoint, testNode, testService, testSlice } from './fixtures.test-support.ts';
import type { Contribution } from './model.ts';
import { planService } from './plan-service.ts';
import { renderChange, renderFull } from './render-nft.ts';
import { RuleTable } from './rule-table.ts';

const contribution = fc
  .record({
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', '10.96.0.3'), // doubled on purpose
    type: fc.constantFrom('ClusterIP' as const, 'NodePort' as const),
    sessionAffinity: fc.constantFrom('None' as const, 'ClientIP' as const),
    externalTrafficPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    nodePort: fc.integer({ min: 30000, max: 30002 }),
    ips: fc.uniqueArray(fc.integer({ min: 2, max: 9 }), { maxLength: 5 }),
  })
  .map(({ nodePort, protocol, ips, ...spec }) =>
    planService(
      testService('s', { ...spec, ports: [{ port: 80, nodePort, protocol }] }),
      [
        testSlice(
          's',
          ips.map((n) => testEndpoint(`10.244.0.${n}`, n % 2 === 0 ? 'n1' : 'n2')),
        ),
      ],
      testNode,
      'IPv4',
    ),
  );

const steps = fc.array(
  fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(contribution, { nil: undefined }), fc.boolean()),
  { maxLength: 30 },
);

test('diffs applied to the old table give the new table, which does not depend on history', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const table = new RuleTable('IPv4');
      const held = new Map<string, Contribution | undefined>();
      let kernel = table.state();
      for (const [owner, plan, isBatchEnd] of list) {
        table.replace(owner, plan);
        held.set(owner, plan);
        const change = isBatchEnd ? table.takeChange() : undefined;
        if (change !== undefined) kernel = applyChange(kernel, change);
      }
      const last = table.takeChange();
      if (last !== undefined) kernel = applyChange(kernel, last);
      const fresh = new RuleTable('IPv4');
      for (const [owner, plan] of [...held].reverse()) fresh.replace(owner, plan);
      const sorted = (t: typeof kernel) => [...t.sets].map(([name, map]) => [name, [...map].sort()]);
      assert.deepEqual(sorted(kernel), sorted(fresh.state()));
      assert.deepEqual([...kernel.chains].sort(), [...fresh.state().chains].sort());
    }),
  );
});

test('a change holds only what changed; UDP flows of a removed endpoint are stale', () => {
  const table = new RuleTable('IPv4');
  const plan = (ips: readonly string[]) =>
    planService(
      testService('a', { ports: [{ port: 53, protocol: 'UDP' }] }),
      [
        testSlice(
          'a',
          ips.map((ip) => testEndpoint(ip)),
        ),
      ],
      testNode,
      'IPv4',
    );
  for (let i = 0; i < 50; i++) {
    const other = testService(`o${i}`, { clusterIP: `10.96.1.${i}` });
    table.replace(`o${i}`, planService(other, [testSlice(`o${i}`, [testEndpoint('10.244.0.9')])], testNode, 'IPv4'));
  }
  table.replace('a', plan(['10.244.0.2', '10.244.0.3']));
  const first = table.takeChange();
  assert.deepEqual(first?.staleFlows, [{ family: 'IPv4', ip: '10.96.0.10', port: 53 }]);
  table.replace('a', plan(['10.244.0.2']));
  const change = table.takeChange();
  assert.ok(change);
  assert.deepEqual(change.staleFlows, [
    { family: 'IPv4', ip: '10.96.0.10', port: 53, endpoint: { ip: '10.244.0.3', port: 8080 } },
  ]);
  assert.equal(
    renderChange(change, 'x'),
    [
      'delete element ip kapella-x services { 10.96.0.10 . 17 . 53 }',
      'delete element ip kapella-x endpoints { 10.96.0.10 . 17 . 53 . 1 }',
      'delete element ip kapella-x hairpin { 10.244.0.3 . 10.244.0.3 }',
      'add element ip kapella-x services { 10.96.0.10 . 17 . 53 : goto pick-1 }',
      'flush chain ip kapella-x pick-2',
      'delete chain ip kapella-x pick-2',
      '',
    ].join('\n'),
  );
  assert.equal(table.takeChange(), undefined);
});

test('10,000 Services: planned and rendered in time, one change in milliseconds', () => {
  const table = new RuleTable('IPv4');
  const plan = (i: number, n: number) => {
    const ip = `10.${96 + (i >> 14)}.${(i >> 8) & 255}.${i & 255}`;
    const ips = Array.from({ length: n }, (_, k) =>
      testEndpoint(`10.244.${(i >> 6) & 255}.${((i & 63) * 4 + k) & 255}`),
    );
    return planService(testService(`s${i}`, { clusterIP: ip }), [testSlice(`s${i}`, ips)], testNode, 'IPv4');
  };
  for (let i = 0; i < 10_000; i++) table.replace(`s${i}`, plan(i, 3));
  table.takeChange();
  const text = renderFull(table.state(), 'x', testNode);
  assert.ok(text.length > 1_000_000);
  table.replace('s77', plan(77, 2));
  const change = table.takeChange();
  assert.ok(change);
  assert.ok(renderChange(change, 'x').length < 2_000);
});
