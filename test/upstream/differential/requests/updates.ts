/** PUT: versions, identities, fields that may not change, what is made by it. */
import { configMap, get, patch, post, put, type Scenario, setUp } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const made = setUp(
  post(MAPS, configMap('a', { k: 'v' }), { save: { version: 'metadata.resourceVersion', uid: 'metadata.uid' } }),
);

export const updates: readonly Scenario[] = [
  {
    name: 'update',
    steps: [
      made,
      put(`${MAPS}/a`, configMap('a', { k: '2' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { resourceVersion: '{version}' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { resourceVersion: '0' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { resourceVersion: 'abc' })),
      put(`${MAPS}/a`, configMap('b', { k: '3' })),
      put(`${MAPS}/a`, configMap('', { k: '4' })),
      put(`${MAPS}/a`, { data: { k: '4' } }),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { uid: 'other' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { uid: '{uid}' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { namespace: 'other' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { creationTimestamp: '2020-01-01T00:00:00Z', generation: 5 })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { deletionTimestamp: '2020-01-01T00:00:00Z' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { generateName: 'x-' })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { finalizers: ['bad'] })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { managedFields: [{ manager: 'x' }] })),
      put(`${MAPS}/a`, configMap('a', { k: '3' }, { managedFields: [] })),
      put(`${MAPS}/a?dryRun=All`, configMap('a', { k: 'dry' })),
      put(`${MAPS}/a?dryRun=x`, configMap('a', { k: 'dry' })),
      put(`${MAPS}/a?fieldManager=other`, configMap('a', { k: '3', more: '1' })),
      put(`${MAPS}/a?fieldValidation=Strict`, { ...configMap('a'), bogus: 1 }),
      put(`${MAPS}/none`, configMap('none')),
      put(`${MAPS}/none`, configMap('none', {}, { uid: 'x' })),
      put(`${MAPS}/none`, configMap('none', {}, { resourceVersion: '5' })),
      put(MAPS, configMap('a')),
      put('/api/v1/namespaces/none/configmaps/a', configMap('a')),
      put(`${MAPS}/a`, 'null'),
      put(`${MAPS}/a`, undefined),
      put(`${MAPS}/a`, { ...configMap('a'), kind: 'Secret' }),
      put(`${MAPS}/a`, { ...configMap('a'), immutable: true }),
      put(`${MAPS}/a`, { ...configMap('a', { k: 'changed' }), immutable: true }),
      put(`${MAPS}/a`, configMap('a', { k: 'changed' })),
      get(`${MAPS}/a`),
    ],
  },
  {
    name: 'update of kinds',
    steps: [
      setUp(post('/api/v1/namespaces/{ns}/serviceaccounts', { metadata: { name: 'default' } })),
      setUp(
        post('/api/v1/namespaces/{ns}/pods', {
          metadata: { name: 'p' },
          spec: { containers: [{ name: 'c', image: 'i' }] },
        }),
      ),
      put('/api/v1/namespaces/{ns}/pods/p', {
        metadata: { name: 'p' },
        spec: { containers: [{ name: 'c', image: 'j' }] },
      }),
      put('/api/v1/namespaces/{ns}/pods/p', {
        metadata: { name: 'p' },
        spec: { containers: [{ name: 'd', image: 'j' }] },
      }),
      patch('merge', '/api/v1/namespaces/{ns}/pods/p', { spec: { nodeName: 'x' } }),
      patch('strategic', '/api/v1/namespaces/{ns}/pods/p', { spec: { containers: [{ name: 'c', image: 'k' }] } }),
      patch('strategic', '/api/v1/namespaces/{ns}/pods/p', {
        spec: { tolerations: [{ key: 'a', operator: 'Exists' }] },
      }),
      patch('strategic', '/api/v1/namespaces/{ns}/pods/p', { status: { phase: 'Running' } }),
      put('/apis/rbac.authorization.k8s.io/v1/clusterroles/made-{ns}', { metadata: { name: 'made-{ns}' }, rules: [] }),
      put('/apis/rbac.authorization.k8s.io/v1/clusterroles/made-{ns}', { metadata: { name: 'made-{ns}' }, rules: [] }),
      put('/api/v1/namespaces/{ns}/services/none', { metadata: { name: 'none' }, spec: { ports: [{ port: 80 }] } }),
      put('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/none', { metadata: { name: 'none' }, spec: {} }),
      put('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/none', {
        metadata: { name: 'none' },
        spec: { holderIdentity: 'x' },
      }),
      put('/api/v1/namespaces/{ns}/endpoints/made', { metadata: { name: 'made' } }),
      put('/api/v1/namespaces/{ns}/events/none', { metadata: { name: 'none' } }),
      put('/api/v1/namespaces/{ns}', { metadata: { name: '{ns}', labels: { a: 'b' } } }),
      put('/api/v1/namespaces/{ns}/status', { metadata: { name: '{ns}' }, status: { phase: 'Active' } }),
      put('/api/v1/namespaces/{ns}/finalize', {
        metadata: { name: '{ns}' },
        spec: { finalizers: ['kubernetes', 'x/y'] },
      }),
    ],
  },
];
