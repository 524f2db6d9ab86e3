/**
 * What other machines need to become nodes: the rights of bootstrap tokens and the cluster's settings for node agents.
 * Source: kubernetes docs, kubelet TLS bootstrapping.
 */
import type { Manifest } from '../bootstrap/objects.ts';

const RBAC = 'rbac.authorization.k8s.io';
/** Identity of the approver below, in kube-system. */
export const NODE_CERTIFICATE_APPROVER = 'kapella-node-certificate-approver';
/** ConfigMap in kube-public: what a node agent is told by flags where it lives beside its server. */
export const NODE_SETTINGS = 'kapella-node-settings';

export interface NodeSettingsFacts {
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** How Pods reach those of other nodes: `routes` (also where it is absent) or `vxlan`. */
  readonly podNetwork?: string;
  readonly clusterDomain: string;
  readonly dnsAddress: string;
}

const group = (name: string) => ({ kind: 'Group', apiGroup: RBAC, name });
const bindingTo = (name: string, role: string, subject: object): Manifest => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'ClusterRoleBinding',
  metadata: { name },
  subjects: [subject],
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
});

export function nodeJoinRbac(): Manifest[] {
  const csrs = 'certificatesigningrequests';
  const certificates = 'certificates.k8s.io';
  return [
    bindingTo('kapella:node-bootstrapper', 'system:node-bootstrapper', group('system:bootstrappers')),
    bindingTo(
      'kapella:node-client-approval',
      `system:certificates.k8s.io:${csrs}:nodeclient`,
      group('system:bootstrappers'),
    ),
    bindingTo(
      'kapella:node-client-renewal',
      `system:certificates.k8s.io:${csrs}:selfnodeclient`,
      group('system:nodes'),
    ),
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'kapella:node-certificate-approver' },
      rules: [
        { apiGroups: [certificates], resources: [csrs], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [certificates], resources: [`${csrs}/approval`], verbs: ['update'] },
        {
          apiGroups: [certificates],
          resources: ['signers'],
          resourceNames: ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client'],
          verbs: ['approve'],
        },
        { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
      ],
    },
    bindingTo('kapella:node-certificate-approver', 'kapella:node-certificate-approver', {
      kind: 'ServiceAccount',
      name: NODE_CERTIFICATE_APPROVER,
      namespace: 'kube-system',
    }),
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name: NODE_SETTINGS, namespace: 'kube-public' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [NODE_SETTINGS], verbs: ['get'] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: { name: NODE_SETTINGS, namespace: 'kube-public' },
      subjects: [group('system:nodes'), group('system:bootstrappers')],
      roleRef: { apiGroup: RBAC, kind: 'Role', name: NODE_SETTINGS },
    },
  ];
}

export const nodeSettingsObject = (facts: NodeSettingsFacts): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: NODE_SETTINGS, namespace: 'kube-public' },
  data: { ...facts },
});
