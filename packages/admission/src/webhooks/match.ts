/** Whether a webhook or policy is asked about a request. Source: apiserver/pkg/admission/plugin/webhook/predicates. */
import { coreV1, type LabelSelector, type UnknownObject } from '@kapella/api';
import type { RuleWithOperations } from '@kapella/api/types/admissionregistration-v1';
import type { AdmissionRequest, EquivalentKind, ServerAccess } from '@kapella/apiserver';

const GROUP = 'admissionregistration.k8s.io';

/** Configurations of admission itself are never held up by admission. */
export function isExempt({ resource }: AdmissionRequest): boolean {
  return resource.group === GROUP;
}

/** The version in which the webhook wants the object: the request's own, or an equivalent one; undefined: not asked. */
export function matchRules(
  rules: readonly RuleWithOperations[],
  matchPolicy: string | undefined,
  request: AdmissionRequest,
): 'own' | EquivalentKind | undefined {
  if (rules.some((rule) => matchesRule(rule, request, request.resource, request.kind.namespaced))) return 'own';
  if (matchPolicy === 'Exact') return undefined;
  return request.equivalents?.find(({ resource, kind }) =>
    rules.some((rule) => matchesRule(rule, request, resource, kind.namespaced)),
  );
}

function matchesRule(
  rule: RuleWithOperations,
  { operation, subresource, resource: own, namespace }: AdmissionRequest,
  { group, version, resource }: AdmissionRequest['resource'],
  namespaced: boolean,
): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' } = rule;
  if (!operations.some((wanted) => wanted === '*' || wanted === operation)) return false;
  if (!includes(apiGroups, group) || !includes(apiVersions, version)) return false;
  // A namespace is in itself, and yet an object of the cluster.
  const isNamespaced = namespaced && namespace !== '' && !(own.group === '' && own.resource === 'namespaces');
  if (scope === 'Cluster' && isNamespaced) return false;
  if (scope === 'Namespaced' && !isNamespaced) return false;
  return resources.some((wanted) => matchesResource(wanted, resource, subresource));
}

const includes = (list: readonly string[], value: string) => list.includes('*') || list.includes(value);

/** A name or all (*), with or without a subresource or all of them behind a slash. */
function matchesResource(wanted: string, resource: string, subresource: string): boolean {
  const slash = wanted.indexOf('/');
  const [name, sub] = slash < 0 ? [wanted, ''] : [wanted.slice(0, slash), wanted.slice(slash + 1)];
  return (name === '*' || name === resource) && (sub === '*' || sub === subresource);
}

/** By the labels of the object, before or after the change. */
export function matchesObject(selector: LabelSelector, { object, oldObject }: AdmissionRequest): boolean {
  if (selector.isEmpty) return true;
  return [object, oldObject].some((found) => found !== undefined && selector.matches(labelsOf(found)));
}

/** By the labels of the namespace the object is in; objects of the cluster match always, namespaces by their own labels. */
export async function matchesNamespace(
  selector: LabelSelector,
  request: AdmissionRequest,
  server: ServerAccess,
): Promise<boolean> {
  if (selector.isEmpty) return true;
  const { resource, object, oldObject, namespace } = request;
  if (resource.group === '' && resource.resource === 'namespaces') {
    const own = object ?? oldObject;
    return own === undefined || selector.matches(labelsOf(own));
  }
  if (namespace === '') return true;
  const found = await server.get(coreV1.Namespace, '', namespace);
  return selector.matches(found?.metadata.labels ?? {});
}

/** Options of a connection have no metadata. */
function labelsOf({ metadata }: Partial<UnknownObject>): Readonly<Record<string, string>> {
  return metadata?.labels ?? {};
}
