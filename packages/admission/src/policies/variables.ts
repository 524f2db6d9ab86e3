/** What expressions of admission may say, and what stands for it in one request. Source: apiserver/pkg/admission/plugin/cel. */
import { coreV1, type UnknownObject } from '@kapella/api';
import type { AdmissionRequest, EquivalentKind, ServerAccess, UserInfo } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { authorizerValue, type CelAuthorizer, resourceCheckValue } from '@kapella/cel';
import { answerAtOnce } from './authorizer-answers.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** Values of CONDITION_TYPES. `form`: the version in which the configuration wants objects. */
export async function conditionValues(
  request: AdmissionRequest,
  form: 'own' | EquivalentKind,
  server: ServerAccess,
  ctx: Ctx,
): Promise<Variables> {
  const inForm = async (object: UnknownObject | undefined) =>
    object === undefined ? null : form === 'own' ? object : form.convert(object, ctx);
  const ask = () => authorizerFor(request, server);
  const { resource, subresource, namespace, name } = request;
  const own = { group: resource.group, resource: resource.resource, subresource, namespace, name };
  return {
    object: await inForm(request.object),
    oldObject: await inForm(request.oldObject),
    request: requestValue(request, form),
    authorizer: authorizerValue((check) => ask()(check)),
    'authorizer.requestResource': resourceCheckValue((check) => ask()(check), own),
  };
}

function requestValue(request: AdmissionRequest, form: 'own' | EquivalentKind): object {
  const { kind, resource, subresource, name, namespace, operation, user, dryRun, options } = request;
  const shown = form === 'own' ? { kind, resource } : form;
  return {
    kind: gvk(shown.kind),
    resource: shown.resource,
    subResource: subresource,
    requestKind: gvk(kind),
    requestResource: resource,
    requestSubResource: subresource,
    name,
    namespace,
    operation,
    userInfo: { username: user.username, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} },
    dryRun,
    options: options ?? null,
  };
}

const gvk = ({ group, version, kind }: AdmissionRequest['kind']) => ({ group, version, kind });

/** The namespace of the object, without what its managers wrote; null for objects of the cluster. */
export async function namespaceValue(
  { namespace, resource }: AdmissionRequest,
  server: ServerAccess,
): Promise<unknown> {
  if (namespace === '' || (resource.group === '' && resource.resource === 'namespaces')) return null;
  const found = await server.get(coreV1.Namespace, '', namespace);
  if (found === undefined) return null;
  const { managedFields: _, ...metadata } = found.metadata;
  return { ...found, metadata };
}

function authorizerFor(request: AdmissionRequest, server: ServerAccess): CelAuthorizer {
  return ({ path, serviceAccount, verb, ...check }) => {
    const who =
      serviceAccount === undefined ? request.user : accountUser(serviceAccount.namespace, serviceAccount.name);
    const {
      group = '',
      resource = '',
      subresource = '',
      namespace = '',
      name = '',
      fieldSelector,
      labelSelector,
    } = check;
    const attributes = { user: who, verb, isResource: path === undefined, path: path ?? '', version: '*' };
    const question = { ...attributes, group, resource, subresource, namespace, name, fieldSelector, labelSelector };
    const { decision, reason, error } = answerAtOnce(question, request, server);
    return { allowed: decision === 'allow', reason, ...(error === undefined ? {} : { error }) };
  };
}

function accountUser(namespace: string, name: string): UserInfo {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return { username: `system:serviceaccount:${namespace}:${name}`, groups };
}
