/** Role-based access control over an index of subjects that follows the four RBAC kinds. Source: …/authorizer/rbac/rbac.go. */
import type { CachedObject, WatchCache } from '@kapella/store';
import type { UserInfo } from '../../resource.ts';
import type { Attributes, Authorizer, Decision, RulesAnswer } from '../contract.ts';
import { type PolicyRule, ruleAllows } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';

interface Role {
  readonly rules?: readonly PolicyRule[] | null;
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

interface Binding {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly subjects?: readonly Subject[] | null;
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** Finds the caches of the RBAC kinds: a server's registry. */
export interface RbacSource {
  find(group: string, version: string, plural: string): { readonly storage: { readonly cache: WatchCache } } | undefined;
}

export interface RbacAuthorizer extends Authorizer {
  /** Follows the server's RBAC objects from now on; before that nothing is allowed. Returns how to stop. */
  follow(source: RbacSource): () => void;
}

export function createRbacAuthorizer(): RbacAuthorizer {
  return new IndexedRbac();
}

class IndexedRbac implements RbacAuthorizer {
  /** `name` of ClusterRoles, `namespace/name` of Roles. */
  readonly #rules = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  /** Scope (namespace, '' = cluster) -> subject -> bindings. */
  readonly #bySubject = new Map<string, Map<string, Set<Binding>>>();

  follow(source: RbacSource): () => void {
    const stops = [
      this.#watch(source, 'clusterroles', (key, role: Role | undefined) => this.#setRole(key, role)),
      this.#watch(source, 'roles', (key, role: Role | undefined) => this.#setRole(key, role)),
      this.#watch(source, 'clusterrolebindings', (key, binding: Binding | undefined) => this.#setBinding(key, binding)),
      this.#watch(source, 'rolebindings', (key, binding: Binding | undefined) => this.#setBinding(key, binding)),
    ];
    return () => stops.forEach((stop) => stop());
  }

  authorize(request: Attributes): Decision {
    const missing: string[] = [];
    for (const { binding, subject } of this.#bindingsOf(request.user, request.namespace)) {
      const rules = this.#rulesOf(binding);
      if (rules === undefined) {
        missing.push(`${binding.roleRef.kind.toLowerCase()}.${GROUP} ${JSON.stringify(binding.roleRef.name)} not found`);
      } else if (rules.some((rule) => ruleAllows(rule, request))) {
        return { decision: 'allow', reason: allowedBy(binding, subject) };
      }
    }
    const reason = missing.length === 0 ? '' : `RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`}`;
    return { decision: 'none', reason };
  }

  rulesFor(user: UserInfo, namespace: string): RulesAnswer {
    const rules = [...this.#bindingsOf(user, namespace)].flatMap(({ binding }) => this.#rulesOf(binding) ?? []);
    const isPathRule = (rule: PolicyRule) => (rule.nonResourceURLs ?? []).length > 0;
    return {
      resourceRules: rules
        .filter((rule) => !isPathRule(rule))
        .map(({ verbs, apiGroups = [], resources = [], resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames && { resourceNames }) })),
      nonResourceRules: rules.filter(isPathRule).map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    };
  }

  #watch<T>(source: RbacSource, plural: string, set: (key: string, object: T | undefined) => void): () => void {
    const cache = source.find(GROUP, 'v1', plural)?.storage.cache;
    if (cache === undefined) return () => {};
    const take = (type: string, object: CachedObject) => {
      const key = `${plural}/${object.key}`;
      set(key, type === 'DELETED' ? undefined : object.object<T>());
    };
    let stop = () => {};
    const start = () => {
      stop = cache.watch(
        { after: 'now', initial: true },
        {
          events: (events) => events.forEach(({ type, object }) => take(type, object)),
          initialEnd: () => {},
          closed: (error) => {
            if (error !== undefined) cache.waitFor(0, NEVER).then(start, () => {});
          },
        },
      );
    };
    start();
    return () => stop();
  }

  #setRole(key: string, role: Role | undefined): void {
    if (role === undefined) this.#rules.delete(key);
    else this.#rules.set(key, role.rules ?? []);
  }

  #setBinding(key: string, binding: Binding | undefined): void {
    const old = this.#bindings.get(key);
    if (old !== undefined) for (const subject of subjectKeys(old)) this.#subjects(scopeOf(old)).get(subject)?.delete(old);
    if (binding === undefined) {
      this.#bindings.delete(key);
      return;
    }
    this.#bindings.set(key, binding);
    const subjects = this.#subjects(scopeOf(binding));
    for (const subject of subjectKeys(binding)) {
      const bindings = subjects.get(subject) ?? new Set();
      bindings.add(binding);
      subjects.set(subject, bindings);
    }
  }

  #subjects(scope: string): Map<string, Set<Binding>> {
    let subjects = this.#bySubject.get(scope);
    if (subjects === undefined) {
      subjects = new Map();
      this.#bySubject.set(scope, subjects);
    }
    return subjects;
  }

  *#bindingsOf(user: UserInfo, namespace: string): Iterable<{ readonly binding: Binding; readonly subject: string }> {
    for (const scope of namespace === '' ? [''] : ['', namespace]) {
      const subjects = this.#bySubject.get(scope);
      if (subjects === undefined) continue;
      for (const binding of subjects.get(`User ${user.username}`) ?? []) yield { binding, subject: `User ${JSON.stringify(user.username)}` };
      for (const group of user.groups) {
        for (const binding of subjects.get(`Group ${group}`) ?? []) yield { binding, subject: `Group ${JSON.stringify(group)}` };
      }
    }
  }

  #rulesOf(binding: Binding): readonly PolicyRule[] | undefined {
    const { kind, name } = binding.roleRef;
    return this.#rules.get(kind === 'ClusterRole' ? `clusterroles/${name}` : `roles/${scopeOf(binding)}/${name}`);
  }
}

/** The cache's own timer ends a wait that nobody needs any more. */
const NEVER = { clock: { setTimer: () => ({ cancel() {} }) } } as never;

const scopeOf = (binding: Binding) => binding.metadata.namespace ?? '';

/** Service accounts are users by another name. */
function subjectKeys(binding: Binding): string[] {
  return (binding.subjects ?? []).map(({ kind, name, namespace }) =>
    kind === 'ServiceAccount' ? `User system:serviceaccount:${namespace ?? scopeOf(binding)}:${name}` : `${kind} ${name}`,
  );
}

function allowedBy(binding: Binding, subject: string): string {
  const { name, namespace } = binding.metadata;
  const where = namespace === undefined ? `ClusterRoleBinding ${JSON.stringify(name)}` : `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`;
  return `RBAC: allowed by ${where} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)} to ${subject}`;
}
