/** DELETE of one and of many: preconditions, propagation, grace, finalizers, options that are wrong. */
import { configMap, del, get, patch, post, put, type Scenario, setUp } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const make = (name: string, metadata: object = {}) =>
  setUp(
    post(MAPS, configMap(name, {}, metadata), { save: { version: 'metadata.resourceVersion', uid: 'metadata.uid' } }),
  );
const options = (fields: object) => ({ kind: 'DeleteOptions', apiVersion: 'v1', ...fields });

export const deletes: readonly Scenario[] = [
  {
    name: 'delete',
    steps: [
      make('a'),
      del(`${MAPS}/none`),
      del(`${MAPS}/a`, options({ preconditions: { uid: 'other' } })),
      del(`${MAPS}/a`, options({ preconditions: { resourceVersion: '1' } })),
      del(`${MAPS}/a`, options({ propagationPolicy: 'bogus' })),
      del(`${MAPS}/a`, options({ propagationPolicy: 'Orphan', orphanDependents: true })),
      del(`${MAPS}/a`, options({ gracePeriodSeconds: -5, dryRun: ['All'] })),
      del(`${MAPS}/a`, options({ gracePeriodSeconds: 'x' })),
      del(`${MAPS}/a`, options({ dryRun: ['bogus'] })),
      del(`${MAPS}/a`, options({ dryRun: ['All'] })),
      del(`${MAPS}/a?dryRun=All`),
      del(`${MAPS}/a?dryRun=bogus`),
      del(`${MAPS}/a?propagationPolicy=bogus`),
      del(`${MAPS}/a?gracePeriodSeconds=abc`),
      del(`${MAPS}/a`, { kind: 'ConfigMap', apiVersion: 'v1' }),
      del(`${MAPS}/a`, { kind: 'DeleteOptions', apiVersion: 'bogus/v1' }),
      del(`${MAPS}/a`, { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', dryRun: ['All'] }),
      del(`${MAPS}/a`, { kind: 'DeleteOptions', apiVersion: 'apps/v1', dryRun: ['All'] }),
      del(`${MAPS}/a`, '{'),
      del(`${MAPS}/a`, '[]'),
      del(`${MAPS}/a`, options({ dryRun: ['All'], bogus: 1 })),
      del(`${MAPS}/a`, '{}', { headers: { 'content-type': 'text/plain' } }),
      del(`${MAPS}/a`, options({ preconditions: { uid: '{uid}', resourceVersion: '{version}' } })),
      del(`${MAPS}/a`),
      del('/api/v1/namespaces/none/configmaps/a'),
      make('foreground'),
      del(`${MAPS}/foreground`, options({ propagationPolicy: 'Foreground' })),
      get(`${MAPS}/foreground`),
      del(`${MAPS}/foreground`, options({ propagationPolicy: 'Orphan' })),
      patch('merge', `${MAPS}/foreground`, { metadata: { finalizers: ['x/y'] } }),
      patch('merge', `${MAPS}/foreground`, { metadata: { finalizers: null } }),
      get(`${MAPS}/foreground`),
      make('orphan'),
      del(`${MAPS}/orphan?orphanDependents=true`),
      make('held', { finalizers: ['a.b/c'] }),
      del(`${MAPS}/held`),
      del(`${MAPS}/held`),
      del(`${MAPS}/held?gracePeriodSeconds=0`),
      put(`${MAPS}/held`, configMap('held', { still: 'here' }, { finalizers: ['a.b/c', 'd.e/f'] })),
      put(`${MAPS}/held`, configMap('held', { still: 'here' }, { finalizers: ['a.b/c'] })),
      patch('json', `${MAPS}/held`, [{ op: 'remove', path: '/metadata/finalizers' }]),
      get(`${MAPS}/held`),
    ],
  },
  {
    name: 'delete collection',
    steps: [
      ...['a', 'b', 'c', 'd'].map((name) => make(name, { labels: { name, all: 'x' } })),
      del(`${MAPS}?labelSelector=name=a`),
      del(`${MAPS}?labelSelector=all&dryRun=All`),
      del(`${MAPS}?labelSelector=none`),
      del(`${MAPS}?labelSelector=all in`),
      del(`${MAPS}?fieldSelector=bogus=1`),
      del(`${MAPS}?fieldSelector=metadata.name=b`),
      del(`${MAPS}?labelSelector=all&resourceVersion=abc`),
      del(`${MAPS}?labelSelector=all`, options({ propagationPolicy: 'bogus' })),
      del(`${MAPS}?labelSelector=all&limit=1`),
      del(MAPS, options({ preconditions: { uid: 'x' } })),
      del('/api/v1/configmaps?labelSelector=all'),
      del('/api/v1/namespaces?labelSelector=none'),
      del('/api/v1/namespaces/{ns}/services?labelSelector=none'),
      del(`${MAPS}?labelSelector=all`),
      get(`${MAPS}?labelSelector=all`),
    ],
  },
  {
    name: 'delete of kinds',
    steps: [
      setUp(post('/api/v1/namespaces/{ns}/serviceaccounts', { metadata: { name: 'default' } })),
      ...['p', 'q', 'r'].map((name) =>
        setUp(
          post('/api/v1/namespaces/{ns}/pods', {
            metadata: { name },
            spec: { containers: [{ name: 'c', image: 'i' }] },
          }),
        ),
      ),
      del('/api/v1/namespaces/{ns}/pods/p'),
      setUp(
        post('/api/v1/namespaces/{ns}/pods/q/binding', {
          metadata: { name: 'q' },
          target: { kind: 'Node', name: 'n' },
        }),
      ),
      del('/api/v1/namespaces/{ns}/pods/q'),
      get('/api/v1/namespaces/{ns}/pods/q'),
      del('/api/v1/namespaces/{ns}/pods/q?gracePeriodSeconds=5'),
      del('/api/v1/namespaces/{ns}/pods/q?gracePeriodSeconds=100'),
      del('/api/v1/namespaces/{ns}/pods/q?gracePeriodSeconds=0'),
      del('/api/v1/namespaces/{ns}/pods/r', options({ gracePeriodSeconds: 0 })),
      setUp(post('/api/v1/namespaces/{ns}/services', { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } })),
      del('/api/v1/namespaces/{ns}/services/s'),
      del('/api/v1/namespaces/{ns}/serviceaccounts/default'),
      setUp(
        post('/apis/batch/v1/namespaces/{ns}/jobs', {
          metadata: { name: 'j' },
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
        }),
      ),
      del('/apis/batch/v1/namespaces/{ns}/jobs/j'),
      del('/api/v1/namespaces/{ns}'),
      post(MAPS, configMap('late')),
      get('/api/v1/namespaces/{ns}'),
      del('/api/v1/namespaces/default'),
      del('/api/v1/namespaces/kube-system'),
    ],
  },
];
