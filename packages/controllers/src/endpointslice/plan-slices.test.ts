/** Slices hold exactly the endpoints wanted, few writes, nothing moved without need. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointPort, EndpointSlice } from '@kapella/api/types/discovery-v1';
import fc from 'fast-check';
import { planSlices, type SlicePlan, type SliceTemplate } from './plan-slices.ts';

const template: SliceTemplate = {
  addressType: 'IPv4',
  namespace: 'ns',
  generateName: 'svc-',
  labels: { a: 'b' },
  owner: { apiVersion: 'v1', kind: 'Service', name: 'svc', uid: 'u' },
  endpointsMax: 5,
  placeholder: true,
};
const http: EndpointPort = { name: 'http', protocol: 'TCP', port: 80 };
const alt: EndpointPort = { name: 'http', protocol: 'TCP', port: 8080 };

const endpoint = (n: number, ready = true): Endpoint => ({
  addresses: [`10.0.0.${n}`],
  conditions: { ready },
  targetRef: { kind: 'Pod', namespace: 'ns', name: `p${n}`, uid: `u${n}` },
});

/** Carries a plan out on a list of slices. */
function apply(slices: readonly EndpointSlice[], plan: SlicePlan, from: number): EndpointSlice[] {
  const gone = new Set(plan.delete.map((slice) => slice.metadata.name));
  const next = new Map(plan.update.map((slice) => [slice.metadata.name, slice]));
  assert.equal(next.size, plan.update.length, 'one update per slice');
  for (const name of next.keys()) assert.ok(!gone.has(name));
  const made = plan.create.map((slice, i) => ({
    ...slice,
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: {
      ...slice.metadata,
      name: `s${from + i}`,
      uid: `s${from + i}`,
      resourceVersion: '1',
      creationTimestamp: '',
    },
  }));
  return [
    ...slices.filter((s) => !gone.has(s.metadata.name)).map((s) => next.get(s.metadata.name) ?? s),
    ...(made as EndpointSlice[]),
  ];
}

const writesOf = (plan: SlicePlan) => plan.create.length + plan.update.length + plan.delete.length;

test('any history of wishes is held exactly, within the limit, and then nothing is written', () => {
  const wish = fc.array(fc.record({ n: fc.integer({ min: 1, max: 40 }), ready: fc.boolean(), alt: fc.boolean() }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(fc.array(wish, { minLength: 1, maxLength: 6 }), (wishes) => {
      let slices: EndpointSlice[] = [];
      for (const [step, list] of wishes.entries()) {
        const unique = [...new Map(list.map((item) => [item.n, item])).values()];
        const groups = unique.map((item) => ({
          ports: [item.alt ? alt : http],
          endpoints: [endpoint(item.n, item.ready)],
        }));
        slices = apply(slices, planSlices(template, groups, slices), step * 100);
        const held = slices.flatMap((s) =>
          (s.endpoints ?? []).map((e) => `${e.addresses[0]} ${e.conditions?.ready} ${s.ports?.[0]?.port}`),
        );
        const wanted = unique.map((i) => `10.0.0.${i.n} ${i.ready} ${i.alt ? 8080 : 80}`);
        assert.deepEqual(held.toSorted(), wanted.toSorted());
        assert.ok(slices.length >= 1 && slices.every((s) => (s.endpoints?.length ?? 0) <= 5));
        assert.equal(writesOf(planSlices(template, groups, slices)), 0);
      }
    }),
    { numRuns: 200 },
  );
});

test('one endpoint that changes costs one write and leaves the other slices alone', () => {
  const groups = (bad: number) => [
    { ports: [http], endpoints: Array.from({ length: 12 }, (_, i) => endpoint(i, i !== bad)) },
  ];
  const slices = apply([], planSlices(template, groups(-1), []), 0);
  assert.deepEqual(
    slices.map((s) => s.endpoints?.length),
    [5, 5, 2],
  );
  const plan = planSlices(template, groups(3), slices);
  assert.deepEqual([plan.create.length, plan.update.length, plan.delete.length], [0, 1, 0]);
  const one = planSlices(
    template,
    [{ ports: [http], endpoints: [...(groups(-1)[0]?.endpoints ?? []), endpoint(99)] }],
    slices,
  );
  assert.deepEqual(
    one.update.map((s) => [s.metadata.name, s.endpoints?.length]),
    [['s2', 3]],
  );
});

test('no endpoints leave one empty slice; the first ones reuse it; a stranger is not reused', () => {
  const empty = apply([], planSlices(template, [], []), 0);
  assert.deepEqual(
    empty.map((s) => [s.ports, s.endpoints]),
    [[[], []]],
  );
  const plan = planSlices(template, [{ ports: [http], endpoints: [endpoint(1)] }], empty);
  assert.deepEqual([plan.create.length, plan.update[0]?.metadata.name, plan.delete.length], [0, 's0', 0]);
  assert.deepEqual(plan.update[0]?.ports, [http]);
  const other = { ...template, owner: { ...template.owner, uid: 'new' } };
  const anew = planSlices(other, [{ ports: [http], endpoints: [endpoint(1)] }], empty);
  assert.deepEqual([anew.create.length, anew.update.length, anew.delete.length], [1, 0, 1]);
});

test('labels that change are written once per slice', () => {
  const groups = [{ ports: [http], endpoints: [endpoint(1)] }];
  const slices = apply([], planSlices(template, groups, []), 0);
  const plan = planSlices({ ...template, labels: { a: 'c' } }, groups, slices);
  assert.deepEqual(
    plan.update.map((s) => s.metadata.labels),
    [{ a: 'c' }],
  );
});
