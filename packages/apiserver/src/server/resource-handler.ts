/** Finds the handler for a request on a resource. */
import { type Ctx, errors } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { methodNotAllowed } from '../respond/respond.ts';
import { serveAction } from './action-handlers.ts';
import { serveGet, serveList, serveWatch } from './read-handlers.ts';
import type { RequestScope } from './scope.ts';
import {
  serveCreate,
  serveDelete,
  serveDeleteCollection,
  servePatch,
  serveUpdate,
  serveVirtual,
} from './write-handlers.ts';

/** undefined: there is nothing at this path. */
export async function serveResource(scope: RequestScope, ctx: Ctx): Promise<ApiResponse | undefined> {
  const { info, type } = scope;
  if (type.definition.deprecation !== undefined) scope.warn(type.definition.deprecation);
  if (info.subresource !== '') return serveSubresource(scope, ctx);
  const { verb, name } = info;
  if (verb === 'create' && name !== '') throw methodNotAllowed();
  if ((verb === 'update' || verb === 'patch') && name === '') throw methodNotAllowed();
  if (!type.verbs.has(verb)) throw methodNotAllowed();
  if (type.definition.virtual !== undefined) return serveVirtual(scope, ctx);
  if (type.namespaced && scope.namespace === '' && verb !== 'list' && verb !== 'watch') {
    if (verb === 'create') throw errors.badRequest('an empty namespace may not be set during creation');
    return undefined;
  }
  switch (verb) {
    case 'get':
      return serveGet(scope, ctx);
    case 'list':
      return serveList(scope, ctx);
    case 'watch':
      return serveWatch(scope, ctx);
    case 'create':
      return serveCreate(scope, ctx);
    case 'update':
      return serveUpdate(scope, ctx);
    case 'patch':
      return servePatch(scope, ctx);
    case 'delete':
      return serveDelete(scope, ctx);
    case 'deletecollection':
      return serveDeleteCollection(scope, ctx);
    default:
      throw methodNotAllowed();
  }
}

async function serveSubresource(scope: RequestScope, ctx: Ctx): Promise<ApiResponse | undefined> {
  const { type, info } = scope;
  const { subresource, verb, name } = info;
  const { status, scale, parts, actions } = type.definition.subresources ?? {};
  if (name === '' || (type.namespaced && scope.namespace === '')) return undefined;
  const action = actions !== undefined && Object.hasOwn(actions, subresource) ? actions[subresource] : undefined;
  if (action !== undefined) return serveAction(scope, action, ctx);
  const isStored =
    (subresource === 'status' && status !== undefined) ||
    (subresource === 'scale' && scale !== undefined) ||
    (parts !== undefined && Object.hasOwn(parts, subresource));
  if (!isStored || info.rest !== undefined) return undefined;
  switch (verb) {
    case 'get':
      return serveGet(scope, ctx);
    case 'update':
      return serveUpdate(scope, ctx);
    case 'patch':
      return servePatch(scope, ctx);
    default:
      throw methodNotAllowed();
  }
}
