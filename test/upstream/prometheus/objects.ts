/** Prometheus and node exporters as they are commonly set up. Source: prometheus documentation/examples/prometheus-kubernetes.yml. */
import { stringify } from 'yaml';
import { IMAGE } from './image.ts';

const NAMESPACE = 'monitoring';
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';
const rbac = 'rbac.authorization.k8s.io';

/** Adds the labels that every example adds, and keeps the rest of `how` as it is. */
function job(name: string, role: string, how: object, path = '/metrics', account = true): object {
  const identity = {
    scheme: 'https',
    authorization: { credentials_file: `${TOKEN}/token` },
    tls_config: { ca_file: `${TOKEN}/ca.crt` },
  };
  return {
    job_name: name,
    metrics_path: path,
    kubernetes_sd_configs: [{ role }],
    ...(account && identity),
    ...how,
  };
}

const keep = (labels: readonly string[], regex: string) => ({
  relabel_configs: [{ source_labels: labels, action: 'keep', regex }],
});
const exporterPorts = (role: string) =>
  keep([`__meta_kubernetes_${role}_${role === 'pod' ? 'container_port_name' : 'port_name'}`], 'exporter');
const named = (role: string) =>
  keep(
    ['__meta_kubernetes_namespace', '__meta_kubernetes_service_name', `__meta_kubernetes_${role}_port_name`],
    'default;kubernetes;https',
  );

const config = {
  global: { scrape_interval: '2s', scrape_timeout: '2s' },
  scrape_configs: [
    job('apiserver', 'endpoints', named('endpoint')),
    job('apiserver-slices', 'endpointslice', named('endpointslice')),
    ...['', '/cadvisor', '/resource', '/probes'].map((path) =>
      job(`kubelet${path.replace('/', '-')}`, 'node', {}, `/metrics${path}`),
    ),
    job('nobody', 'node', { authorization: undefined }),
    job('node-exporter', 'endpointslice', exporterPorts('endpointslice'), '/metrics', false),
    job('node-exporter-pods', 'pod', exporterPorts('pod'), '/metrics', false),
  ],
};

const inNamespace = (name: string) => ({ name, namespace: NAMESPACE });

/** What the Prometheus of the examples may do. */
const identity = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace('prometheus') },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'prometheus' },
    rules: [
      { apiGroups: [''], resources: ['nodes', 'services', 'endpoints', 'pods'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
      { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    ],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'prometheus' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'prometheus' },
    subjects: [{ kind: 'ServiceAccount', ...inNamespace('prometheus') }],
  },
];

const exporter = {
  name: 'exporter',
  image: IMAGE,
  command: ['prometheus-node-exporter', '--path.rootfs=/host', '--web.listen-address=:19100'],
  ports: [{ name: 'exporter', containerPort: 19_100 }],
  volumeMounts: [{ name: 'root', mountPath: '/host', readOnly: true }],
};

const exporters = [
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: inNamespace('node-exporter'),
    spec: {
      selector: { matchLabels: { app: 'node-exporter' } },
      template: {
        metadata: { labels: { app: 'node-exporter' } },
        spec: {
          hostNetwork: true,
          hostPID: true,
          containers: [exporter],
          volumes: [{ name: 'root', hostPath: { path: '/' } }],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inNamespace('node-exporter'),
    spec: {
      clusterIP: 'None',
      selector: { app: 'node-exporter' },
      ports: [{ name: 'exporter', port: 19_100, targetPort: 'exporter' }],
    },
  },
];

const command = [
  'prometheus',
  '--config.file=/etc/prometheus/prometheus.yml',
  '--storage.tsdb.path=/data',
  '--web.listen-address=:9090',
];

const server = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: inNamespace('prometheus'),
    data: { 'prometheus.yml': stringify(config) },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: inNamespace('prometheus'),
    spec: {
      selector: { matchLabels: { app: 'prometheus' } },
      template: {
        metadata: { labels: { app: 'prometheus' } },
        spec: {
          serviceAccountName: 'prometheus',
          securityContext: { runAsUser: 65_534, fsGroup: 65_534 },
          containers: [
            {
              name: 'prometheus',
              image: IMAGE,
              command,
              ports: [{ name: 'web', containerPort: 9_090 }],
              readinessProbe: { httpGet: { path: '/-/ready', port: 'web' }, periodSeconds: 1 },
              volumeMounts: [
                { name: 'config', mountPath: '/etc/prometheus' },
                { name: 'data', mountPath: '/data' },
              ],
            },
          ],
          volumes: [
            { name: 'config', configMap: { name: 'prometheus' } },
            { name: 'data', emptyDir: {} },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inNamespace('prometheus'),
    spec: { selector: { app: 'prometheus' }, ports: [{ name: 'web', port: 9_090, targetPort: 'web' }] },
  },
];

export const objects: readonly object[] = [...identity, ...exporters, ...server];
export const binding = 'clusterrolebinding prometheus';
