/** GET and LIST of kinds whose objects are made when they are asked for (ComponentStatus): nothing is stored. */
import type { UnknownObject } from '@kapella/api';
import { type Ctx, errors } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { CachedObject } from '@kapella/store';
import { parseListParameters } from '../http/parameters.ts';
import { detached } from '../registry/storage.ts';
import { renderBody, renderList } from '../respond/render.ts';
import { methodNotAllowed, respondBytes } from '../respond/respond.ts';
import { cacheQuery } from '../rest/selectors.ts';
import { mediaOf, type RequestScope, viewOf } from './scope.ts';

/** Throws NotFound, BadRequest for selectors that the kind does not know. */
export async function serveComputed(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, info, query } = scope;
  const { computed } = type.definition;
  if (computed === undefined || (info.verb !== 'get' && info.verb !== 'list')) throw methodNotAllowed();
  const media = mediaOf(scope, info.verb === 'get' ? 'one' : 'list');
  const view = viewOf(scope, media);
  const shown = (object: UnknownObject): CachedObject => {
    const { kind: _kind, apiVersion: _version, ...rest } = object;
    const full = { kind: type.kind, apiVersion: type.apiVersion, ...rest } as UnknownObject; // in this order, as stored ones
    return detached(full, core.codecs.encodeJson(full), 0);
  };
  if (info.verb === 'get') {
    const object = await computed.get(info.name, core.access, ctx);
    // As upstream, whose registry names it so.
    if (object === undefined) throw errors.notFound({ group: type.group, resource: type.singular, name: info.name });
    return respondBytes(200, media, renderBody(view, shown(object)));
  }
  const { labels, fields } = parseListParameters(query, false);
  const { name, matches } = cacheQuery(type, '', info.name, labels, fields);
  const items = (await computed.list(core.access, ctx))
    .map(shown)
    .filter((item) => (name === undefined || item.name === name) && matches?.(item) !== false);
  return respondBytes(200, media, renderList(view, items, {}));
}
