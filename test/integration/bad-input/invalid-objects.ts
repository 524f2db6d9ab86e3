/** Objects that break several rules at once, and what upstream answers to each. Source: kubernetes pkg/apis/*\/validation. */

export interface InvalidObject {
  readonly title: string;
  /** `pods`, `apps/v1:deployments`. */
  readonly resource: string;
  readonly object: object;
  /** Reason, field, and words of the message that users look for. */
  readonly causes: readonly (readonly [string, string, RegExp?])[];
}

export interface InvalidUpdate extends InvalidObject {
  /** Merge patch. */
  readonly patch: object;
}

const INVALID = 'FieldValueInvalid';
const REQUIRED = 'FieldValueRequired';
const UNSUPPORTED = 'FieldValueNotSupported';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';

const box = { name: 'c', image: 'busybox' };
const podOf = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [box], ...spec },
});
const template = (spec: object = {}, labels: object = { app: 'a' }) => ({
  metadata: { labels },
  spec: { containers: [box], ...spec },
});
const deploymentOf = (name: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { selector: { matchLabels: { app: 'a' } }, template: template(), ...spec },
});
const serviceOf = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const jobOf = (name: string, spec: object) => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec });

export const invalidObjects: readonly InvalidObject[] = [
  {
    title: 'Pod: name, containers, ports, policy',
    resource: 'pods',
    object: podOf('Bad_Name', {
      restartPolicy: 'Sometimes',
      containers: [
        { name: 'UP', image: 'busybox' },
        { name: 'twin', image: '' },
        { name: 'twin', image: 'busybox', ports: [{ containerPort: 70_000 }] },
      ],
    }),
    causes: [
      [INVALID, 'metadata.name', /a lowercase RFC 1123 subdomain must consist of/],
      [INVALID, 'spec.containers[0].name', /a lowercase RFC 1123 label must consist of/],
      [REQUIRED, 'spec.containers[1].image', /^Required value$/],
      [DUPLICATE, 'spec.containers[2].name', /^Duplicate value: "twin"$/],
      [
        INVALID,
        'spec.containers[2].ports[0].containerPort',
        /Invalid value: 70000: must be between 1 and 65535, inclusive/,
      ],
      [UNSUPPORTED, 'spec.restartPolicy', /supported values: "Always", "OnFailure", "Never"/],
    ],
  },
  {
    title: 'Pod: labels and annotations',
    resource: 'pods',
    object: podOf('marks', {}, { labels: { 'a b': 'x', ok: 'not ok!' }, annotations: { '/x': '' } }),
    causes: [
      [INVALID, 'metadata.labels', /name part must consist of alphanumeric characters/],
      [INVALID, 'metadata.labels', /a valid label must be an empty string or consist of/],
      [INVALID, 'metadata.annotations', /prefix part must be non-empty/],
    ],
  },
  {
    title: 'Pod: no containers',
    resource: 'pods',
    object: podOf('none', { containers: [] }),
    causes: [[REQUIRED, 'spec.containers']],
  },
  {
    title: 'Pod: mounts without volumes, volumes without a source or with two, relative paths',
    resource: 'pods',
    object: podOf('volumes', {
      volumes: [
        { name: 'odd', emptyDir: {}, hostPath: { path: '/x' } },
        { name: 'two', emptyDir: {} },
        { name: 'two', emptyDir: {} },
      ],
      containers: [
        {
          ...box,
          volumeMounts: [
            { name: 'none', mountPath: '/a' },
            { name: 'two', mountPath: '/a' },
          ],
        },
      ],
    }),
    causes: [
      [FORBIDDEN, 'spec.volumes[0].hostPath', /may not specify more than 1 volume type/],
      [DUPLICATE, 'spec.volumes[2].name', /Duplicate value: "two"/],
      ['FieldValueNotFound', 'spec.containers[0].volumeMounts[0].name', /Not found: "none"/],
      [INVALID, 'spec.containers[0].volumeMounts[1].mountPath', /must be unique/],
    ],
  },
  {
    title: 'Pod: requests above limits, negative amounts',
    resource: 'pods',
    object: podOf('amounts', {
      containers: [{ ...box, resources: { requests: { cpu: '2', memory: '-1' }, limits: { cpu: '1' } } }],
    }),
    causes: [
      [INVALID, 'spec.containers[0].resources.requests[memory]', /must be greater than or equal to 0/],
      [INVALID, 'spec.containers[0].resources.requests', /must be less than or equal to cpu limit of 1/],
    ],
  },
  {
    title: 'Pod: probes',
    resource: 'pods',
    object: podOf('probes', {
      containers: [
        {
          ...box,
          livenessProbe: { httpGet: { path: '/', port: 0 }, periodSeconds: -1 },
          readinessProbe: { timeoutSeconds: 1 },
        },
      ],
    }),
    causes: [
      [INVALID, 'spec.containers[0].livenessProbe.httpGet.port', /must be between 1 and 65535/],
      [INVALID, 'spec.containers[0].livenessProbe.periodSeconds', /must be greater than or equal to 0/],
      [REQUIRED, 'spec.containers[0].readinessProbe', /must specify a handler type/],
    ],
  },
  {
    title: 'Deployment: selector, count, strategy, restart policy',
    resource: 'apps/v1:deployments',
    object: deploymentOf('web', {
      replicas: -1,
      template: template({ restartPolicy: 'Never' }, { app: 'b' }),
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
    }),
    causes: [
      [INVALID, 'spec.replicas', /must be greater than or equal to 0/],
      [INVALID, 'spec.template.metadata.labels', /`selector` does not match template `labels`/],
      [UNSUPPORTED, 'spec.template.spec.restartPolicy', /supported values: "Always"/],
      [INVALID, 'spec.strategy.rollingUpdate.maxUnavailable', /may not be 0 when `maxSurge` is 0/],
    ],
  },
  {
    title: 'Service: ports and type',
    resource: 'services',
    object: serviceOf('web', { type: 'Odd', ports: [{ port: 0 }, { port: 80, protocol: 'ICMP' }] }),
    causes: [
      [REQUIRED, 'spec.ports[0].name'],
      [INVALID, 'spec.ports[0].port', /must be between 1 and 65535, inclusive/],
      [INVALID, 'spec.ports[0].targetPort', /must be between 1 and 65535, inclusive/],
      [REQUIRED, 'spec.ports[1].name'],
      [UNSUPPORTED, 'spec.ports[1].protocol', /supported values: "SCTP", "TCP", "UDP"/],
      [UNSUPPORTED, 'spec.type', /supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"/],
    ],
  },
  {
    title: 'Service: a node port out of range',
    resource: 'services',
    object: serviceOf('far', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
    causes: [[INVALID, 'spec.ports[0].nodePort', /The range of valid ports is 30000-32767/]],
  },
  {
    title: 'ConfigMap: keys',
    resource: 'configmaps',
    object: { metadata: { name: 'keys' }, data: { 'a/b': '1', same: '1' }, binaryData: { same: 'AA==' } },
    causes: [
      [INVALID, 'data[a/b]', /a valid config key must consist of/],
      [INVALID, 'data[same]', /duplicate of key present in binaryData/],
    ],
  },
  {
    title: 'ConfigMap: more than a mebibyte',
    resource: 'configmaps',
    object: { metadata: { name: 'big' }, data: { a: 'x'.repeat(1_100_000) } },
    causes: [['FieldValueTooLong', '', /may not be more than 1048576 bytes/]],
  },
  {
    title: 'annotations: more than 256 kibibytes',
    resource: 'configmaps',
    object: { metadata: { name: 'notes', annotations: { a: 'x'.repeat(270_000) } } },
    causes: [['FieldValueTooLong', 'metadata.annotations', /may not be more than 262144 bytes/]],
  },
  {
    title: 'Secret of type TLS: its keys',
    resource: 'secrets',
    object: { metadata: { name: 'tls' }, type: 'kubernetes.io/tls' },
    causes: [
      [REQUIRED, 'data[tls.crt]'],
      [REQUIRED, 'data[tls.key]'],
    ],
  },
  {
    title: 'Namespace: its name is a label',
    resource: 'namespaces',
    object: { metadata: { name: 'a.b' } },
    causes: [[INVALID, 'metadata.name', /must not contain dots/]],
  },
  {
    title: 'no name at all',
    resource: 'configmaps',
    object: { metadata: {} },
    causes: [[REQUIRED, 'metadata.name', /name or generateName is required/]],
  },
  {
    title: 'Job: restart policy and counts',
    resource: 'batch/v1:jobs',
    object: jobOf('job', { completions: -1, backoffLimit: -1, template: template({ restartPolicy: 'Always' }) }),
    causes: [
      [INVALID, 'spec.completions', /must be greater than or equal to 0/],
      [INVALID, 'spec.backoffLimit', /must be greater than or equal to 0/],
      [REQUIRED, 'spec.template.spec.restartPolicy', /valid values: "OnFailure", "Never"/],
    ],
  },
  {
    title: 'CronJob: schedule and policy',
    resource: 'batch/v1:cronjobs',
    object: {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'cron' },
      spec: {
        schedule: 'nope',
        concurrencyPolicy: 'Maybe',
        jobTemplate: { spec: { template: template({ restartPolicy: 'Never' }) } },
      },
    },
    causes: [
      [INVALID, 'spec.schedule', /expected exactly 5 fields, found 1: \[nope\]/],
      [UNSUPPORTED, 'spec.concurrencyPolicy', /supported values: "Allow", "Forbid", "Replace"/],
    ],
  },
  {
    title: 'Role: a rule without verbs',
    resource: 'rbac.authorization.k8s.io/v1:roles',
    object: { metadata: { name: 'role' }, rules: [{ apiGroups: [''], resources: ['pods'] }] },
    causes: [[REQUIRED, 'rules[0].verbs', /verbs must contain at least one value/]],
  },
  {
    title: 'PersistentVolumeClaim: access and size',
    resource: 'persistentvolumeclaims',
    object: { metadata: { name: 'claim' }, spec: {} },
    causes: [
      [REQUIRED, 'spec.accessModes', /at least 1 access mode is required/],
      [REQUIRED, 'spec.resources[storage]'],
    ],
  },
  {
    title: 'PodDisruptionBudget: both bounds',
    resource: 'policy/v1:poddisruptionbudgets',
    object: { metadata: { name: 'pdb' }, spec: { minAvailable: 1, maxUnavailable: 1 } },
    causes: [[INVALID, 'spec', /minAvailable and maxUnavailable cannot be both set/]],
  },
  {
    title: 'NetworkPolicy: an address that is none',
    resource: 'networking.k8s.io/v1:networkpolicies',
    object: {
      metadata: { name: 'np' },
      spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0' } }] }] },
    },
    causes: [[INVALID, 'spec.ingress[0].from[0].ipBlock.cidr', /must be a valid CIDR value/]],
  },
];

export const invalidUpdates: readonly InvalidUpdate[] = [
  {
    title: 'Deployment: the selector stays',
    resource: 'apps/v1:deployments',
    object: deploymentOf('fixed', { replicas: 0 }),
    patch: { spec: { selector: { matchLabels: { app: 'b' } }, template: { metadata: { labels: { app: 'b' } } } } },
    causes: [[INVALID, 'spec.selector', /field is immutable/]],
  },
  {
    title: 'Pod: the specification stays',
    resource: 'pods',
    object: podOf('fixed', { nodeName: 'nowhere' }),
    patch: { spec: { hostNetwork: true } },
    causes: [[FORBIDDEN, 'spec', /pod updates may not change fields other than `spec.containers\[\*\]\.image`/]],
  },
  {
    title: 'ConfigMap: what was made immutable',
    resource: 'configmaps',
    object: { metadata: { name: 'fixed' }, immutable: true, data: { a: '1' } },
    patch: { data: { a: '2' } },
    causes: [[FORBIDDEN, 'data', /field is immutable when `immutable` is set/]],
  },
  {
    title: 'Service: the cluster address stays',
    resource: 'services',
    object: serviceOf('fixed', { ports: [{ port: 80 }] }),
    patch: { spec: { clusterIP: '10.125.77.77', clusterIPs: ['10.125.77.77'] } },
    causes: [[INVALID, 'spec.clusterIPs[0]', /may not change once set/]],
  },
  {
    title: 'Secret: the type stays',
    resource: 'secrets',
    object: { metadata: { name: 'fixed' }, type: 'Opaque' },
    patch: { type: 'other' },
    causes: [[INVALID, 'type', /field is immutable/]],
  },
  {
    title: 'Job: the mode stays',
    resource: 'batch/v1:jobs',
    object: jobOf('fixed', { suspend: false, parallelism: 0, template: template({ restartPolicy: 'Never' }, {}) }),
    patch: { spec: { completionMode: 'Indexed', completions: 1 } },
    causes: [
      [INVALID, 'spec.completionMode', /field is immutable/],
      [INVALID, 'spec.completions', /can only be modified in tandem with spec.parallelism/],
    ],
  },
];
