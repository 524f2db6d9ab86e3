/** When a ServiceCIDR is ready, and when it may go. Cases from upstream's servicecidrs_controller_test.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IPAddress, ServiceCIDR } from '@kapella/api/types/networking-v1';
import { FINALIZER, planServiceCidr } from './plan-service-cidr.ts';

const NOW_MS = Date.parse('2026-01-01T00:10:00Z');

function cidr(name: string, cidrs: readonly string[], deletionTimestamp?: string): ServiceCIDR {
  const metadata = { name, finalizers: [FINALIZER], ...(deletionTimestamp && { deletionTimestamp }) };
  return { metadata, spec: { cidrs } } as unknown as ServiceCIDR;
}
const address = (name: string, managed = true) =>
  ({
    metadata: { name, labels: managed ? { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } : {} },
  }) as unknown as IPAddress;

test('a new one is protected and ready', () => {
  const fresh = { metadata: { name: 'a' }, spec: { cidrs: ['10.0.0.0/24'] } } as unknown as ServiceCIDR;
  const plan = planServiceCidr(fresh, [fresh], [], NOW_MS);
  assert.deepEqual(plan.finalizers, [FINALIZER]);
  const [ready] = plan.status?.conditions ?? [];
  assert.deepEqual([ready?.type, ready?.status, ready?.message], ['Ready', 'True', 'Kubernetes Service CIDR is ready']);
  const again = planServiceCidr({ ...cidr('a', ['10.0.0.0/24']), status: plan.status }, [], [], NOW_MS);
  assert.deepEqual(again, { finalizers: undefined, status: undefined, againMs: undefined });
});

const LONG_AGO = '2026-01-01T00:00:00Z';
const own = cidr('a', ['10.0.0.0/24'], LONG_AGO);
const CASES: readonly (readonly [string, ServiceCIDR, readonly ServiceCIDR[], readonly IPAddress[], string])[] = [
  ['nothing is in it', own, [], [], 'goes'],
  ['an address is in it', own, [], [address('10.0.0.5')], 'stays'],
  ['an address of others is in it', own, [], [address('10.0.0.5', false)], 'goes'],
  ['an address elsewhere', own, [], [address('10.0.1.5')], 'goes'],
  ['a larger one has it', own, [cidr('b', ['10.0.0.0/16'])], [address('10.0.0.5')], 'goes'],
  ['an equal one has it', own, [cidr('b', ['10.0.0.0/24'])], [address('10.0.0.5')], 'goes'],
  ['a smaller one has the address', own, [cidr('b', ['10.0.0.0/28'])], [address('10.0.0.5')], 'goes'],
  ['a smaller one has not', own, [cidr('b', ['10.0.0.0/28'])], [address('10.0.0.50')], 'stays'],
  [
    'only one family has another',
    cidr('a', ['10.0.0.0/24', 'fd00::/64'], LONG_AGO),
    [cidr('b', ['10.0.0.0/16'])],
    [address('fd00::5')],
    'stays',
  ],
];
for (const [what, given, others, addresses, expected] of CASES) {
  test(`${what}: it ${expected}`, () => {
    const plan = planServiceCidr(given, [given, ...others], addresses, NOW_MS);
    if (expected === 'goes') assert.deepEqual([plan.finalizers, plan.status], [[], undefined]);
    else {
      assert.equal(plan.finalizers, undefined);
      assert.equal(plan.status?.conditions?.[0]?.reason, 'Terminating');
    }
  });
}

test('a deletion is let become known first', () => {
  const given = cidr('a', ['10.0.0.0/24'], '2026-01-01T00:09:57Z');
  assert.deepEqual(planServiceCidr(given, [given], [], NOW_MS), {
    finalizers: undefined,
    status: undefined,
    againMs: 7_000,
  });
});
