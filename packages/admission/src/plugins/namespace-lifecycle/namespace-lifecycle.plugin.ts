/** No objects in namespaces that are missing or being deleted. Source: apiserver pkg/admission/plugin/namespace/lifecycle. */
import { coreV1 } from '@kapella/api';
import type { AdmissionPlugin, AdmissionRequest } from '@kapella/apiserver';
import { ApiError, errors, sleep } from '@kapella/base';
import { isFor, refuse } from '../../support/request.ts';

const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-public', 'kube-system']);
/** A namespace created by another server may not be seen here yet. */
const MISSING_WAIT_MS = 50;

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  handles: (request) => request.operation !== 'CONNECT',
  isIdle(request, server) {
    const { operation, namespace } = request;
    if (isFor(request, 'namespaces')) return operation !== 'DELETE';
    if (namespace === '' || operation === 'DELETE') return true;
    const found = server.cached(coreV1.Namespace, '', namespace);
    return found !== undefined && (operation !== 'CREATE' || found.status?.phase !== 'Terminating');
  },

  async admit(request, server, ctx) {
    const { operation, namespace, name } = request;
    if (isFor(request, 'namespaces')) {
      if (operation === 'DELETE' && request.subresource === '' && IMMORTAL.has(name)) {
        const id = { group: '', resource: 'namespaces', name };
        throw errors.forbidden(id, 'this namespace may not be deleted');
      }
      return undefined;
    }
    if (namespace === '' || operation === 'DELETE' || isAccessReview(request)) return undefined;
    let found = await server.get(coreV1.Namespace, '', namespace);
    if (found === undefined) {
      ctx.log.debug('waiting for namespace', { namespace });
      await sleep(MISSING_WAIT_MS, ctx);
      found = await server.get(coreV1.Namespace, '', namespace);
    }
    if (found === undefined) throw errors.notFound({ group: '', resource: 'namespaces', name: namespace });
    if (operation === 'CREATE' && found.status?.phase === 'Terminating') throw terminating(request);
    return undefined;
  },
};

function isAccessReview(request: AdmissionRequest): boolean {
  return isFor(request, 'localsubjectaccessreviews', 'authorization.k8s.io');
}

function terminating(request: AdmissionRequest): ApiError {
  const { namespace } = request;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const error = refuse(request, why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return new ApiError('Forbidden', error.message, { details: { ...error.details, causes: [cause] } });
}
