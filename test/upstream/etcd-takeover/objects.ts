/** What upstream is made to store: one of every kind of value that lies in etcd in its own way. */

interface Made {
  readonly path: string;
  readonly object: object;
}

const podSpec = {
  containers: [
    {
      name: 'c',
      image: 'i',
      env: [{ name: 'A', value: '1' }],
      ports: [{ containerPort: 80, name: 'http' }],
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '1Gi' } },
      readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    },
  ],
  volumes: [{ name: 'v', configMap: { name: 'made', items: [{ key: 'k', path: 'p' }] } }],
  tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }],
};
const labels = { app: 'a' };
const template = { metadata: { labels }, spec: podSpec };
const core = (plural: string) => `/api/v1/namespaces/default/${plural}`;
const of = (group: string, plural: string) => `/apis/${group}/namespaces/default/${plural}`;

export const OBJECTS: readonly Made[] = [
  {
    path: core('configmaps'),
    object: { metadata: { name: 'made', labels }, data: { k: 'één' }, binaryData: { b: 'AQID' } },
  },
  { path: core('secrets'), object: { metadata: { name: 'made' }, stringData: { k: 'v' } } },
  { path: core('serviceaccounts'), object: { metadata: { name: 'made' } } },
  { path: core('pods'), object: { metadata: { name: 'made', annotations: { a: 'b' } }, spec: podSpec } },
  {
    path: core('services'),
    object: { metadata: { name: 'made' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] } },
  },
  {
    path: core('services'),
    object: { metadata: { name: 'ports' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } },
  },
  {
    path: core('endpoints'),
    object: { metadata: { name: 'made' }, subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 80 }] }] },
  },
  {
    path: core('events'),
    object: { metadata: { name: 'made' }, involvedObject: { namespace: 'default' }, reason: 'r', type: 'Normal' },
  },
  {
    path: core('limitranges'),
    object: { metadata: { name: 'made' }, spec: { limits: [{ type: 'Container', max: { cpu: '2' } }] } },
  },
  {
    path: core('persistentvolumeclaims'),
    object: {
      metadata: { name: 'made' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  },
  {
    path: core('replicationcontrollers'),
    object: { metadata: { name: 'made' }, spec: { selector: labels, template } },
  },
  { path: '/api/v1/nodes', object: { metadata: { name: 'made' }, status: { capacity: { cpu: '4' } } } },
  { path: '/api/v1/namespaces', object: { metadata: { name: 'made' } } },
  {
    path: of('apps/v1', 'deployments'),
    object: { metadata: { name: 'made' }, spec: { replicas: 2, selector: { matchLabels: labels }, template } },
  },
  {
    path: of('apps/v1', 'statefulsets'),
    object: { metadata: { name: 'made' }, spec: { serviceName: 's', selector: { matchLabels: labels }, template } },
  },
  {
    path: of('apps/v1', 'daemonsets'),
    object: { metadata: { name: 'made' }, spec: { selector: { matchLabels: labels }, template } },
  },
  {
    path: of('batch/v1', 'jobs'),
    object: { metadata: { name: 'made' }, spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
  },
  {
    path: of('batch/v1', 'cronjobs'),
    object: {
      metadata: { name: 'made' },
      spec: {
        schedule: '* * * * *',
        jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
      },
    },
  },
  {
    path: of('autoscaling/v2', 'horizontalpodautoscalers'),
    object: {
      metadata: { name: 'made' },
      spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'made', apiVersion: 'apps/v1' } },
    },
  },
  {
    path: of('networking.k8s.io/v1', 'ingresses'),
    object: {
      metadata: { name: 'made' },
      spec: { defaultBackend: { service: { name: 'made', port: { number: 80 } } } },
    },
  },
  {
    path: of('networking.k8s.io/v1', 'networkpolicies'),
    object: { metadata: { name: 'made' }, spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] } },
  },
  {
    path: of('policy/v1', 'poddisruptionbudgets'),
    object: { metadata: { name: 'made' }, spec: { minAvailable: '50%', selector: { matchLabels: labels } } },
  },
  {
    path: of('coordination.k8s.io/v1', 'leases'),
    object: { metadata: { name: 'made' }, spec: { holderIdentity: 'h', renewTime: '2026-01-01T00:00:00.123456Z' } },
  },
  {
    path: of('discovery.k8s.io/v1', 'endpointslices'),
    object: { metadata: { name: 'made' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.1.1.2'] }] },
  },
  {
    path: of('rbac.authorization.k8s.io/v1', 'roles'),
    object: { metadata: { name: 'made' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] },
  },
  {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    object: { metadata: { name: 'made' }, provisioner: 'p', parameters: { a: 'b' } },
  },
  {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    object: {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    },
  },
  {
    path: '/apis/example.com/v1/namespaces/default/things',
    object: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' }, spec: { deep: [{ x: 1.5 }] } },
  },
];
