/** One good object of each kind that is compared, with as many of its fields as fit together. */
/** As a client sends it. */
export interface Seed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

const metadata = (name: string, more: object = {}) => ({ name, namespace: 'ns', labels: { app: 'a' }, ...more });
const cluster = (name: string) => ({ name, labels: { app: 'a' } });
const selector = { matchLabels: { app: 'a' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] };

const probe = {
  httpGet: { path: '/', port: 80, scheme: 'HTTP' },
  periodSeconds: 5,
  timeoutSeconds: 1,
  failureThreshold: 3,
};
const podSpec = {
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  serviceAccountName: 'default',
  terminationGracePeriodSeconds: 30,
  hostname: 'host',
  subdomain: 'sub',
  nodeSelector: { disk: 'ssd' },
  imagePullSecrets: [{ name: 'pull' }],
  hostAliases: [{ ip: '10.0.0.9', hostnames: ['other'] }],
  readinessGates: [{ conditionType: 'example.com/ready' }],
  tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 5 }],
  securityContext: {
    runAsUser: 1000,
    runAsGroup: 1000,
    fsGroup: 1,
    supplementalGroups: [1],
    sysctls: [{ name: 'a.b', value: '1' }],
  },
  dnsConfig: { nameservers: ['10.0.0.10'], searches: ['a.b'], options: [{ name: 'ndots', value: '5' }] },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
      },
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: { matchExpressions: [{ key: 'n', operator: 'Gt', values: ['5'] }] } },
      ],
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: selector, topologyKey: 'zone', namespaces: ['x'] },
      ],
    },
  },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector, minDomains: 2 },
  ],
  volumes: [
    { name: 'empty', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
    { name: 'host', hostPath: { path: '/tmp', type: 'Directory' } },
    { name: 'secret', secret: { secretName: 's', defaultMode: 420, items: [{ key: 'k', path: 'p', mode: 256 }] } },
    { name: 'config', configMap: { name: 'c', defaultMode: 420, items: [{ key: 'k', path: 'p' }] } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'pvc', readOnly: true } },
    {
      name: 'downward',
      downwardAPI: { items: [{ path: 'labels', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } }] },
    },
    {
      name: 'projected',
      projected: {
        defaultMode: 420,
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3600, audience: 'a' } },
          { secret: { name: 's' } },
        ],
      },
    },
    { name: 'csi', csi: { driver: 'd.example.com', fsType: 'ext4' } },
    { name: 'nfs', nfs: { server: 's', path: '/p' } },
  ],
  initContainers: [{ name: 'init', image: 'i', restartPolicy: 'Always', startupProbe: probe }],
  containers: [
    {
      name: 'main',
      image: 'i:1',
      imagePullPolicy: 'Always',
      command: ['a'],
      workingDir: '/w',
      ports: [{ name: 'http', containerPort: 80, hostPort: 8080, protocol: 'TCP', hostIP: '10.0.0.1' }],
      env: [
        { name: 'PLAIN', value: 'v' },
        { name: 'FIELD', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
        {
          name: 'RES',
          valueFrom: { resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' } },
        },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      ],
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }],
      resources: { requests: { cpu: '100m', memory: '1Mi' }, limits: { cpu: '200m', memory: '2Mi' } },
      volumeMounts: [{ name: 'empty', mountPath: '/e', subPath: 'x', readOnly: true, mountPropagation: 'None' }],
      livenessProbe: probe,
      readinessProbe: { tcpSocket: { port: 'http' }, successThreshold: 2 },
      lifecycle: { preStop: { exec: { command: ['x'] } }, postStart: { sleep: { seconds: 1 } } },
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      securityContext: {
        capabilities: { add: ['NET_ADMIN'] },
        allowPrivilegeEscalation: true,
        procMount: 'Default',
        seccompProfile: { type: 'Localhost', localhostProfile: 'p' },
      },
    },
  ],
};
const template = {
  metadata: { labels: { app: 'a', tier: 'web' }, annotations: { a: 'b' } },
  spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
};
const jobTemplate = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const claimSpec = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' }, limits: { storage: '2Gi' } },
  storageClassName: 'fast',
  volumeMode: 'Filesystem',
  selector: { matchLabels: { a: 'b' } },
  dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' },
};
const jobSpec = {
  ...{ parallelism: 2, completions: 3, backoffLimit: 4, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 5 },
  ...{
    completionMode: 'Indexed',
    suspend: true,
    podReplacementPolicy: 'Failed',
    maxFailedIndexes: 1,
    backoffLimitPerIndex: 1,
  },
  podFailurePolicy: {
    rules: [
      { action: 'FailJob', onExitCodes: { containerName: 'c', operator: 'In', values: [1, 2] } },
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ],
  },
  successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
  template: jobTemplate,
};

export const SEEDS: readonly Seed[] = [
  { apiVersion: 'v1', kind: 'Pod', metadata: metadata('p', { annotations: { note: 'x' } }), spec: podSpec },
  {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: metadata('s') },
    spec: {
      ...{ type: 'LoadBalancer', selector: { app: 'a' }, sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' },
      ...{ internalTrafficPolicy: 'Cluster', loadBalancerSourceRanges: ['10.0.0.0/8'], externalIPs: ['192.0.2.9'] },
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } },
      ...{ loadBalancerClass: 'example.com/lb', publishNotReadyAddresses: true, trafficDistribution: 'PreferClose' },
      ports: [
        { name: 'http', port: 80, targetPort: 'web', protocol: 'TCP', appProtocol: 'http' },
        { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
      ],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('n'),
    spec: { type: 'ExternalName', externalName: 'a.example.com' },
  },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata('c'), spec: claimSpec },
  {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: cluster('v') },
    spec: {
      ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Retain' },
      ...{ storageClassName: 'fast', volumeMode: 'Filesystem', mountOptions: ['ro'] },
      csi: {
        driver: 'd.example.com',
        volumeHandle: 'h',
        fsType: 'ext4',
        nodePublishSecretRef: { name: 's', namespace: 'ns' },
      },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'z', operator: 'In', values: ['a'] }] }] },
      },
      claimRef: { namespace: 'ns', name: 'c' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('m'),
    data: { key: 'value' },
    binaryData: { bin: 'AAAA' },
    immutable: false,
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('x'),
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': 'AAAA', 'tls.key': 'AAAA' },
  },
  {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: cluster('n') },
    spec: {
      podCIDR: '10.1.0.0/24',
      podCIDRs: ['10.1.0.0/24'],
      providerID: 'x://y',
      taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }],
    },
  },
  { apiVersion: 'v1', kind: 'Namespace', metadata: cluster('other'), spec: { finalizers: ['kubernetes'] } },
  {
    ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: metadata('l') },
    spec: {
      limits: [
        {
          ...{ type: 'Container', max: { cpu: '2' }, min: { cpu: '100m' }, default: { cpu: '1' } },
          ...{ defaultRequest: { cpu: '500m' }, maxLimitRequestRatio: { cpu: '4' } },
        },
        { type: 'PersistentVolumeClaim', max: { storage: '10Gi' }, min: { storage: '1Gi' } },
      ],
    },
  },
  {
    ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('q') },
    spec: {
      hard: { pods: '10', 'requests.cpu': '4', 'count/deployments.apps': '5' },
      scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] },
    },
  },
  {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata('d') },
    spec: {
      ...{
        replicas: 3,
        selector,
        minReadySeconds: 5,
        revisionHistoryLimit: 4,
        progressDeadlineSeconds: 60,
        paused: false,
      },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
      template,
    },
  },
  {
    ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: metadata('ss') },
    spec: {
      ...{ replicas: 3, selector, serviceName: 'svc', podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 4 },
      ...{ minReadySeconds: 1, ordinals: { start: 1 } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1, maxUnavailable: 1 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
      template,
    },
  },
  {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: metadata('ds') },
    spec: {
      ...{ selector, minReadySeconds: 1, revisionHistoryLimit: 2 },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template,
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata('rs'),
    spec: { replicas: 2, selector, minReadySeconds: 1, template },
  },
  { apiVersion: 'batch/v1', kind: 'Job', metadata: metadata('j'), spec: jobSpec },
  {
    ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: metadata('cj') },
    spec: {
      ...{
        schedule: '*/5 * * * *',
        timeZone: 'Europe/Berlin',
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: 10,
      },
      ...{ suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
      jobTemplate: { spec: { backoffLimit: 2, template: jobTemplate } },
    },
  },
  {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: metadata('np') },
    spec: {
      podSelector: selector,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          ports: [
            { protocol: 'TCP', port: 80, endPort: 90 },
            { protocol: 'UDP', port: 'dns' },
          ],
          from: [
            { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
            { podSelector: selector, namespaceSelector: selector },
          ],
        },
      ],
      egress: [{ to: [{ namespaceSelector: {} }] }],
    },
  },
  {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: metadata('i') },
    spec: {
      ingressClassName: 'nginx',
      defaultBackend: { service: { name: 's', port: { number: 80 } } },
      tls: [{ hosts: ['a.example.com'], secretName: 't' }],
      rules: [
        {
          host: '*.example.com',
          http: {
            paths: [
              { path: '/a', pathType: 'Prefix', backend: { service: { name: 's', port: { name: 'http' } } } },
              {
                path: '/b',
                pathType: 'Exact',
                backend: { resource: { apiGroup: 'g.example.com', kind: 'K', name: 'n' } },
              },
            ],
          },
        },
      ],
    },
  },
  {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: cluster('ic') },
    spec: {
      controller: 'example.com/c',
      parameters: { apiGroup: 'g.example.com', kind: 'K', name: 'n', scope: 'Namespace', namespace: 'x' },
    },
  },
  {
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: metadata('h') },
    spec: {
      ...{ scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, minReplicas: 1, maxReplicas: 5 },
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        {
          type: 'Pods',
          pods: { metric: { name: 'm', selector }, target: { type: 'AverageValue', averageValue: '10' } },
        },
        {
          type: 'Object',
          object: {
            ...{ metric: { name: 'm' }, target: { type: 'Value', value: '10' } },
            describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' },
          },
        },
        { type: 'External', external: { metric: { name: 'm' }, target: { type: 'Value', value: '10' } } },
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 5 } },
        },
      ],
      behavior: {
        scaleUp: {
          stabilizationWindowSeconds: 5,
          selectPolicy: 'Max',
          policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }],
        },
        scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: 'Percent', value: 10, periodSeconds: 60 }] },
      },
    },
  },
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: cluster('cr') },
    aggregationRule: { clusterRoleSelectors: [selector] },
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'], resourceNames: ['a'] },
      { nonResourceURLs: ['/healthz'], verbs: ['get'] },
    ],
  },
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: metadata('r') },
    rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'], resourceNames: ['a'] }],
  },
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: metadata('rb') },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' },
      { kind: 'ServiceAccount', name: 'sa', namespace: 'ns' },
    ],
  },
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: cluster('crb') },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
    subjects: [{ kind: 'Group', name: 'g', apiGroup: 'rbac.authorization.k8s.io' }],
  },
  {
    ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: metadata('pdb') },
    spec: { minAvailable: '50%', selector, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  },
  {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: cluster('sc') },
    ...{ provisioner: 'p.example.com', parameters: { a: 'b' }, reclaimPolicy: 'Delete', mountOptions: ['ro'] },
    ...{ allowVolumeExpansion: true, volumeBindingMode: 'WaitForFirstConsumer' },
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a', 'b'] }] }],
  },
  {
    ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: cluster('pc') },
    ...{ value: 1000, globalDefault: false, description: 'x', preemptionPolicy: 'Never' },
  },
  {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: metadata('le') },
    spec: { holderIdentity: 'me', leaseDurationSeconds: 10, leaseTransitions: 1 },
  },
  {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: metadata('es'), addressType: 'IPv4' },
    endpoints: [
      {
        ...{ addresses: ['10.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, hostname: 'h' },
        ...{
          nodeName: 'n',
          zone: 'z',
          hints: { forZones: [{ name: 'z' }] },
          targetRef: { kind: 'Pod', name: 'p', namespace: 'ns' },
        },
      },
    ],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', appProtocol: 'http' }],
  },
];
