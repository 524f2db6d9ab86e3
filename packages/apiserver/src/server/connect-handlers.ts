/** Subresources that are served elsewhere: exec, attach, portforward, log, proxy. */
import { type Ctx, errors, ApiError } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { AdmissionRequest } from '../admission.ts';
import { attributesOf, requireAllowed } from '../auth/authorize.ts';
import type { Authorizer, ServerRequest } from '../auth/contract.ts';
import type { ConnectSubresource, ConnectTarget } from '../resource.ts';
import { methodNotAllowed } from '../respond/respond.ts';
import { readStored } from '../rest/commit.ts';
import { admissionRequest, keyIn, resourceName } from '../rest/core.ts';
import { type RequestScope, writeScope } from './scope.ts';

/** Sends one request to where a subresource is served, and streams the answer back. */
export type ConnectDialer = (target: ConnectTarget, request: ServerRequest, ctx: Ctx) => Promise<ApiResponse>;

/** Authorization and admission of a connect, then where it goes. Throws ApiError. */
export async function planConnect(
  scope: RequestScope,
  authorizer: Authorizer,
  isUpgrade: boolean,
  ctx: Ctx,
): Promise<ConnectTarget> {
  const { core, type, info, namespace, query, user, nowMs } = scope;
  const connects = type.definition.subresources?.connects ?? {};
  if (!Object.hasOwn(connects, info.subresource)) throw errors.badRequest('Upgrade request required');
  const connect = connects[info.subresource] as ConnectSubresource<never>;
  checkVerb(connect, info.verb);
  // Opening a stream with GET needs what opening it with POST needs.
  if (isUpgrade && info.verb === 'get' && connect.verbs.includes('create') && info.subresource !== 'proxy') {
    await requireAllowed(authorizer, { ...attributesOf(user, info, query), verb: 'create' }, ctx);
  }
  const parent = (await readStored(core, type, keyIn(type, namespace, info.name), !core.embedded, ctx))?.object;
  // Names of proxies may carry scheme and port: the target finds its object itself.
  if (parent === undefined && !connect.verbs.includes('proxy')) throw errors.notFound(resourceName(type, info.name));
  await admitConnect(connect, scope, ctx);
  return connect.target(
    {
      name: info.name,
      namespace,
      parent: parent as never,
      body: undefined,
      query,
      user,
      dryRun: false,
      nowMs,
      server: core.access,
    },
    info.rest ?? '',
    ctx,
  );
}

/** Webhooks and policies see the options, as an object of the options' own kind. */
async function admitConnect(connect: ConnectSubresource<never>, scope: RequestScope, ctx: Ctx): Promise<void> {
  const object = connect.options?.(scope.query, scope.info.rest ?? '');
  if (object === undefined) return;
  const { core } = scope;
  const base = admissionRequest(writeScope(scope, 'CreateOptions', false), 'CONNECT', object, undefined);
  const kind = { ...base.kind, group: '', version: 'v1', kind: object.kind };
  const admission: AdmissionRequest = { ...base, kind, name: scope.info.name, options: undefined };
  await core.admission.mutate(admission, core.access, ctx);
  await core.admission.validate(admission, core.access, ctx);
}

/** A connect without upgrade: logs and plain HTTP through a proxy. */
export async function serveConnect(
  scope: RequestScope,
  authorizer: Authorizer,
  dialer: ConnectDialer | undefined,
  ctx: Ctx,
): Promise<ApiResponse> {
  const { subresource } = scope.info;
  if (subresource === 'exec' || subresource === 'attach' || subresource === 'portforward') {
    await planConnect(scope, authorizer, false, ctx); // what is not there is told first
    throw errors.badRequest('Upgrade request required');
  }
  if (dialer === undefined) throw new ApiError('ServiceUnavailable', `no way to reach ${subresource} from this server`);
  const target = await planConnect(scope, authorizer, false, ctx);
  if (subresource !== 'proxy') return dialer(target, scope.request, ctx);
  const { path, method } = scope.request;
  if (scope.info.rest === undefined && !path.endsWith('/') && (method === 'GET' || method === 'HEAD')) {
    return withSlash(scope.request);
  }
  return dialer({ ...target, seenUnder: prefixOf(path, target.path) }, scope.request, ctx);
}

/** Relative links of a page need it. Source: apimachinery/pkg/util/proxy/upgradeaware.go (proxyRedirectsforRootPath). */
function withSlash({ path, query }: RequestScope['request']): ApiResponse {
  const location = `${path}/${query === '' ? '' : `?${query}`}`;
  return { status: 301, headers: { location }, body: new Uint8Array() };
}

/** The client's path without the part that the target gets. */
function prefixOf(path: string, targetPath: string): string {
  const suffix = targetPath.split('?')[0] as string;
  return path.endsWith(suffix) ? path.slice(0, path.length - suffix.length) : path.replace(/\/$/, '');
}

function checkVerb(connect: ConnectSubresource<never>, verb: string): void {
  if (connect.verbs.includes('proxy')) return;
  if (!connect.verbs.includes(verb as 'get' | 'create')) throw methodNotAllowed();
}
