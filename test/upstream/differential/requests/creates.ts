/** POST: names, namespaces, bodies that are wrong, validation of fields, dry runs. */
import { configMap, get, post, type Scenario, setUp, type Step } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const PODS = '/api/v1/namespaces/{ns}/pods';
const pod = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
const container = { name: 'c', image: 'i' };
const deployment = (name: string, spec: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec,
});
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
const raw = (path: string, body: string, contentType = 'application/json'): Step =>
  post(path, body, { headers: { 'content-type': contentType } });

export const creates: readonly Scenario[] = [
  {
    name: 'create',
    steps: [
      post(MAPS, configMap('a', { k: 'v' })),
      post(MAPS, configMap('a')),
      post(MAPS, { metadata: { name: 'no-kind' } }),
      post(MAPS, { kind: 'ConfigMap', metadata: { name: 'no-version' } }),
      post(MAPS, { apiVersion: 'v1', metadata: { name: 'no-kind-2' } }),
      post(MAPS, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'apps/v1', kind: 'ConfigMap', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'a/b/c', kind: 'ConfigMap', metadata: { name: 'x' } }),
      post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap' }),
      post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }),
      post(MAPS, configMap('')),
      post(MAPS, configMap('Bad_Name')),
      post(MAPS, configMap('a'.repeat(254))),
      post(MAPS, configMap('ns', {}, { namespace: 'other' })),
      post(MAPS, configMap('version', {}, { resourceVersion: '5' })),
      post(
        MAPS,
        configMap(
          'uid',
          {},
          { uid: 'given', creationTimestamp: '2020-01-01T00:00:00Z', generation: 7, selfLink: '/x' },
        ),
      ),
      post(
        MAPS,
        configMap('deleted', {}, { deletionTimestamp: '2020-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 }),
      ),
      post(MAPS, configMap('labels', {}, { labels: { 'bad key!': 'x', ok: 'bad value!' } })),
      post(MAPS, configMap('annotations', {}, { annotations: { 'bad key!': 'x', 'a/b/c': '' } })),
      post(MAPS, configMap('owners', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' }] })),
      post(
        MAPS,
        configMap('owners', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] }),
      ),
      post(
        MAPS,
        configMap(
          'owners',
          {},
          {
            ownerReferences: [
              { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true },
              { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'v', controller: true },
            ],
          },
        ),
      ),
      post(MAPS, configMap('finalizers', {}, { finalizers: ['nodomain', 'bad domain/x'] })),
      post(MAPS, configMap('keys', { 'bad key': 'x', '..': 'y' })),
      post(MAPS, { ...configMap('binary', { k: 'v' }), binaryData: { k: 'dg==' } }),
      post(MAPS, { ...configMap('binary'), binaryData: { k: 'not base64!' } }),
      post('/api/v1/configmaps', configMap('nowhere')),
      post('/api/v1/namespaces/none/configmaps', configMap('a')),
      post(`${MAPS}/a`, configMap('a')),
      post(MAPS, undefined),
      get(`${MAPS}/a`),
    ],
  },
  {
    name: 'generated names',
    steps: [
      post(MAPS, configMap('', {}, { generateName: 'gen-' }), { save: { generated: 'metadata.name' } }),
      post(MAPS, configMap('fixed', {}, { generateName: 'gen-' })),
      post(MAPS, configMap('fixed', {}, { generateName: 'gen-' })),
      post(MAPS, configMap('', {}, { generateName: 'Bad_' }), { isSetUp: true }),
    ],
  },
  {
    name: 'bodies',
    steps: [
      raw(MAPS, '{'),
      raw(MAPS, ''),
      raw(MAPS, 'null'),
      raw(MAPS, '[]'),
      raw(MAPS, '"text"'),
      raw(MAPS, '5'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"trailing"}} trailing'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":5}}'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":"x"}'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"},"data":[]}'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"},"data":{"a":1}}'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"},"data":{"a":null},"immutable":"yes"}'),
      raw(MAPS, '{"kind":5}'),
      raw(MAPS, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"when","creationTimestamp":"yesterday"}}'),
      raw(MAPS, 'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: yaml\n', 'application/yaml'),
      raw(MAPS, 'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: [', 'application/yaml'),
      raw(
        MAPS,
        'kind: ConfigMap\napiVersion: v1\nmetadata: {name: yaml-2}\ndata: {a: 1, b: yes}\n',
        'application/yaml',
      ),
      raw(MAPS, 'a: b: c', 'application/yaml'),
      raw(MAPS, '{}', 'text/plain'),
      raw(MAPS, '{}', 'application/bogus'),
      raw(MAPS, '{}', 'not a type'),
      raw(MAPS, '{"metadata":{"name":"charset"}}', 'application/json; charset=utf-8'),
      raw(MAPS, '{"metadata":{"name":"quoted"}}', 'application/json;bogus'),
      raw(MAPS, 'not protobuf', 'application/vnd.kubernetes.protobuf'),
      raw(MAPS, '', 'application/vnd.kubernetes.protobuf'),
      raw(MAPS, 'k8s\0rubbish', 'application/vnd.kubernetes.protobuf'),
      raw(MAPS, '{"KIND":"ConfigMap","ApiVersion":"v1","Metadata":{"Name":"cases"}}'),
    ],
  },
  {
    name: 'field validation',
    steps: ['', 'Ignore', 'Warn', 'Strict', 'strict', 'bogus'].flatMap((mode) => [
      raw(
        `${MAPS}?dryRun=All&fieldValidation=${mode}`,
        '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","bogus":1},"data":{"a":"1","a":"2"},"unknown":{"x":1}}',
      ),
      raw(
        `/apis/apps/v1/namespaces/{ns}/deployments?dryRun=All&fieldValidation=${mode}`,
        JSON.stringify(
          deployment('d', {
            selector: { matchLabels: { a: 'b' } },
            template,
            bogus: 1,
            replicas: 1,
            strategy: { Type: 'x' },
          }),
        ),
      ),
      raw(
        `${MAPS}?dryRun=All&fieldValidation=${mode}`,
        'kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\ndata: {a: "1"}\ndata: {a: "2"}\nbogus: 1\n',
        'application/yaml',
      ),
    ]),
  },
  {
    name: 'create options',
    steps: [
      post(`${MAPS}?dryRun=All`, configMap('dry')),
      get(`${MAPS}/dry`),
      post(`${MAPS}?dryRun=bogus`, configMap('dry')),
      post(`${MAPS}?dryRun=All&dryRun=bogus`, configMap('dry')),
      post(`${MAPS}?dryRun=`, configMap('wet')),
      post(`${MAPS}?fieldManager=${'m'.repeat(129)}`, configMap('manager')),
      post(`${MAPS}?fieldManager=bad%00manager`, configMap('manager')),
      post(`${MAPS}?fieldManager=me`, configMap('managed')),
      post(MAPS, configMap('agent'), { headers: { 'user-agent': 'my-agent/1.0 (linux)' } }),
      post(`${MAPS}?pretty=true`, configMap('pretty')),
      post(`${MAPS}?timeout=abc`, configMap('timeout')),
      post(`${MAPS}?timeout=10s`, configMap('timeout')),
      post(`${MAPS}?timeout=-1s`, configMap('timeout-2')),
      post(`${MAPS}?fieldValidation=bogus&dryRun=bogus`, configMap('both')),
    ],
  },
  {
    name: 'validation of kinds',
    steps: [
      setUp(post('/api/v1/namespaces/{ns}/serviceaccounts', { metadata: { name: 'default' } })),
      post(PODS, pod('p', { containers: [container] })),
      post(PODS, pod('empty', {})),
      post(
        PODS,
        pod('bad', {
          containers: [{ name: 'Bad', image: '' }],
          restartPolicy: 'Maybe',
          dnsPolicy: 'x',
          nodeSelector: { 'a b': 'c' },
        }),
      ),
      post(
        PODS,
        pod('two', { containers: [container, container], volumes: [{ name: 'v' }, { name: 'v', emptyDir: {} }] }),
      ),
      post(
        PODS,
        pod('ports', {
          containers: [{ ...container, ports: [{ containerPort: 0 }, { containerPort: 70000, protocol: 'X' }] }],
        }),
      ),
      post(
        PODS,
        pod('resources', { containers: [{ ...container, resources: { limits: { cpu: '1', memory: 'x' } } }] }),
      ),
      post(
        PODS,
        pod('resources', {
          containers: [{ ...container, resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }],
        }),
      ),
      post(PODS, pod('account', { serviceAccountName: 'none', containers: [container] })),
      post(PODS, pod('class', { priorityClassName: 'none', containers: [container] })),
      post(
        '/apis/apps/v1/namespaces/{ns}/deployments',
        deployment('d', { selector: { matchLabels: { a: 'b' } }, template }),
      ),
      post(
        '/apis/apps/v1/namespaces/{ns}/deployments',
        deployment('e', { selector: { matchLabels: { a: 'c' } }, template, replicas: -1 }),
      ),
      post('/apis/apps/v1/namespaces/{ns}/deployments', deployment('f', {})),
      post('/api/v1/namespaces/{ns}/services', { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }),
      post('/api/v1/namespaces/{ns}/services', {
        metadata: { name: '1bad' },
        spec: { ports: [{ port: 0 }], type: 'X' },
      }),
      post('/api/v1/namespaces/{ns}/services', {
        metadata: { name: 'headless' },
        spec: { clusterIP: 'None', selector: { a: 'b' } },
      }),
      post('/api/v1/namespaces/{ns}/secrets', { metadata: { name: 's' }, stringData: { a: 'b' } }),
      post('/api/v1/namespaces/{ns}/secrets', { metadata: { name: 't' }, type: 'kubernetes.io/tls', data: {} }),
      post('/api/v1/namespaces/{ns}/limitranges', {
        metadata: { name: 'l' },
        spec: { limits: [{ type: 'Container', default: { cpu: '1' } }] },
      }),
      post('/api/v1/namespaces/{ns}/resourcequotas', { metadata: { name: 'q' }, spec: { hard: { configmaps: '1' } } }),
      post('/apis/batch/v1/namespaces/{ns}/jobs', {
        metadata: { name: 'j' },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
      }),
      post('/apis/batch/v1/namespaces/{ns}/jobs', {
        metadata: { name: 'k' },
        spec: { template: { spec: { containers: [container] } } },
      }),
      post('/apis/batch/v1/namespaces/{ns}/cronjobs', {
        metadata: { name: 'c' },
        spec: {
          schedule: 'x',
          jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
        },
      }),
      post('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles', {
        metadata: { name: 'r' },
        rules: [{ verbs: [] }],
      }),
      post('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings', {
        metadata: { name: 'r' },
        roleRef: { kind: 'X', name: '' },
      }),
      post('/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses', { metadata: { name: 'i' }, spec: {} }),
      post('/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets', {
        metadata: { name: 'p' },
        spec: { minAvailable: 1, maxUnavailable: 1 },
      }),
      post('/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers', {
        metadata: { name: 'h' },
        spec: { maxReplicas: 0, scaleTargetRef: {} },
      }),
      post('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases', {
        metadata: { name: 'l' },
        spec: { leaseDurationSeconds: -1 },
      }),
      post('/api/v1/namespaces/{ns}/events', { metadata: { name: 'e' }, involvedObject: { namespace: 'other' } }),
      post('/api/v1/namespaces/{ns}/endpoints', {
        metadata: { name: 'e' },
        subsets: [{ addresses: [{ ip: 'x' }], ports: [{ port: 0 }] }],
      }),
      post('/api/v1/namespaces/{ns}/persistentvolumeclaims', { metadata: { name: 'c' }, spec: {} }),
      post('/api/v1/nodes?dryRun=All', {
        metadata: { name: 'n' },
        spec: { podCIDR: 'x', taints: [{ key: 'a', effect: 'X' }] },
      }),
    ],
  },
];
