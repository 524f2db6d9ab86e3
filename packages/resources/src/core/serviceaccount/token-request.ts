/** Checks the object that a token is bound to. Source: kubernetes pkg/registry/core/serviceaccount/storage/token.go. */
import { coreV1 } from '@kapella/api';
import type { BoundObjectReference } from '@kapella/api/types/authentication-v1';
import type { ServiceAccount } from '@kapella/api/types/core-v1';
import type { ServerAccess } from '@kapella/apiserver';
import { errors } from '@kapella/base';
import type { BoundObject } from './serviceaccount.resource.ts';

interface Binding {
  readonly boundTo: BoundObject;
  readonly node?: { readonly name: string; readonly uid: string };
}

/** Throws NotFound, Conflict (another uid) or BadRequest (another account's Pod, an unknown kind). */
export async function checkBoundObject(
  server: ServerAccess,
  namespace: string,
  account: ServiceAccount,
  ref: BoundObjectReference,
): Promise<Binding> {
  const { kind = '', name = '', uid = '' } = ref;
  const checked = (object: { metadata: { uid: string } } | undefined, resource: string): string => {
    if (object === undefined) throw errors.notFound({ group: '', resource, name });
    const actual = object.metadata.uid;
    if (uid === '' || uid === actual) return actual;
    const why =
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have ` +
      'been deleted and then recreated';
    throw errors.conflict({ group: '', resource, name }, why);
  };
  if (kind === 'Pod') {
    const pod = await server.get(coreV1.Pod, namespace, name);
    const podUid = checked(pod, 'pods');
    if (pod !== undefined && pod.spec.serviceAccountName !== account.metadata.name) {
      const ours = account.metadata.name;
      throw errors.badRequest(
        `cannot bind token for serviceaccount "${ours}" to pod running with different serviceaccount name.`,
      );
    }
    const nodeName = pod?.spec.nodeName;
    const node = nodeName ? await server.get(coreV1.Node, '', nodeName) : undefined;
    return {
      boundTo: { kind, name, uid: podUid },
      ...(nodeName && { node: { name: nodeName, uid: node?.metadata.uid ?? '' } }),
    };
  }
  if (kind === 'Secret') {
    return { boundTo: { kind, name, uid: checked(await server.get(coreV1.Secret, namespace, name), 'secrets') } };
  }
  if (kind === 'Node') {
    return { boundTo: { kind, name, uid: checked(await server.get(coreV1.Node, '', name), 'nodes') } };
  }
  throw errors.badRequest(`cannot bind token to object of type ${ref.apiVersion ?? ''}, Kind=${kind}`);
}
