/** What is done about records of addresses that are not as they should be. Cases from upstream's repairip_test.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressFacts, planRepair, portProblems } from './repair-plan.ts';
import { addressRecord } from './service-allocator.ts';

const NOW_MS = Date.parse('2026-01-01T00:10:00Z');
const web = { namespace: 'default', name: 'web' };

function facts(more: Partial<AddressFacts>): AddressFacts {
  const record = addressRecord('10.0.0.5', web);
  const created = { ...record, metadata: { ...record.metadata, creationTimestamp: '2026-01-01T00:00:00Z' } };
  const parent = { type: 'ClusterIP', createdMs: Date.parse('2026-01-01T00:00:00Z') };
  return {
    ...{ ip: '10.0.0.5', record: created, holders: ['default/web'], isInNetworks: true, parent, nowMs: NOW_MS },
    ...more,
  };
}

const outcome = (more: Partial<AddressFacts>) => {
  const { events, remove, recordFor, againMs } = planRepair(facts(more));
  return [events.map(({ service, reason }) => `${reason} ${service ?? 'record'}`).join(), remove, recordFor, againMs];
};
const withSpec = (parentRef: object) => ({ ...facts({}).record, spec: { parentRef } }) as AddressFacts['record'];
const withCreation = (creationTimestamp: string) => {
  const { record } = facts({});
  return { ...record, metadata: { ...record?.metadata, creationTimestamp } } as AddressFacts['record'];
};

const CASES: readonly (readonly [string, Partial<AddressFacts>, readonly unknown[]])[] = [
  ['all is well', {}, ['', false, undefined, undefined]],
  ['no record', { record: undefined }, ['ClusterIPNotAllocated default/web', false, 'default/web', undefined]],
  ['out of range', { isInNetworks: false }, ['ClusterIPOutOfRange default/web', false, undefined, undefined]],
  [
    'the record is of another kind',
    { record: withSpec({ group: 'other', resource: 'things', name: 'x' }) },
    ['ClusterIPNotAllocated default/web', true, 'default/web', undefined],
  ],
  [
    'the record is of a Service without the address',
    { record: withSpec({ resource: 'services', namespace: 'default', name: 'other' }) },
    ['ClusterIPNotAllocated default/web', true, 'default/web', undefined],
  ],
  [
    'two Services have it',
    { holders: ['default/a', 'default/web'] },
    ['ClusterIPAlreadyAllocated default/a', false, undefined, undefined],
  ],
  [
    'its labels are gone',
    { record: { ...facts({}).record, metadata: { name: '10.0.0.5' } } as AddressFacts['record'] },
    ['', true, 'default/web', undefined],
  ],
  ['leaked', { holders: [], parent: undefined }, ['IPAddressNotAllocated record', true, undefined, undefined]],
  [
    'its Service may be under way',
    { holders: [], parent: undefined, record: withCreation('2026-01-01T00:09:50Z') },
    ['', false, undefined, 50_000],
  ],
  ['its Service has another', { holders: [] }, ['IPAddressWrongReference record', true, undefined, undefined]],
  [
    'its Service is becoming one with an address',
    { holders: [], parent: { type: 'ExternalName', createdMs: 0 }, record: withCreation('2026-01-01T00:09:50Z') },
    ['', false, undefined, 50_000],
  ],
  [
    'somebody made it point elsewhere',
    { holders: [], record: withSpec({ resource: 'pods', name: 'x' }) },
    ['IPAddressNotAllocated record', true, undefined, undefined],
  ],
];
for (const [what, more, expected] of CASES) test(what, () => assert.deepEqual(outcome(more), expected));

test('records of others are let alone', () => {
  const record = { ...facts({}).record, metadata: { name: '10.0.0.5' } } as AddressFacts['record'];
  assert.deepEqual(outcome({ holders: [], parent: undefined, record }), ['', false, undefined, undefined]);
});

test('node ports of two Services, or out of range, are told', () => {
  assert.deepEqual(portProblems(30_000, ['default/a'], true, '30000-32767'), []);
  assert.deepEqual(
    portProblems(30_000, ['default/a', 'default/b'], true, '30000-32767').map((e) => `${e.service} ${e.reason}`),
    ['default/b PortAlreadyAllocated'],
  );
  assert.deepEqual(
    portProblems(80, ['default/a'], false, '30000-32767').map((e) => e.message),
    ['Port 80 is not within the port range 30000-32767; please recreate service'],
  );
});
