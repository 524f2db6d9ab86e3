/** A node may do what its Pods need and no more. Source: plugin/pkg/auth/authorizer/node. Pods are read from the cache. */
import type { CachedObject } from '@kapella/store';
import { RBAC_POLICY } from '../../bootstrap/rbac-policy.gen.ts';
import { ALLOWED, type Attributes, type Authorizer, type Decision, NO_OPINION } from '../contract.ts';
import type { RbacSource } from '../rbac/rbac-authorizer.ts';
import { type PolicyRule, ruleAllows } from '../rbac/rules.ts';

const NODE_PREFIX = 'system:node:';
const NODES_GROUP = 'system:nodes';
const LEASE_NAMESPACE = 'kube-node-lease';

export interface NodeAuthorizer extends Authorizer {
  /** Reads Pods and volumes of this server from now on; before that nodes may read nothing that Pods refer to. */
  follow(source: RbacSource): void;
}

export function createNodeAuthorizer(): NodeAuthorizer {
  const rules = nodeRules();
  let source: RbacSource | undefined;
  return {
    follow(next) {
      source = next;
    },
    authorize(request) {
      const node = nodeOf(request);
      if (node === undefined) return NO_OPINION;
      const special = authorizeByGraph(request, node, source);
      if (special !== undefined) return special;
      return rules.some((rule) => ruleAllows(rule, request)) ? ALLOWED : NO_OPINION;
    },
  };
}

/** The rules of upstream's ClusterRole `system:node`. */
function nodeRules(): readonly PolicyRule[] {
  const roles = RBAC_POLICY as readonly { kind: string; metadata: { name: string }; rules?: readonly PolicyRule[] }[];
  return roles.find((role) => role.kind === 'ClusterRole' && role.metadata.name === 'system:node')?.rules ?? [];
}

function nodeOf({ user }: Attributes): string | undefined {
  if (!user.groups.includes(NODES_GROUP) || !user.username.startsWith(NODE_PREFIX)) return undefined;
  return user.username.slice(NODE_PREFIX.length);
}

const REFUSED = (why: string): Decision => ({ decision: 'none', reason: why });

/** undefined: not one of the resources that the graph decides. */
function authorizeByGraph(request: Attributes, node: string, source: RbacSource | undefined): Decision | undefined {
  const { resource, group, namespace, name, subresource } = request;
  if (!request.isResource) return undefined;
  if (group === '' && (resource === 'secrets' || resource === 'configmaps' || resource === 'persistentvolumeclaims')) {
    return authorizeReference(request, node, source);
  }
  if (group === '' && resource === 'persistentvolumes') {
    if (request.verb !== 'get') return REFUSED(`can only read resources of this type`);
    return volumeIsUsed(source, node, name) ? ALLOWED : noRelationship(node, request);
  }
  if (group === '' && resource === 'serviceaccounts' && subresource === 'token') {
    if (request.verb !== 'create') return REFUSED('can only create tokens for individual service accounts');
    return anyPod(source, node, namespace, (refs) => refs.serviceAccount === name) ? ALLOWED : noRelationship(node, request);
  }
  if (group === 'coordination.k8s.io' && resource === 'leases') {
    if (namespace !== LEASE_NAMESPACE) return REFUSED(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
    if (request.verb === 'create' || name === node) return ALLOWED;
    return REFUSED('can only access node lease with the same name as the requesting node');
  }
  return undefined;
}

function authorizeReference(request: Attributes, node: string, source: RbacSource | undefined): Decision {
  const { verb, resource, namespace, name, subresource } = request;
  if (resource === 'persistentvolumeclaims' && subresource === 'status' && (verb === 'update' || verb === 'patch')) {
    return anyPod(source, node, namespace, (refs) => refs.persistentvolumeclaims.has(name)) ? ALLOWED : noRelationship(node, request);
  }
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return REFUSED('can only read resources of this type');
  if (name === '') return REFUSED('can only read namespaced object of this type');
  const kind = resource as 'secrets' | 'configmaps' | 'persistentvolumeclaims';
  return anyPod(source, node, namespace, (refs) => refs[kind].has(name)) ? ALLOWED : noRelationship(node, request);
}

function noRelationship(node: string, { resource }: Attributes): Decision {
  return REFUSED(`no relationship found between node '${node}' and this object (${resource})`);
}

interface References {
  readonly secrets: ReadonlySet<string>;
  readonly configmaps: ReadonlySet<string>;
  readonly persistentvolumeclaims: ReadonlySet<string>;
  readonly serviceAccount: string;
}

function anyPod(source: RbacSource | undefined, node: string, namespace: string, test: (refs: References) => boolean): boolean {
  const cache = source?.find('', 'v1', 'pods')?.storage.cache;
  if (cache === undefined) return false;
  const matches = (pod: CachedObject) => pod.fields['spec.nodeName'] === node && test(pod.variant('nodeReferences', referencesOf));
  return cache.list({ namespace, matches, limit: 1 }).items.length > 0;
}

/** A volume is used where a claim that it is bound to is. */
function volumeIsUsed(source: RbacSource | undefined, node: string, name: string): boolean {
  const volume = source?.find('', 'v1', 'persistentvolumes')?.storage.cache.get(name);
  const claim = volume?.object<{ spec: { claimRef?: { namespace: string; name: string } } }>().spec.claimRef;
  if (claim === undefined) return false;
  return anyPod(source, node, claim.namespace, (refs) => refs.persistentvolumeclaims.has(claim.name));
}

/** Everything by name that a Pod makes its node read: found by the field names under which Pods refer to things. */
function referencesOf(pod: CachedObject): References {
  const secrets = new Set<string>();
  const configmaps = new Set<string>();
  const persistentvolumeclaims = new Set<string>();
  const { spec, metadata } = pod.object<{ spec: Record<string, unknown>; metadata: { name: string } }>();
  const visit = (key: string, value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(key, item);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const { name, secretName, claimName } = value as Record<string, unknown>;
    if (SECRET_KEYS.has(key)) addText(secrets, name, secretName);
    if (CONFIG_MAP_KEYS.has(key)) addText(configmaps, name);
    if (key === 'persistentVolumeClaim') addText(persistentvolumeclaims, claimName);
    if (key === 'volumes' && 'ephemeral' in value) addText(persistentvolumeclaims, `${metadata.name}-${String(name)}`);
    for (const [field, inner] of Object.entries(value)) visit(field, inner);
  };
  visit('spec', spec);
  return { secrets, configmaps, persistentvolumeclaims, serviceAccount: String(spec['serviceAccountName'] ?? 'default') };
}

const SECRET_KEYS = new Set([
  'secret', 'secretRef', 'secretKeyRef', 'imagePullSecrets', 'nodePublishSecretRef', 'nodeStageSecretRef', 'controllerExpandSecretRef',
]);
const CONFIG_MAP_KEYS = new Set(['configMap', 'configMapRef', 'configMapKeyRef']);

function addText(set: Set<string>, ...values: readonly unknown[]): void {
  for (const value of values) if (typeof value === 'string' && value !== '') set.add(value);
}
