/** What every new cluster holds before anyone asks: namespaces, roles, priorities, the API's own Service, DNS. */
import { dnsService } from '@kapella/dns';
import { RBAC_POLICY } from '@kapella/apiserver';
import { localPathObjects } from '@kapella/local-path';
import { nodeJoinRbac, type NodeSettingsFacts } from '../node-join/rbac.ts';
import { NODE_NETWORK_GROUP } from './groups.ts';

/** An object in plain JSON; `apiVersion` and `kind` say where it belongs. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface BootstrapFacts {
  /** First address of the Service network. */
  readonly serviceAddress: string;
  /** Address of the cluster's DNS Service. */
  /** Absent: the cluster has no DNS of ours. */
  readonly dnsAddress?: string;
  /** The nodes make volumes out of directories: there is a default StorageClass. */
  readonly localPath?: boolean;
  /** Where the API server is reached from Pods. */
  readonly apiAddress: string;
  readonly apiPort: number;
  readonly clientCa: string;
  readonly requestHeaderCa: string;
  /** What `kube-public/cluster-info` tells who joins. Absent: there is none. */
  readonly clusterInfo?: { readonly server: string; readonly ca: string };
  /** What node agents on other machines are told. Absent: there are none. */
  readonly nodeSettings?: NodeSettingsFacts;
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export function namespaces(): Manifest[] {
  return NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
}

export function rbacObjects(): Manifest[] {
  return [
    ...(RBAC_POLICY as readonly Manifest[]).map(withPatch),
    ...nodeNetworkRbac(),
    ...nodeJoinRbac(),
    ...nodeStorageRbac(),
  ];
}

/** Kapella's controllers write by patch where upstream's read and update: whoever may do the one may do the other. */
function withPatch(manifest: Manifest): Manifest {
  if (manifest.kind !== 'ClusterRole' || !manifest.metadata.name.startsWith('system:controller:')) return manifest;
  const rules = (manifest['rules'] ?? []) as readonly { readonly verbs: readonly string[] }[];
  const widened = rules.map((rule) =>
    rule.verbs.includes('update') && !rule.verbs.includes('patch')
      ? { ...rule, verbs: [...rule.verbs, 'patch'] }
      : rule,
  );
  return { ...manifest, rules: widened };
}

/** What proxy and DNS of a node may do: see Services and where they lead, and say where the node's DNS listens. */
function nodeNetworkRbac(): Manifest[] {
  const rbac = 'rbac.authorization.k8s.io';
  const subject = { kind: 'Group', apiGroup: rbac, name: NODE_NETWORK_GROUP };
  const roleRef = (kind: string, name: string) => ({ apiGroup: rbac, kind, name });
  const name = 'kapella:node-network';
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name },
      rules: [
        { apiGroups: [''], resources: ['services', 'namespaces', 'pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      subjects: [subject],
      roleRef: roleRef('ClusterRole', name),
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name, namespace: 'kube-system' },
      rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['create', 'update', 'patch'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace: 'kube-system' },
      subjects: [subject],
      roleRef: roleRef('Role', name),
    },
  ];
}

/** What a node's provisioner of directories may do beside: serve claims, and say how much room the node has. */
function nodeStorageRbac(): Manifest[] {
  const rbac = 'rbac.authorization.k8s.io';
  const name = 'kapella:node-storage';
  const read = ['get', 'list', 'watch'];
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name },
      rules: [
        { apiGroups: [''], resources: ['persistentvolumes'], verbs: [...read, 'create', 'delete'] },
        { apiGroups: [''], resources: ['persistentvolumeclaims', 'nodes'], verbs: read },
        { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: read },
        { apiGroups: ['storage.k8s.io'], resources: ['csistoragecapacities'], verbs: ['get', 'create', 'update'] },
        { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      subjects: [{ kind: 'Group', apiGroup: rbac, name: NODE_NETWORK_GROUP }],
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
    },
  ];
}

/** The default StorageClass, where nodes serve it. */
export function storageObjects({ localPath }: BootstrapFacts): readonly Manifest[] {
  return localPath === true ? localPathObjects() : [];
}

export function priorityClasses(): Manifest[] {
  const make = (name: string, value: number, description: string): Manifest => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
  });
  return [
    make(
      'system-cluster-critical',
      2_000_000_000,
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    ),
    make(
      'system-node-critical',
      2_000_001_000,
      'Used for system critical pods that must not be moved from their current node.',
    ),
  ];
}

/** `default/kubernetes`: Pods find the API server under it. Its endpoints are replaced at every start. */
export function apiService({ serviceAddress, apiAddress, apiPort }: BootstrapFacts): {
  service: Manifest;
  endpoints: Manifest[];
} {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const ports = [{ name: 'https', port: apiPort, protocol: 'TCP' }];
  return {
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, labels },
      spec: {
        type: 'ClusterIP',
        clusterIP: serviceAddress,
        clusterIPs: [serviceAddress],
        ports: [{ name: 'https', port: 443, targetPort: apiPort, protocol: 'TCP' }],
      },
    },
    endpoints: [
      {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [{ addresses: [{ ip: apiAddress }], ports }],
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [apiAddress], conditions: { ready: true } }],
        ports,
      },
    ],
  };
}

export function dnsObjects({ dnsAddress }: BootstrapFacts): Manifest[] {
  return dnsAddress === undefined ? [] : [dnsService(dnsAddress) as unknown as Manifest];
}

/** What extension API servers need to trust this one. */
export function extensionAuthentication({ clientCa, requestHeaderCa }: BootstrapFacts): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clientCa,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-client-ca-file': requestHeaderCa,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    },
  };
}

/** What whoever holds a bootstrap token needs to find and trust the cluster; the bootstrap signer signs it. Source: kubeadm. */
export function clusterInfo({ clusterInfo: info }: BootstrapFacts): Manifest[] {
  if (info === undefined) return [];
  const rbac = 'rbac.authorization.k8s.io';
  const name = 'kubeadm:bootstrap-signer-clusterinfo';
  const cluster = { 'certificate-authority-data': btoa(info.ca), server: info.server };
  const kubeconfig = {
    ...{ apiVersion: 'v1', clusters: [{ cluster, name: '' }], contexts: null, 'current-context': '' },
    ...{ kind: 'Config', preferences: {}, users: null },
  };
  return [
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info', namespace: 'kube-public' } },
      data: { kubeconfig: `${JSON.stringify(kubeconfig, undefined, 2)}\n` },
    },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { name, namespace: 'kube-public' } },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['cluster-info'], verbs: ['get'] }],
    },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name, namespace: 'kube-public' } },
      roleRef: { apiGroup: rbac, kind: 'Role', name },
      subjects: [{ apiGroup: rbac, kind: 'User', name: 'system:anonymous' }],
    },
  ];
}
