/** Which FlowSchema a request falls under: the first, by precedence, with a rule for it. Source: flowcontrol/rule.go. */
import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '@kapella/api/types/flowcontrol-v1';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';
import type { SchemaObject } from './objects.ts';

const ALL = '*';
const ACCOUNT_PREFIX = 'system:serviceaccount:';
/** Answers kept: invented users and paths must not fill the memory. */
const KNOWN_MAX = 8_192;

/** In the order in which schemas are asked. */
export function bySequence(a: SchemaObject, b: SchemaObject): number {
  const order = (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0);
  if (order !== 0) return order;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

export function matchesSchema(schema: SchemaObject, user: UserInfo, info: RequestInfo): boolean {
  return (schema.spec.rules ?? []).some((rule) => matchesRule(rule, user, info));
}

function matchesRule(rule: PolicyRulesWithSubjects, user: UserInfo, info: RequestInfo): boolean {
  if (!rule.subjects.some((subject) => isSubject(subject, user))) return false;
  if (info.isResource) return (rule.resourceRules ?? []).some((each) => matchesResource(each, info));
  return (rule.nonResourceRules ?? []).some((each) => matchesPath(each, info));
}

function isSubject({ kind, user, group, serviceAccount }: Subject, who: UserInfo): boolean {
  if (kind === 'User') return user !== undefined && (user.name === ALL || user.name === who.username);
  if (kind === 'Group') return group !== undefined && (group.name === ALL || who.groups.includes(group.name));
  if (kind !== 'ServiceAccount' || serviceAccount === undefined) return false;
  const prefix = `${ACCOUNT_PREFIX}${serviceAccount.namespace}:`;
  if (serviceAccount.name === ALL) return who.username.startsWith(prefix);
  return who.username === prefix + serviceAccount.name;
}

function matchesResource(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  if (!has(rule.verbs, info.verb) || !has(rule.resources, resource) || !has(rule.apiGroups, info.group)) return false;
  return info.namespace === '' ? rule.clusterScope === true : has(rule.namespaces ?? [], info.namespace);
}

function matchesPath(rule: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  if (!has(rule.verbs, verb)) return false;
  return rule.nonResourceURLs.some((url) => {
    if (url === ALL || url === path) return true;
    const prefix = url.endsWith(ALL) ? url.slice(0, -1) : url;
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
}

function has(list: readonly string[], wanted: string): boolean {
  return (list.length === 1 && list[0] === ALL) || list.includes(wanted);
}

interface KnownUser {
  readonly groups: readonly string[];
  readonly byTarget: Map<string, SchemaObject>;
}

/** Remembers the answer of one user, verb and resource: asking again costs a look-up. */
export class Classifier {
  readonly #schemas: readonly SchemaObject[];
  readonly #fallback: SchemaObject;
  readonly #namespacesMatter: boolean;
  readonly #users = new Map<string, KnownUser>();
  #known = 0;

  /** `schemas` in their sequence, `catch-all` among them. */
  constructor(schemas: readonly SchemaObject[], fallback: SchemaObject) {
    this.#schemas = schemas;
    this.#fallback = fallback;
    this.#namespacesMatter = schemas.some(({ spec }) =>
      (spec.rules ?? []).some(({ resourceRules = [] }) =>
        resourceRules.some(({ namespaces = [] }) => namespaces.some((name) => name !== ALL)),
      ),
    );
  }

  classify(user: UserInfo, info: RequestInfo): SchemaObject {
    const known = this.#userOf(user);
    const target = this.#targetOf(info);
    const found = known.byTarget.get(target);
    if (found !== undefined) return found;
    const schema = this.#schemas.find((each) => matchesSchema(each, user, info)) ?? this.#fallback;
    if (this.#known++ >= KNOWN_MAX) {
      this.#users.clear();
      this.#known = 1;
    }
    this.#userOf(user).byTarget.set(target, schema);
    return schema;
  }

  #userOf(user: UserInfo): KnownUser {
    const known = this.#users.get(user.username);
    if (known !== undefined && sameGroups(known.groups, user.groups)) return known;
    const made = { groups: user.groups, byTarget: new Map<string, SchemaObject>() };
    this.#users.set(user.username, made);
    return made;
  }

  #targetOf({ isResource, verb, path, group, resource, subresource, namespace }: RequestInfo): string {
    if (!isResource) return `${verb} ${path}`;
    const scope = this.#namespacesMatter ? namespace : namespace === '' ? '' : ALL;
    return `${verb} ${group}/${resource}/${subresource} ${scope}`;
  }
}

function sameGroups(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((group, i) => group === b[i]));
}
