/** Every node's Pods have a route, and nobody else does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { Route, Routes } from '../cloud/cloud-provider.ts';
import { createTestBed } from '../shared/test-bed.ts';
import { createNodeRouteController } from './node-route.controller.ts';
import { planRoutes } from './plan-routes.ts';

const node = (name: string, ...podCIDRs: string[]) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: `uid-${name}` },
  spec: { podCIDRs },
});

test('what is missing is made, what leads astray is removed, what is not ours stays', () => {
  const nodes = [node('a', '10.0.1.0/24'), node('b', '10.0.2.0/24'), node('none')];
  const route = (name: string, targetNode: string, destinationCidr: string, rest: object = {}): Route => ({
    ...{ name, targetNode, destinationCidr },
    ...rest,
  });
  const routes = [
    route('fine', 'a', '10.0.1.0/24'),
    route('hole', 'b', '10.0.2.0/24', { isBlackhole: true }),
    route('gone', 'c', '10.0.3.0/24'),
    route('foreign', 'c', '10.9.3.0/24'),
  ];
  const plan = planRoutes(nodes as never, routes, ['10.0.0.0/16']);
  assert.deepEqual(
    plan.create.map(({ route: made }) => made),
    [{ targetNode: 'b', destinationCidr: '10.0.2.0/24' }],
  );
  assert.deepEqual(
    plan.remove.map(({ name }) => name),
    ['hole', 'gone'],
  );
});

test('nodes say whether they have their routes', async () => {
  const bed = createTestBed();
  const made: string[] = [];
  const routes: Routes = {
    list: async () => [],
    async create({ targetNode, destinationCidr }) {
      if (targetNode === 'bad') throw new Error('no room');
      made.push(`${targetNode} ${destinationCidr}`);
    },
    delete: async () => {},
  };
  bed.api.seed(node('a', '10.0.1.0/24'), node('bad', '10.0.2.0/24'), node('none'));
  await bed.start(createNodeRouteController(bed.deps, routes, ['10.0.0.0/16']));
  const reasons = bed.api.objects(coreV1.Node).map(({ status }) => status?.conditions?.[0]?.reason);
  assert.deepEqual(made, ['a 10.0.1.0/24']);
  assert.deepEqual(reasons, ['RouteCreated', 'NoRouteCreated', 'NoRouteCreated']);
  const told = 'FailedToCreateRoute: Could not create route uid-bad 10.0.2.0/24 for node bad: no room';
  assert.deepEqual(bed.told('bad'), [told]);
  await bed.stop();
});
