/** Aggregated roles: the union of what they select, each rule once, in a stable order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rbacV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createClusterRoleAggregationController } from './clusterroleaggregation.controller.ts';

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const role = (name: string, more: object) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, ...more },
});

test('rules follow the selected roles', async () => {
  const bed = createTestBed();
  const labels = { 'aggregate-to-view': 'true' };
  bed.api.seed(
    { ...role('view', {}), aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] } },
    { ...role('b', { labels }), rules: [rule('pods'), rule('services')] },
    { ...role('a', { labels }), rules: [rule('nodes'), rule('pods')] },
    { ...role('other', {}), rules: [rule('secrets')] },
  );
  await bed.start(createClusterRoleAggregationController(bed.deps));
  const resources = () => {
    const view = bed.api.objects(rbacV1.ClusterRole).find((found) => found.metadata.name === 'view');
    return view?.rules?.flatMap((found) => found.resources ?? []);
  };
  assert.deepEqual(resources(), ['nodes', 'pods', 'services']);
  await bed.client.delete(rbacV1.ClusterRole, { name: 'a' }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(resources(), ['pods', 'services']);
  await bed.stop();
});
