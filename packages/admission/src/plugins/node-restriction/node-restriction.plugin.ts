/** What node agents may write. Source: kubernetes plugin/pkg/admission/noderestriction/admission.go. */
import { coreV1, type UnknownObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { type Ctx, errors, jsonEqual } from '@kapella/base';
import { isFor, podOf, refuse, withSpec } from '../../support/request.ts';
import { isOnlyCommonName } from '../certificates/subject.ts';
import { forbiddenNodeLabels } from './node-labels.ts';
import { audienceProblem } from './token-audiences.ts';

const GROUP = 'system:nodes';
const USER_PREFIX = 'system:node:';
const MIRROR = 'kubernetes.io/config.mirror';
const LEASE_NAMESPACE = 'kube-node-lease';

/** undefined for a user that is no node; '' for a node without a name. */
export function nodeNameOf({ username, groups }: AdmissionRequest['user']): string | undefined {
  if (!username.startsWith(USER_PREFIX) || !groups.includes(GROUP)) return undefined;
  return username.slice(USER_PREFIX.length);
}

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  handles: ({ operation, user }) => operation !== 'CONNECT' && nodeNameOf(user) !== undefined,

  async admit(request, server, ctx) {
    const node = nodeNameOf(request.user) ?? '';
    if (node === '') throw refuse(request, `could not determine node from user "${request.user.username}"`);
    if (isFor(request, 'pods')) await checkPods(request, node, server);
    else if (isFor(request, 'nodes')) checkNode(request, node);
    else if (isFor(request, 'persistentvolumeclaims')) checkClaim(request, node);
    else if (isFor(request, 'serviceaccounts')) await checkToken(request, node, server, ctx);
    else if (isFor(request, 'leases', 'coordination.k8s.io')) checkLease(request, node);
    else if (isFor(request, 'csinodes', 'storage.k8s.io') && request.name !== node) {
      if (request.operation !== 'CREATE' || request.object?.metadata?.name !== node) {
        throw refuse(request, 'can only access CSINode with the same name as the requesting node');
      }
    } else if (isFor(request, 'resourceslices', 'resource.k8s.io')) checkSlice(request, node);
    else if (isFor(request, 'certificatesigningrequests', 'certificates.k8s.io')) checkCertificate(request, node);
    return undefined;
  },
};

async function checkPods(request: AdmissionRequest, node: string, server: ServerAccess): Promise<void> {
  switch (request.subresource) {
    case '':
      if (request.operation === 'CREATE') return checkMirrorPod(request, node, server);
      if (request.operation === 'DELETE') {
        const pod = await existingPod(request, server);
        if (pod.spec.nodeName === node) return;
        throw refuse(request, `node "${node}" can only delete pods with spec.nodeName set to itself`);
      }
      throw refuse(
        request,
        `unexpected operation "${request.operation}", node "${node}" can only create and delete mirror pods`,
      );
    case 'status':
      return checkPodStatus(request, node);
    case 'eviction': {
      const pod = await existingPod(request, server);
      if (pod.spec.nodeName === node) return;
      throw refuse(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
    }
    default: {
      const what = `unexpected pod subresource "${request.subresource}"`;
      throw refuse(request, `${what}, only 'status' and 'eviction' are allowed`);
    }
  }
}

async function existingPod(request: AdmissionRequest, server: ServerAccess): Promise<Pod> {
  const name = request.name || request.object?.metadata?.name || '';
  const pod = await server.get(coreV1.Pod, request.namespace, name);
  if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name });
  return pod;
}

async function checkMirrorPod(request: AdmissionRequest, node: string, server: ServerAccess): Promise<void> {
  const { metadata, spec } = podOf(request);
  const no = (why: string) => refuse(request, why);
  if (metadata.annotations?.[MIRROR] === undefined) {
    throw no(`pod does not have "${MIRROR}" annotation, node "${node}" can only create mirror pods`);
  }
  if (spec.nodeName !== node) throw no(`node "${node}" can only create pods with spec.nodeName set to itself`);
  const [owner, ...others] = metadata.ownerReferences ?? [];
  const only = `node "${node}" can only create pods with`;
  if (others.length > 0) throw no(`${only} a single owner reference set to itself`);
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw no(`${only} an owner reference set to itself`);
  }
  if (owner.controller !== true) throw no(`${only} a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true)
    throw no(`node "${node}" must not set blockOwnerDeletion on an owner reference`);
  const stored = await server.get(coreV1.Node, '', node);
  if (stored === undefined) throw errors.notFound({ group: '', resource: 'nodes', name: node });
  if (owner.uid !== stored.metadata.uid) {
    throw no(`node ${node} UID mismatch: expected ${owner.uid} got ${stored.metadata.uid}`);
  }
  const kind = referenced(spec);
  if (kind !== undefined) throw no(`node "${node}" can not create pods that reference ${kind}`);
}

/** The first kind of API object that a static Pod would need. */
function referenced(spec: Pod['spec']): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  if ((spec.imagePullSecrets?.length ?? 0) > 0) return 'secrets (via imagePullSecrets)';
  for (const volume of spec.volumes ?? []) {
    if (volume.secret !== undefined) return 'secrets';
    if (volume.configMap !== undefined) return 'configmaps';
    if (volume.persistentVolumeClaim !== undefined) return 'persistentvolumeclaims';
    if (volume.projected?.sources?.some((s) => s.serviceAccountToken !== undefined))
      return 'serviceaccounts (via projected volumes)';
  }
  return (spec.resourceClaims?.length ?? 0) > 0 ? 'resourceclaims' : undefined;
}

function checkPodStatus(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'UPDATE') throw refuse(request, `unexpected operation "${request.operation}"`);
  const old = withSpec<Pod>(request.oldObject);
  const next = podOf(request);
  if (old.spec.nodeName !== node) {
    throw refuse(request, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!jsonEqual(old.metadata.labels ?? {}, next.metadata.labels ?? {})) {
    throw refuse(request, `node "${node}" cannot update labels through pod status`);
  }
  if (!jsonEqual(old.status?.resourceClaimStatuses ?? [], next.status?.resourceClaimStatuses ?? [])) {
    throw refuse(request, `node "${node}" cannot update resource claim statues`);
  }
  if (!jsonEqual(old.status?.extendedResourceClaimStatus ?? null, next.status?.extendedResourceClaimStatus ?? null)) {
    throw refuse(request, `node "${node}" cannot update extended resource claim status`);
  }
}

function checkNode(request: AdmissionRequest, node: string): void {
  const { operation, object, oldObject } = request;
  const name = request.name || object?.metadata?.name || '';
  if (name !== node) throw refuse(request, `node "${node}" is not allowed to modify node "${name}"`);
  const labels = (of: UnknownObject | undefined) => of?.metadata.labels ?? {};
  const forbidden = forbiddenNodeLabels(labels(object), labels(oldObject)).join(', ');
  if (operation === 'CREATE' && forbidden !== '') {
    throw refuse(request, `node "${node}" is not allowed to set the following labels: ${forbidden}`);
  }
  if (operation !== 'UPDATE') return;
  if (!jsonEqual(object?.spec?.taints ?? [], oldObject?.spec?.taints ?? [])) {
    throw refuse(request, `node "${node}" is not allowed to modify taints`);
  }
  if (!jsonEqual(object?.metadata.ownerReferences ?? [], oldObject?.metadata.ownerReferences ?? [])) {
    throw refuse(request, `node "${node}" is not allowed to modify ownerReferences`);
  }
  if (forbidden !== '') throw refuse(request, `is not allowed to modify labels: ${forbidden}`);
}

const CLAIM_STATUS_FIELDS = ['capacity', 'conditions', 'allocatedResources', 'allocatedResourceStatuses'];

function checkClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== 'status') throw refuse(request, 'may only update PVC status');
  if (request.operation !== 'UPDATE') throw refuse(request, `unexpected operation "${request.operation}"`);
  const fixed = (claim: UnknownObject | undefined) => ({
    metadata: { ...claim?.metadata, resourceVersion: '', managedFields: [] },
    spec: claim?.spec,
    status: Object.entries(claim?.status ?? {}).filter(([name]) => !CLAIM_STATUS_FIELDS.includes(name)),
  });
  if (jsonEqual(fixed(request.object), fixed(request.oldObject))) return;
  throw refuse(
    request,
    `node "${node}" is not allowed to update fields other than status.quantity and status.conditions`,
  );
}

/** Tokens only for Pods that run on the node. */
async function checkToken(request: AdmissionRequest, node: string, server: ServerAccess, ctx: Ctx): Promise<void> {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const ref = request.object?.spec?.boundObjectRef as
    | { apiVersion?: string; kind?: string; name?: string; uid?: string }
    | undefined;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) {
    throw refuse(request, 'node requested token not bound to a pod');
  }
  if (!ref.uid) throw refuse(request, 'node requested token with a pod binding without a uid');
  const pod = await server.get(coreV1.Pod, request.namespace, ref.name);
  if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name: ref.name });
  if (pod.metadata.uid !== ref.uid) {
    const why =
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might ` +
      'have been deleted and then recreated';
    throw refuse(request, why);
  }
  if (pod.spec.nodeName !== node) {
    throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
  }
  const problem = await audienceProblem(request, pod, server, ctx);
  if (problem !== undefined) throw refuse(request, problem);
}

function checkLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== LEASE_NAMESPACE) {
    throw refuse(request, `can only access leases in the "${LEASE_NAMESPACE}" system namespace`);
  }
  const name = request.operation === 'CREATE' ? request.object?.metadata?.name : request.name;
  if (name !== node) throw refuse(request, 'can only access node lease with the same name as the requesting node');
}

function checkSlice(request: AdmissionRequest, node: string): void {
  const slice = request.operation === 'CREATE' ? request.object : request.oldObject;
  if (slice?.spec?.nodeName === node) return;
  const verb = request.operation === 'CREATE' ? 'create' : 'access';
  throw refuse(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

const NODE_SIGNERS: ReadonlySet<unknown> = new Set([
  ...['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'],
]);

/** Certificates of nodes only for itself; what else a request holds is the signer's business. */
function checkCertificate(request: AdmissionRequest, node: string): void {
  const spec = request.object?.['spec'];
  if (request.operation !== 'CREATE' || request.subresource !== '' || !NODE_SIGNERS.has(spec?.signerName)) return;
  const name = `system:node:${node}`;
  if (isOnlyCommonName(String(spec?.request ?? ''), name)) return;
  throw refuse(request, `can only create a node CSR with CN=${name}`);
}
