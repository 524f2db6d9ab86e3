/** Role-based access control. Source: kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go. */
import type { UserInfo } from '../../resource.ts';
import type { Attributes, Authorizer, Decision, NonResourceRule, ResourceRule, RulesAnswer } from '../contract.ts';
import { type CacheSource, type Grant, RbacIndex } from './rbac-index.ts';
import { type PolicyRule, ruleAllows } from './rules.ts';

const MEMO_MAX = 4_096;

/** Finds the caches of the RBAC kinds: a server's registry. */
export type RbacSource = CacheSource;

export interface RbacAuthorizer extends Authorizer {
  /** Follows the server's RBAC objects from now on; before that nothing is allowed. Returns how to stop. */
  follow(source: RbacSource): () => void;
  /** undefined: there is no such role. */
  rulesOfRole(kind: string, namespace: string, name: string): readonly PolicyRule[] | undefined;
}

export function createRbacAuthorizer(): RbacAuthorizer {
  return new IndexedRbac();
}

class IndexedRbac implements RbacAuthorizer {
  readonly #index = new RbacIndex();
  readonly #memo = new Map<string, Decision>();
  #memoGeneration = -1;

  follow(source: RbacSource): () => void {
    return this.#index.follow(source);
  }

  rulesOfRole(kind: string, namespace: string, name: string): readonly PolicyRule[] | undefined {
    return this.#index.rulesOf(kind === 'ClusterRole' ? `ClusterRole/${name}` : `${namespace}/${name}`);
  }

  authorize(attributes: Attributes): Decision {
    if (this.#memoGeneration !== this.#index.generation) {
      this.#memo.clear();
      this.#memoGeneration = this.#index.generation;
    }
    const key = memoKey(attributes);
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const decision = this.#decide(attributes);
    if (this.#memo.size >= MEMO_MAX) this.#memo.clear();
    this.#memo.set(key, decision);
    return decision;
  }

  rulesFor(user: UserInfo, namespace: string): RulesAnswer {
    const resourceRules: ResourceRule[] = [];
    const nonResourceRules: NonResourceRule[] = [];
    for (const grant of this.#grants(user, namespace)) {
      for (const rule of this.#index.rulesOf(grant.role) ?? []) {
        const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
        if (resources.length > 0) {
          resourceRules.push({ verbs, apiGroups, resources, ...(resourceNames.length === 0 ? {} : { resourceNames }) });
        }
        if (nonResourceURLs.length > 0 && grant.namespace === '') nonResourceRules.push({ verbs, nonResourceURLs });
      }
    }
    return { resourceRules, nonResourceRules, incomplete: false };
  }

  #decide(attributes: Attributes): Decision {
    const missing: string[] = [];
    for (const grant of this.#grants(attributes.user, attributes.isResource ? attributes.namespace : '')) {
      const rules = this.#index.rulesOf(grant.role);
      if (rules === undefined) {
        missing.push(notFound(grant.role));
        continue;
      }
      if (rules.some((rule) => ruleAllows(rule, attributes))) {
        return { decision: 'allow', reason: `RBAC: allowed by ${grant.binding} to ${grant.subject}` };
      }
    }
    const different = [...new Set(missing)];
    const text = different.length === 1 ? different[0] : `[${different.join(', ')}]`;
    return { decision: 'none', reason: missing.length === 0 ? '' : `RBAC: ${text}` };
  }

  *#grants(user: UserInfo, namespace: string): Iterable<Grant> {
    const subjects = [`u:${user.username}`, ...user.groups.map((group) => `g:${group}`)];
    for (const subject of subjects) {
      for (const grant of this.#index.grantsOf(subject) ?? []) {
        if (grant.namespace === '' || grant.namespace === namespace) yield grant;
      }
    }
  }
}

function memoKey({ user, verb, isResource, group, resource, subresource, namespace, name, path }: Attributes): string {
  const what = isResource ? `${group}\0${resource}\0${subresource}\0${namespace}\0${name}` : path;
  return `${user.username}\0${user.groups.join('\x01')}\0${verb}\0${isResource}\0${what}`;
}

function notFound(role: string): string {
  const [kind, name] = role.startsWith('ClusterRole/')
    ? ['clusterrole', role.slice('ClusterRole/'.length)]
    : ['role', role.slice(role.indexOf('/') + 1)];
  return `${kind}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
}
