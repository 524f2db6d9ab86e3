/** Everything that is no resource: discovery, OpenAPI, version, health, metrics. One handler per exact path or prefix. */
import type { Ctx } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { ServerRequest } from '../auth/contract.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';

export interface RouteRequest {
  readonly request: ServerRequest;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

/** undefined: not found after all. */
export type RouteHandler = (
  request: RouteRequest,
  ctx: Ctx,
) => ApiResponse | undefined | Promise<ApiResponse | undefined>;

export interface NonResourceRoutes {
  serve(
    request: ServerRequest,
    info: RequestInfo,
    query: URLSearchParams,
    user: UserInfo,
    ctx: Ctx,
  ): Promise<ApiResponse | undefined>;
  /** All exact paths, for the index page. */
  paths(): readonly string[];
}

/** `exact`: by path without trailing slash. `prefixes`: longest match first, tried when no exact one is there. */
export function createRoutes(
  exact: ReadonlyMap<string, RouteHandler>,
  prefixes: readonly (readonly [string, RouteHandler])[],
): NonResourceRoutes {
  return {
    async serve(request, info, query, user, ctx) {
      const path = info.path.length > 1 ? info.path.replace(/\/+$/, '') : info.path;
      const handler = exact.get(path) ?? prefixes.find(([prefix]) => info.path.startsWith(prefix))?.[1];
      return handler?.({ request, info, query, user }, ctx);
    },
    paths: () => [...exact.keys()].sort(),
  };
}
