/** Who may say that an owner waits for its dependents; off by default. Source: kubernetes plugin/pkg/admission/gc. */
import type { OwnerReference } from '@kapella/api';
import type { AdmissionPlugin, AdmissionRequest } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { jsonEqual } from '@kapella/base';
import { refuse } from '../../support/request.ts';

interface Authorizer {
  authorize(question: object, ctx: Ctx): Promise<{ readonly decision: string; readonly reason?: string }>;
}

const ownersOf = (object: AdmissionRequest['object']): readonly OwnerReference[] =>
  object?.metadata.ownerReferences ?? [];

export const ownerReferencesPermission: AdmissionPlugin = {
  name: 'OwnerReferencesPermissionEnforcement',
  handles: ({ operation, subresource }) =>
    (operation === 'CREATE' || operation === 'UPDATE') && subresource !== 'status',

  async validate(request, server, ctx) {
    if (jsonEqual(ownersOf(request.object), ownersOf(request.oldObject))) return;
    const { group, version, resource } = request.resource;
    const question = {
      user: request.user,
      verb: 'delete',
      isResource: true,
      group,
      version,
      resource,
      subresource: request.subresource,
      namespace: request.namespace,
      name: request.operation === 'CREATE' ? '' : request.name,
      path: '',
    };
    const { decision, reason = '' } = await server.service<Authorizer>('authorizer').authorize(question, ctx);
    if (decision === 'allow') return;
    throw refuse(request, `cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`);
  },
};
