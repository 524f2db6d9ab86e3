/** Subresources and kinds that are only asked. */
import { del, get, patch, post, put, type Scenario, setUp } from '../step.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/{ns}/deployments';
const PODS = '/api/v1/namespaces/{ns}/pods';
const scale = (replicas: unknown, metadata: object = { name: 'd' }) => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata,
  spec: { replicas },
});
const deployment = setUp(
  post(DEPLOYMENTS, {
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  }),
);
const pods = [
  setUp(post('/api/v1/namespaces/{ns}/serviceaccounts', { metadata: { name: 'default' } })),
  ...['p', 'q', 'r'].map((name) =>
    setUp(post(PODS, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } })),
  ),
];

export const subresources: readonly Scenario[] = [
  {
    name: 'scale and status',
    steps: [
      deployment,
      get(`${DEPLOYMENTS}/d/scale`),
      get(`${DEPLOYMENTS}/none/scale`),
      put(`${DEPLOYMENTS}/d/scale`, scale(2)),
      put(`${DEPLOYMENTS}/d/scale`, scale(-1)),
      put(`${DEPLOYMENTS}/d/scale`, scale('x')),
      put(`${DEPLOYMENTS}/d/scale`, scale(2, { name: 'other' })),
      put(`${DEPLOYMENTS}/d/scale`, scale(2, {})),
      put(`${DEPLOYMENTS}/d/scale`, scale(2, { name: 'd', resourceVersion: '1' })),
      put(`${DEPLOYMENTS}/d/scale`, { ...scale(2), apiVersion: 'apps/v1' }),
      put(`${DEPLOYMENTS}/none/scale`, scale(2, { name: 'none' })),
      patch('merge', `${DEPLOYMENTS}/d/scale`, { spec: { replicas: 3 } }),
      patch('strategic', `${DEPLOYMENTS}/d/scale`, { spec: { replicas: 4 } }),
      patch('json', `${DEPLOYMENTS}/d/scale`, [{ op: 'replace', path: '/spec/replicas', value: 5 }]),
      patch('merge', `${DEPLOYMENTS}/d/scale?dryRun=All`, { spec: { replicas: 9 } }),
      post(`${DEPLOYMENTS}/d/scale`, scale(1)),
      del(`${DEPLOYMENTS}/d/scale`),
      get(`${DEPLOYMENTS}/d/scale`, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }),
      get(`${DEPLOYMENTS}/d/status`),
      put(`${DEPLOYMENTS}/d/status`, { metadata: { name: 'd' }, status: { replicas: 1, observedGeneration: 1 } }),
      patch('merge', `${DEPLOYMENTS}/d/status`, { status: { readyReplicas: 1 }, spec: { replicas: 77 } }),
      patch('merge', `${DEPLOYMENTS}/d/status`, { status: { replicas: -1 } }),
      patch('merge', `${DEPLOYMENTS}/d`, { status: { replicas: 55 } }),
      post(`${DEPLOYMENTS}/d/status`, {}),
      del(`${DEPLOYMENTS}/d/status`),
      get(`${DEPLOYMENTS}/d/bogus`),
      put(`${DEPLOYMENTS}/d/bogus`, {}),
      get(`${DEPLOYMENTS}/d/scale/more`),
      get('/api/v1/namespaces/{ns}/configmaps/x/status'),
    ],
  },
  {
    name: 'pods',
    steps: [
      ...pods,
      post(`${PODS}/p/binding`, { target: { kind: 'Node', name: 'n' } }),
      post(`${PODS}/p/binding`, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } }),
      post(`${PODS}/p/binding`, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } }),
      post(`${PODS}/q/binding`, { metadata: { name: 'q' }, target: { kind: 'Pod', name: 'n' } }),
      post(`${PODS}/q/binding`, { metadata: { name: 'q' }, target: {} }),
      post(`${PODS}/none/binding`, { metadata: { name: 'none' }, target: { kind: 'Node', name: 'n' } }),
      post(`${PODS}/q/binding`, { metadata: { name: 'other' }, target: { kind: 'Node', name: 'n' } }),
      post('/api/v1/namespaces/{ns}/bindings', { metadata: { name: 'q' }, target: { kind: 'Node', name: 'n' } }),
      get(`${PODS}/p/binding`),
      post(`${PODS}/q/eviction?dryRun=All`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'q' } }),
      post(`${PODS}/q/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } }),
      post(`${PODS}/none/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'none' } }),
      post(`${PODS}/r/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'r' } }),
      get(`${PODS}/r`),
      get(`${PODS}/q/status`),
      patch('strategic', `${PODS}/q/status`, {
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      }),
      patch('strategic', `${PODS}/q/ephemeralcontainers`, {
        spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] },
      }),
      patch('strategic', `${PODS}/q/ephemeralcontainers`, {
        spec: { ephemeralContainers: [{ name: 'c', image: 'i' }] },
      }),
      patch('strategic', `${PODS}/q/resize`, {
        spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
      }),
      get(`${PODS}/q/log`),
      get(`${PODS}/none/log`),
      get(`${PODS}/q/log?container=bogus`),
      get(`${PODS}/q/log?tailLines=-1`),
      get(`${PODS}/q/exec?command=ls`),
      get(`${PODS}/q/exec`),
      get(`${PODS}/none/exec?command=ls&stdout=true`),
      post(`${PODS}/q/attach?stdout=true`, undefined),
      get(`${PODS}/q/portforward`),
      get(`${PODS}/q`),
    ],
  },
  {
    name: 'reviews',
    steps: [
      post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
      }),
      post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: {} }),
      post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        spec: { resourceAttributes: {}, nonResourceAttributes: {} },
      }),
      post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        spec: { user: 'x', nonResourceAttributes: { path: '/healthz', verb: 'get' } },
      }),
      post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        spec: { nonResourceAttributes: { path: '/x', verb: 'get' } },
      }),
      post('/apis/authorization.k8s.io/v1/namespaces/{ns}/localsubjectaccessreviews', {
        metadata: { namespace: '{ns}' },
        spec: { user: 'x', resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'pods' } },
      }),
      post('/apis/authorization.k8s.io/v1/namespaces/{ns}/localsubjectaccessreviews', {
        spec: { user: 'x', resourceAttributes: { namespace: 'other', verb: 'get', resource: 'pods' } },
      }),
      post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: '{ns}' } }),
      post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: {} }),
      post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}),
      post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'bogus' } }),
      post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} }),
      post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'bench-token' } }),
      get('/apis/authentication.k8s.io/v1/tokenreviews'),
      get('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x'),
      setUp(post('/api/v1/namespaces/{ns}/serviceaccounts', { metadata: { name: 'sa' } })),
      post('/api/v1/namespaces/{ns}/serviceaccounts/sa/token', { spec: { expirationSeconds: 5 } }),
      post('/api/v1/namespaces/{ns}/serviceaccounts/none/token', { spec: {} }),
      post('/api/v1/namespaces/{ns}/serviceaccounts/sa/token', { metadata: { name: 'other' }, spec: {} }),
      post('/api/v1/namespaces/{ns}/serviceaccounts/sa/token', {
        spec: { boundObjectRef: { kind: 'Pod', name: 'none' } },
      }),
      get('/api/v1/namespaces/{ns}/serviceaccounts/sa/token'),
    ],
  },
];
