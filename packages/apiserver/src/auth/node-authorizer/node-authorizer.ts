/** What node agents may do: their own node, their own Pods, what those need. Source: kubernetes plugin/pkg/auth/authorizer/node. */
import { coreV1, resourceV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { ResourceSlice } from '@kapella/api/types/resource-v1';
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import type { CachedObject, CacheEvent, WatchCache } from '@kapella/store';
import { RBAC_POLICY } from '../../bootstrap/rbac-policy.gen.ts';
import { ALLOWED, type Attributes, type Authorizer, type Decision, NO_OPINION } from '../contract.ts';
import { followCache } from '../../registry/follow.ts';
import { selectsExactly } from '../selectors.ts';
import type { CacheSource } from '../rbac/rbac-index.ts';
import { type PolicyRule, ruleAllows } from '../rbac/rules.ts';
import { podReferences, type PodReferences } from './pod-references.ts';
import { volumeSecrets } from './volume-secrets.ts';

const NODES_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';
const LEASE_NAMESPACE = 'kube-node-lease';
const OWN_VERBS = ['get', 'create', 'update', 'patch', 'delete'];
const READ_VERBS = ['get', 'list', 'watch'];

/** The name of the node that the user is; undefined for others. */
export function nodeNameOf(user: {
  readonly username: string;
  readonly groups: readonly string[];
}): string | undefined {
  return user.username.startsWith(NODE_PREFIX) && user.groups.includes(NODES_GROUP)
    ? user.username.slice(NODE_PREFIX.length)
    : undefined;
}

export interface NodeAuthorizer extends Authorizer {
  /** Follows Pods from now on, before that nodes may read nothing that Pods refer to. Returns how to stop. */
  follow(source: CacheSource): () => void;
}

export function createNodeAuthorizer(): NodeAuthorizer {
  return new PodGraphAuthorizer();
}

/** The rules of upstream's ClusterRole `system:node`. */
function nodeRules(): readonly PolicyRule[] {
  const roles = RBAC_POLICY as readonly { kind: string; metadata: { name: string }; rules?: readonly PolicyRule[] }[];
  return roles.find((role) => role.kind === 'ClusterRole' && role.metadata.name === 'system:node')?.rules ?? [];
}

class PodGraphAuthorizer implements NodeAuthorizer {
  readonly #rules = nodeRules();
  readonly #podsOfNode = new Map<string, Map<string, CachedObject>>();
  #source: CacheSource | undefined;

  follow(source: CacheSource): () => void {
    this.#source = source;
    return followCache(this.#cache(coreV1.Pod), (events) => {
      for (const event of events) this.#follow(event);
    });
  }

  authorize(attributes: Attributes): Decision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return NO_OPINION;
    if (node === '') return no(`unknown node for user ${JSON.stringify(attributes.user.username)}`);
    return (attributes.isResource ? this.#decide(node, attributes) : undefined) ?? this.#byRules(attributes);
  }

  rulesFor(user: Attributes['user']) {
    const none = { resourceRules: [], nonResourceRules: [] };
    if (nodeNameOf(user) === undefined) return { ...none, incomplete: false };
    return { ...none, incomplete: true, error: 'node authorizer does not support user rule resolution' };
  }

  #byRules(attributes: Attributes): Decision {
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? ALLOWED : NO_OPINION;
  }

  /** undefined: the static rules decide. */
  #decide(node: string, a: Attributes): Decision | undefined {
    switch (`${a.resource}.${a.group}`) {
      case 'secrets.':
        return this.#secret(node, a);
      case 'configmaps.':
        return this.#read(node, a, (refs) => refs.configMaps.has(a.name));
      case 'persistentvolumeclaims.':
        return this.#claim(node, a);
      case 'persistentvolumes.':
        return onlyGet(a) ?? related(node, this.#usesVolume(node, a.name));
      case 'resourceclaims.resource.k8s.io': {
        return (
          onlyGet(a) ??
          related(
            node,
            this.#uses(node, a.namespace, (refs) => refs.resourceClaims.has(a.name)),
          )
        );
      }
      case 'volumeattachments.storage.k8s.io':
        return onlyGet(a) ?? related(node, this.#isAttached(node, a.name));
      case 'serviceaccounts.':
        return this.#serviceAccount(node, a);
      case 'leases.coordination.k8s.io':
        return lease(node, a);
      case 'csinodes.storage.k8s.io':
        return csiNode(node, a);
      case 'resourceslices.resource.k8s.io':
        return this.#resourceSlice(node, a);
      case 'nodes.':
        return ownNode(node, a);
      case 'pods.':
        return this.#pod(node, a);
      default:
        return undefined;
    }
  }

  #read(node: string, a: Attributes, refersTo: (refs: PodReferences) => boolean): Decision {
    if (!READ_VERBS.includes(a.verb)) return no('can only read resources of this type');
    if (a.subresource !== '') return no('cannot read subresource');
    if (a.namespace === '') return no('can only read namespaced object of this type');
    if (a.name === '') return no('No Object name found');
    return related(node, this.#uses(node, a.namespace, refersTo));
  }

  /** Of a Pod, or of a volume that a Pod's claim is bound to. */
  #secret(node: string, a: Attributes): Decision {
    const decision = this.#read(node, a, (refs) => refs.secrets.has(a.name));
    if (decision === ALLOWED || !READ_VERBS.includes(a.verb) || a.subresource !== '') return decision;
    return a.name !== '' && this.#mountsSecret(node, `${a.namespace}/${a.name}`) ? ALLOWED : decision;
  }

  #mountsSecret(node: string, secret: string): boolean {
    const claims = this.#cache(coreV1.PersistentVolumeClaim);
    const volumes = this.#cache(coreV1.PersistentVolume);
    for (const pod of this.#podsOfNode.get(node)?.values() ?? []) {
      for (const claim of referencesOf(pod).claims) {
        const bound = claims?.get(`${pod.namespace}/${claim}`)?.object<PersistentVolumeClaim>().spec?.volumeName;
        const volume = bound === undefined ? undefined : volumes?.get(bound)?.object<PersistentVolume>();
        if (volume !== undefined && volumeSecrets(volume).includes(secret)) return true;
      }
    }
    return false;
  }

  #isAttached(node: string, name: string): boolean {
    const found = this.#cache(storageV1.VolumeAttachment)?.get(name)?.object<VolumeAttachment>();
    return found?.spec.nodeName === node;
  }

  #resourceSlice(node: string, a: Attributes): Decision {
    if (a.subresource !== '') return no('cannot authorize ResourceSlice subresources');
    switch (a.verb) {
      case 'create':
        return ALLOWED; // NodeRestriction narrows it
      case 'get':
      case 'update':
      case 'patch':
      case 'delete': {
        if (a.name === '') return no('No Object name found');
        const found = this.#cache(resourceV1.ResourceSlice)?.get(a.name)?.object<ResourceSlice>();
        return related(node, found?.spec.nodeName === node);
      }
      case 'watch':
      case 'list':
      case 'deletecollection':
        if (selectsExactly(a.fieldSelector, 'spec.nodeName', node)) return ALLOWED;
        return no('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return no(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, ' +
            'deletecollection',
        );
    }
  }

  #claim(node: string, a: Attributes): Decision {
    if (a.subresource === 'status') {
      if (a.verb !== 'update' && a.verb !== 'patch') return no('can only get/update/patch this type');
    } else {
      const refusal = onlyGet(a);
      if (refusal !== undefined) return refusal;
    }
    return related(
      node,
      this.#uses(node, a.namespace, (refs) => refs.claims.has(a.name)),
    );
  }

  #serviceAccount(node: string, a: Attributes): Decision {
    const uses = (refs: PodReferences) => refs.serviceAccount === a.name;
    if (a.verb === 'get' && a.subresource === '') return this.#read(node, a, uses);
    if (a.verb !== 'create' || a.name === '') return no('can only create tokens for individual service accounts');
    if (a.subresource !== 'token') return no('can only create token subresource of serviceaccount');
    return related(node, this.#uses(node, a.namespace, uses));
  }

  #pod(node: string, a: Attributes): Decision {
    if (a.subresource === 'status') return a.verb === 'update' || a.verb === 'patch' ? ALLOWED : NO_OPINION;
    if (a.subresource === 'eviction') return a.verb === 'create' ? ALLOWED : NO_OPINION;
    if (a.subresource !== '') return NO_OPINION;
    if (a.verb === 'create' || a.verb === 'delete') return ALLOWED; // NodeRestriction narrows it
    if (!READ_VERBS.includes(a.verb)) return NO_OPINION;
    if (a.verb !== 'get' && selectsExactly(a.fieldSelector, 'spec.nodeName', node)) return ALLOWED;
    if (a.name === '') return no('can only list/watch pods with spec.nodeName field selector');
    const isOwn = this.#podsOfNode.get(node)?.has(`${a.namespace}/${a.name}`) === true;
    return related(node, isOwn);
  }

  #uses(node: string, namespace: string, refersTo: (refs: PodReferences) => boolean): boolean {
    for (const pod of this.#podsOfNode.get(node)?.values() ?? []) {
      if (pod.namespace !== namespace) continue;
      if (refersTo(referencesOf(pod))) return true;
    }
    return false;
  }

  #usesVolume(node: string, name: string): boolean {
    const volume = this.#cache(coreV1.PersistentVolume)?.get(name)?.object<PersistentVolume>();
    const claim = volume?.spec?.claimRef;
    if (claim?.namespace === undefined || claim.name === undefined) return false;
    const bound = this.#cache(coreV1.PersistentVolumeClaim)?.get(`${claim.namespace}/${claim.name}`);
    if (bound?.object<PersistentVolumeClaim>().spec?.volumeName !== name) return false;
    return this.#uses(node, claim.namespace, (refs) => refs.claims.has(claim.name as string));
  }

  #cache({ group, version, plural }: { group: string; version: string; plural: string }): WatchCache | undefined {
    return this.#source?.find(group, version, plural)?.storage?.cache;
  }

  #follow({ type, object }: CacheEvent): void {
    const node = object.fields['spec.nodeName'] ?? '';
    if (node === '') return; // a Pod is bound once and for all
    let pods = this.#podsOfNode.get(node);
    if (type === 'DELETED') {
      pods?.delete(object.key);
      if (pods?.size === 0) this.#podsOfNode.delete(node);
      return;
    }
    if (pods === undefined) {
      pods = new Map();
      this.#podsOfNode.set(node, pods);
    }
    pods.set(object.key, object);
  }
}

/** Found once for each state of a Pod. */
function referencesOf(pod: CachedObject): PodReferences {
  return pod.variant('node references', (self) => podReferences(self.object<Pod>()));
}

function no(reason: string): Decision {
  return { decision: 'none', reason };
}

function related(node: string, isRelated: boolean): Decision {
  return isRelated ? ALLOWED : no(`no relationship found between node '${node}' and this object`);
}

function onlyGet({ verb, subresource }: Attributes): Decision | undefined {
  if (verb !== 'get') return no('can only get individual resources of this type');
  return subresource === '' ? undefined : no('cannot get subresource');
}

function lease(node: string, { verb, namespace, name }: Attributes): Decision {
  if (!OWN_VERBS.includes(verb)) return no('can only get, create, update, patch, or delete a node lease');
  if (namespace !== LEASE_NAMESPACE) return no(`can only access leases in the "${LEASE_NAMESPACE}" system namespace`);
  return verb === 'create' || name === node
    ? ALLOWED
    : no('can only access node lease with the same name as the requesting node');
}

function csiNode(node: string, { verb, subresource, name }: Attributes): Decision {
  if (!OWN_VERBS.includes(verb)) return no('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return no('cannot authorize CSINode subresources');
  return verb === 'create' || name === node
    ? ALLOWED
    : no('can only access CSINode with the same name as the requesting node');
}

function ownNode(node: string, { verb, subresource, name }: Attributes): Decision {
  const isWrite = verb === 'update' || verb === 'patch';
  if (subresource === 'status') return isWrite ? ALLOWED : NO_OPINION;
  if (subresource !== '') return NO_OPINION;
  if (isWrite || verb === 'create') return ALLOWED; // NodeRestriction narrows it
  if (!READ_VERBS.includes(verb)) return NO_OPINION;
  if (name === node) return ALLOWED;
  return name === ''
    ? no(`node '${node}' cannot read all nodes, only its own Node object`)
    : no(`node '${node}' cannot read '${name}', only its own Node object`);
}
