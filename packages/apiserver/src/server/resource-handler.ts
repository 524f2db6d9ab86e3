/** Finds the handler for a request on a resource. */
import { ApiError, type Ctx, errors } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { methodNotAllowed, notWhileTerminating } from '../respond/respond.ts';
import { resourceName } from '../rest/core.ts';
import { serveAction } from './action-handlers.ts';
import { serveComputed } from './computed-handlers.ts';
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

const COLLECTION_VERBS = ['create', 'deletecollection', 'list', 'watch'];
const ITEM_VERBS = ['delete', 'get', 'patch', 'update'];
/** Of a namespaced kind at the path of all namespaces. */
const GLOBAL_VERBS = ['list', 'watch'];

/** Throws MethodNotAllowed where the path knows other methods, NotFound where it knows none. */
function checkRoute({ info, type, namespace }: RequestScope): void {
  const { verb, name } = info;
  const isItem = ITEM_VERBS.includes(verb) ? name !== '' : verb === 'create' && name !== '';
  const isGlobal = type.namespaced && namespace === '';
  const here = isItem ? (isGlobal ? [] : ITEM_VERBS) : isGlobal ? GLOBAL_VERBS : COLLECTION_VERBS;
  if (here.includes(verb) && type.verbs.has(verb)) return;
  // Their handler passes on what no namespace is named for, and nothing comes after it.
  if (isGlobal && type.custom) throw noResource();
  // Nothing else takes this verb, and only this, from a custom resource.
  if (verb === 'create' && here.includes(verb) && type.custom && type.verbs.has('get')) throw notWhileTerminating();
  throw here.some((each) => type.verbs.has(each)) ? methodNotAllowed() : noResource();
}

/** As upstream's router has it. Custom resources have their own. */
function noResource(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

/** undefined: there is nothing at this path. */
export function serveResource(scope: RequestScope, ctx: Ctx): Promise<ApiResponse | undefined> | undefined {
  const { info, type } = scope;
  if (type.definition.deprecation !== undefined) scope.warn(type.definition.deprecation);
  if (info.subresource !== '') {
    const response = serveSubresource(scope, ctx);
    if (response !== undefined) return response;
    // Custom resources have a handler of their own, which looks no further than the name.
    if (type.custom && info.name !== '') throw errors.notFound(resourceName(type, info.name));
    if (!type.custom) throw noResource();
    return response;
  }
  const { verb } = info;
  checkRoute(scope);
  if (type.definition.virtual !== undefined) return serveVirtual(scope, ctx);
  if (type.definition.computed !== undefined) return serveComputed(scope, ctx);
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

function serveSubresource(scope: RequestScope, ctx: Ctx): Promise<ApiResponse | undefined> | undefined {
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
