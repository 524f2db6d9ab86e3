/** Nobody grants by RBAC what he does not hold. Source: kubernetes pkg/registry/rbac/{clusterrole,rolebinding}/policybased. */
import type { UnknownObject } from '@kapella/api';
import { errors, jsonEqual } from '@kapella/base';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission.ts';
import { MASTERS_GROUP } from '../authorize.ts';
import type { Attributes, Authorizer } from '../contract.ts';
import { describeRules, missingRules } from './covers.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';
import type { PolicyRule } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';
const ROLES: ReadonlySet<string> = new Set(['roles', 'clusterroles']);
const BINDINGS: ReadonlySet<string> = new Set(['rolebindings', 'clusterrolebindings']);
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** `authorizer` is the whole chain: it is asked for the verbs `escalate` and `bind`. */
export function createRbacEscalationPlugin(rbac: RbacAuthorizer, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ operation, resource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      resource.group === GROUP &&
      (ROLES.has(resource.resource) || BINDINGS.has(resource.resource)),
    async validate(request, _server, ctx) {
      const { object, oldObject, user, resource } = request;
      if (object === undefined || user.groups.includes(MASTERS_GROUP)) return;
      if (oldObject !== undefined && onlyReleases(object, oldObject)) return;
      const may: MayDo = async (verb, plural, name) => {
        const question = questionOf(request, verb, plural, name);
        return (await authorizer.authorize(question, ctx)).decision === 'allow';
      };
      if (ROLES.has(resource.resource)) await checkRole(request, object, oldObject, rbac, may);
      else await checkBinding(request, object, rbac, may);
    },
  };
}

/** Whether the user may do something with roles of the request's namespace. */
type MayDo = (verb: string, plural: string, name: string) => Promise<boolean>;

async function checkRole(
  request: AdmissionRequest,
  object: UnknownObject,
  oldObject: UnknownObject | undefined,
  rbac: RbacAuthorizer,
  may: MayDo,
): Promise<void> {
  if (await may('escalate', request.resource.resource, oldObject === undefined ? '' : request.name)) return;
  const why = whatIsMissing(request, object.rules ?? [], rbac);
  if (why !== undefined) throw refusal(request, why);
  if ((hasAggregation(object) || hasAggregation(oldObject)) && whatIsMissing(request, EVERYTHING, rbac) !== undefined) {
    throw refusal(request, 'must have cluster-admin privileges to use the aggregationRule');
  }
}

async function checkBinding(
  request: AdmissionRequest,
  object: UnknownObject,
  rbac: RbacAuthorizer,
  may: MayDo,
): Promise<void> {
  const { kind = '', name = '' } = (object.roleRef ?? {}) as { kind?: string; name?: string };
  const plural = kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (await may('bind', plural, name)) return;
  const rules = rbac.rulesOfRole(kind, request.namespace, name);
  if (rules === undefined) throw errors.notFound({ group: GROUP, resource: plural, name });
  const why = whatIsMissing(request, rules, rbac);
  if (why !== undefined) throw refusal(request, why);
}

function questionOf({ user, namespace }: AdmissionRequest, verb: string, resource: string, name: string): Attributes {
  const rest = { isResource: true, group: GROUP, version: '*', subresource: '', path: '' };
  return { user, verb, resource, namespace, name, ...rest };
}

/** undefined: the user holds all of the rules. */
function whatIsMissing(
  { user, namespace }: AdmissionRequest,
  rules: readonly PolicyRule[],
  rbac: RbacAuthorizer,
): string | undefined {
  const { resourceRules = [], nonResourceRules = [] } = rbac.rulesFor?.(user, namespace) ?? {};
  const missing = missingRules([...resourceRules, ...nonResourceRules], rules);
  if (missing.length === 0) return undefined;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  return (
    `user ${JSON.stringify(user.username)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n` +
    describeRules(missing).join('\n')
  );
}

function refusal({ resource, name }: AdmissionRequest, why: string) {
  return errors.forbidden({ group: GROUP, resource: resource.resource, name }, why);
}

function hasAggregation(role: UnknownObject | undefined): boolean {
  return (role?.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0;
}

/** The garbage collector must be able to let an object go without holding its rights. */
function onlyReleases(next: UnknownObject, old: UnknownObject): boolean {
  const rest = ({ metadata, ...other }: UnknownObject) => {
    const { ownerReferences: _o, finalizers: _f, managedFields: _m, resourceVersion: _r, ...kept } = metadata;
    return { ...other, metadata: kept };
  };
  return jsonEqual(rest(next), rest(old));
}
