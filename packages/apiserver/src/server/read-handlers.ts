/** GET, LIST and WATCH of a resource. */
import { type Ctx, errors } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { watchTypeOf } from '../http/media.ts';
import { parseListParameters } from '../http/parameters.ts';
import { isTrue } from '../http/request-info.ts';
import { renderList, renderBody } from '../respond/render.ts';
import { respondBytes, respondValue } from '../respond/respond.ts';
import { getObject, listObjects } from '../rest/list.ts';
import { scaleOf } from '../rest/scale.ts';
import { watchObjects } from '../rest/watch.ts';
import { mediaOf, type RequestScope, viewOf } from './scope.ts';

export async function serveGet(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, info, namespace, query } = scope;
  if (info.subresource === 'scale') return serveGetScale(scope, ctx);
  const media = mediaOf(scope, 'one');
  const version = query.size === 0 ? '' : (query.get('resourceVersion') ?? '');
  if (query.size > 0 && isTrue(query.get('export'))) {
    throw errors.badRequest('the export parameter, deprecated since v1.14, is no longer supported');
  }
  const found = getObject(core, type, namespace, info.name, version, ctx);
  const object = found instanceof Promise ? await found : found;
  return respondBytes(200, media, renderBody(viewOf(scope, media), object));
}

async function serveGetScale(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, info, namespace, query } = scope;
  const media = mediaOf(scope, 'none');
  const object = await getObject(core, type, namespace, info.name, query.get('resourceVersion') ?? '', ctx);
  return respondValue(core.codecs, 200, media, scaleOf(type, type.objectOf(object)));
}

export async function serveList(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, info, namespace, query } = scope;
  const media = mediaOf(scope, 'list');
  const listed = await listObjects(core, type, namespace, info.name, parseListParameters(query, false), ctx);
  return respondBytes(200, media, renderList(viewOf(scope, media), listed.items, listed.metadata));
}

export async function serveWatch(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, frames, info, namespace, query } = scope;
  const media = mediaOf(scope, 'watch');
  const view = viewOf(scope, { ...media, pretty: false });
  const parameters = parseListParameters(query, true);
  const body = await watchObjects({ core, frames, view, namespace, name: info.name, parameters }, ctx);
  return {
    status: 200,
    headers: {
      'content-type': watchTypeOf(media.encoding),
      'cache-control': 'no-cache, private',
    },
    body,
  };
}
