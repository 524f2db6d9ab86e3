/** Roles and bindings as an index from subject to rules, kept by watching. Source: kubernetes pkg/registry/rbac/validation. */
import { compileLabelSelector } from '@kapella/api';
import type { CachedObject, CacheEvent, WatchCache } from '@kapella/store';
import { followCache } from '../../registry/follow.ts';
import type { PolicyRule } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** Finds the caches of kinds: a server's registry. */
export interface CacheSource {
  find(
    group: string,
    version: string,
    plural: string,
  ): { readonly storage: { readonly cache: WatchCache } | undefined } | undefined;
}

interface RoleObject {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly rules?: readonly PolicyRule[] | null;
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly object[] };
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

interface BindingObject {
  readonly subjects?: readonly Subject[] | null;
  readonly roleRef: { readonly kind: string; readonly name: string };
}

interface Role {
  readonly object: RoleObject;
  readonly own: readonly PolicyRule[];
}

/** One subject of one binding. */
export interface Grant {
  /** '' : in the whole cluster. */
  readonly namespace: string;
  /** `ClusterRole/name` or `namespace/name`. */
  readonly role: string;
  /** For the reason of an answer. */
  readonly binding: string;
  readonly subject: string;
}

export class RbacIndex {
  readonly #clusterRoles = new Map<string, Role>();
  readonly #roles = new Map<string, Role>();
  readonly #grantsOfBinding = new Map<string, readonly (readonly [string, Grant])[]>();
  readonly #grants = new Map<string, Set<Grant>>();
  /** Rules of aggregated roles, forgotten when any cluster role changes. */
  #aggregated = new Map<string, readonly PolicyRule[]>();
  /** Grows with each change: answers may be kept for one generation. */
  generation = 0;

  /** Keeps up with the objects from now on. Returns how to stop. */
  follow(source: CacheSource): () => void {
    const stops = [
      this.#follow(source, 'clusterroles', (event) => this.#role(this.#clusterRoles, event)),
      this.#follow(source, 'roles', (event) => this.#role(this.#roles, event)),
      this.#follow(source, 'clusterrolebindings', (event) => this.#binding(event)),
      this.#follow(source, 'rolebindings', (event) => this.#binding(event)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Grants of `u:name` or `g:group`. */
  grantsOf(subject: string): ReadonlySet<Grant> | undefined {
    return this.#grants.get(subject);
  }

  /** undefined: there is no such role. */
  rulesOf(role: string): readonly PolicyRule[] | undefined {
    if (!role.startsWith('ClusterRole/')) return this.#roles.get(role)?.own;
    const name = role.slice('ClusterRole/'.length);
    const found = this.#clusterRoles.get(name);
    if (found === undefined || found.object.aggregationRule === undefined) return found?.own;
    let rules = this.#aggregated.get(name);
    if (rules === undefined) {
      rules = this.#aggregate(name, new Set());
      this.#aggregated.set(name, rules);
    }
    return rules;
  }

  /** The controller that writes these rules into the role may be late or not there: they hold at once all the same. */
  #aggregate(name: string, seen: Set<string>): readonly PolicyRule[] {
    const role = this.#clusterRoles.get(name);
    if (role === undefined || seen.has(name)) return [];
    seen.add(name);
    const selectors = (role.object.aggregationRule?.clusterRoleSelectors ?? []).map((selector) =>
      compileLabelSelector(selector as never),
    );
    const rules = [...role.own];
    for (const [other, { object }] of this.#clusterRoles) {
      if (other === name || !selectors.some((selector) => selector.matches(object.metadata.labels))) continue;
      rules.push(...this.#aggregate(other, seen));
    }
    return rules;
  }

  #follow(source: CacheSource, plural: string, apply: (event: CacheEvent) => void): () => void {
    return followCache(source.find(GROUP, 'v1', plural)?.storage?.cache, (events) => {
      for (const event of events) apply(event);
      this.#aggregated = new Map();
      this.generation++;
    });
  }

  #role(roles: Map<string, Role>, { type, object }: CacheEvent): void {
    if (type === 'DELETED') {
      roles.delete(object.key);
      return;
    }
    const decoded = object.object<RoleObject>();
    roles.set(object.key, { object: decoded, own: decoded.rules ?? [] });
  }

  #binding({ type, object }: CacheEvent): void {
    const key = `${object.namespace}/${object.name}`;
    for (const [subject, grant] of this.#grantsOfBinding.get(key) ?? []) {
      const grants = this.#grants.get(subject);
      grants?.delete(grant);
      if (grants?.size === 0) this.#grants.delete(subject);
    }
    this.#grantsOfBinding.delete(key);
    if (type === 'DELETED') return;
    const made = grantsOfBinding(object);
    this.#grantsOfBinding.set(key, made);
    for (const [subject, grant] of made) {
      const grants = this.#grants.get(subject) ?? new Set();
      this.#grants.set(subject, grants);
      grants.add(grant);
    }
  }
}

function grantsOfBinding(object: CachedObject): readonly (readonly [string, Grant])[] {
  const { subjects, roleRef } = object.object<BindingObject>();
  const { namespace, name } = object;
  const role = roleRef.kind === 'ClusterRole' ? `ClusterRole/${roleRef.name}` : `${namespace}/${roleRef.name}`;
  const binding =
    namespace === ''
      ? `ClusterRoleBinding ${JSON.stringify(name)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)}`
      : `RoleBinding ${JSON.stringify(`${name}/${namespace}`)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  return (subjects ?? []).flatMap((subject) => {
    const key = subjectKey(subject, namespace);
    const shown =
      subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name;
    const text = `${subject.kind} ${JSON.stringify(shown)}`;
    return key === undefined ? [] : [[key, { namespace, role, binding, subject: text }] as const];
  });
}

function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string | undefined {
  if (kind === 'User') return `u:${name}`;
  if (kind === 'Group') return `g:${name}`;
  const own = namespace === '' ? bindingNamespace : namespace;
  return kind === 'ServiceAccount' && own !== '' ? `u:system:serviceaccount:${own}:${name}` : undefined;
}
