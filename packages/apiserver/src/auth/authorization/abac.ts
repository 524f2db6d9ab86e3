/** Attribute-based access control: a file of policies, a JSON object a line. Source: kubernetes pkg/auth/authorizer/abac. */
import { type Attributes, ALLOWED, type Authorizer, type Decision } from '../contract.ts';
import { AUTHENTICATED_GROUP } from '../authenticate.ts';
import type { UserInfo } from '../../resource.ts';

export interface AbacPolicy {
  readonly user: string;
  readonly group: string;
  readonly readonly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly nonResourcePath: string;
}

const READ_VERBS = ['get', 'list', 'watch'];
const NO_MATCH: Decision = Object.freeze({ decision: 'none', reason: 'No policy matched.' });

/** Throws Error with the line's number. `path`: for the message. */
export function parseAbacPolicies(text: string, path: string): readonly AbacPolicy[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    try {
      return [policyOf(JSON.parse(trimmed))];
    } catch (error) {
      const why = (error as Error).message;
      throw new Error(`error reading policy file ${path}, line ${i + 1}: ${trimmed}: ${why}`, { cause: error });
    }
  });
}

type Fields = Partial<Record<keyof AbacPolicy, unknown>>;

function policyOf(object: unknown): AbacPolicy {
  const { apiVersion, kind, spec } = object as { apiVersion?: unknown; kind?: unknown; spec?: Fields };
  if (apiVersion === undefined && kind === undefined) return unversioned(fieldsOf(object as Fields));
  if (apiVersion !== 'abac.authorization.kubernetes.io/v1beta1' || kind !== 'Policy') {
    throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  }
  return everyone(fieldsOf(spec ?? {}));
}

function fieldsOf(given: Fields): AbacPolicy {
  const text = (field: keyof AbacPolicy) => {
    const value = given[field] ?? '';
    if (typeof value !== 'string') throw new Error(`${field} must be a string`);
    return value;
  };
  const isReadonly = given.readonly ?? false;
  if (typeof isReadonly !== 'boolean') throw new Error('readonly must be a boolean');
  return {
    ...{ user: text('user'), group: text('group'), readonly: isReadonly, apiGroup: text('apiGroup') },
    ...{ resource: text('resource'), namespace: text('namespace'), nonResourcePath: text('nonResourcePath') },
  };
}

/** A star for user or group: all that are authenticated. */
function everyone(policy: AbacPolicy): AbacPolicy {
  const isAll = policy.user === '*' || policy.group === '*';
  return isAll ? { ...policy, user: '', group: AUTHENTICATED_GROUP } : policy;
}

/** Of the first version, where what is not said matches all. */
function unversioned({ user, group, readonly, resource, namespace }: AbacPolicy): AbacPolicy {
  return everyone({
    ...{ user, group: user === '' && group === '' ? '*' : group, readonly, apiGroup: '*' },
    ...{ resource: resource === '' ? '*' : resource, namespace: namespace === '' ? '*' : namespace },
    nonResourcePath: namespace === '' && resource === '' ? '*' : '',
  });
}

export function createAbacAuthorizer(policies: readonly AbacPolicy[]): Authorizer {
  return {
    authorize: (attributes) => (policies.some((policy) => policyAllows(policy, attributes)) ? ALLOWED : NO_MATCH),
    rulesFor(user, namespace) {
      const own = policies.filter(
        (policy) => subjectMatches(policy, user) && (policy.namespace === '*' || policy.namespace === namespace),
      );
      const verbs = ({ readonly }: AbacPolicy) => (readonly ? READ_VERBS : ['*']);
      return {
        resourceRules: own
          .filter(({ resource }) => resource !== '')
          .map((policy) => ({ verbs: verbs(policy), apiGroups: [policy.apiGroup], resources: [policy.resource] })),
        nonResourceRules: own
          .filter(({ nonResourcePath }) => nonResourcePath !== '')
          .map((policy) => ({ verbs: verbs(policy), nonResourceURLs: [policy.nonResourcePath] })),
        incomplete: false,
      };
    },
  };
}

function policyAllows(policy: AbacPolicy, attributes: Attributes): boolean {
  if (!subjectMatches(policy, attributes.user)) return false;
  if (policy.readonly && !READ_VERBS.includes(attributes.verb)) return false;
  const { isResource, namespace, resource, group, path } = attributes;
  if (isResource) {
    const is = (allowed: string, value: string) => allowed === '*' || allowed === value;
    return is(policy.namespace, namespace) && is(policy.resource, resource) && is(policy.apiGroup, group);
  }
  const allowed = policy.nonResourcePath;
  return allowed === '*' || allowed === path || (allowed.endsWith('*') && path.startsWith(allowed.replace(/\*+$/, '')));
}

/** User and group must both match where both are said; a policy for nobody matches nobody. */
function subjectMatches({ user, group }: AbacPolicy, { username, groups }: UserInfo): boolean {
  if (user === '' && group === '') return false;
  return (user === '' || user === username) && (group === '' || groups.includes(group));
}
