/**
 * The objects that a binding gives to its policy.
 * Source: apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go CollectParams.
 */
import { compileLabelSelector, type UnknownObject } from '@kapella/api';
import type { ParamKind, ParamRef } from '@kapella/api/types/admissionregistration-v1';
import type { AdmissionRequest, ServerAccess } from '@kapella/apiserver';

/** Each is evaluated for itself; `null`: one evaluation without. Throws Error when the configuration is wrong. */
export async function paramsFor(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  request: AdmissionRequest,
  server: ServerAccess,
): Promise<readonly (UnknownObject | null)[]> {
  if (paramKind === undefined || paramRef === undefined) return [null];
  const { apiVersion = '', kind: kindName = '' } = paramKind;
  const slash = apiVersion.indexOf('/');
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  const kind = server.kindOf(group, version, kindName);
  if (kind === undefined)
    throw new Error(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kindName}'`);
  const namespace = namespaceOf(paramRef, kind.namespaced, request);
  const found = await find(
    paramRef,
    namespace,
    (name) => server.get(kind, namespace, name),
    () => server.list(kind, namespace),
  );
  if (found.length > 0) return found;
  if (paramRef.parameterNotFoundAction === 'Allow') return [];
  throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
}

function namespaceOf({ namespace = '' }: ParamRef, isNamespaced: boolean, request: AdmissionRequest): string {
  if (!isNamespaced) {
    if (namespace !== '') throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return '';
  }
  const wanted = namespace || request.namespace;
  if (wanted === '')
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  return wanted;
}

async function find(
  { name = '', selector }: ParamRef,
  _namespace: string,
  get: (name: string) => Promise<UnknownObject | undefined>,
  list: () => Promise<readonly UnknownObject[]>,
): Promise<readonly UnknownObject[]> {
  if (name !== '') {
    const found = await get(name);
    return found === undefined ? [] : [found];
  }
  const wanted = compileLabelSelector(selector ?? {});
  return (await list()).filter(({ metadata }) => wanted.matches(metadata.labels ?? {}));
}
