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
    requireAllowed(authorizer, { ...attributesOf(user, info, query), verb: 'create' });
  }
  const parent = (await readStored(core, type, keyIn(type, namespace, info.name), !core.embedded, ctx))?.object;
  // Names of proxies may carry scheme and port: the target finds its object itself.
  if (parent === undefined && !connect.verbs.includes('proxy')) throw errors.notFound(resourceName(type, info.name));
  const admission: AdmissionRequest = {
    ...admissionRequest(writeScope(scope, 'ConnectOptions', false), 'CONNECT', undefined, undefined),
  };
  await core.admission.mutate(admission, core.access, ctx);
  await core.admission.validate(admission, core.access, ctx);
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

/** A connect without upgrade: logs and plain HTTP through a proxy. */
export async function serveConnect(
  scope: RequestScope,
  authorizer: Authorizer,
  dialer: ConnectDialer | undefined,
  ctx: Ctx,
): Promise<ApiResponse> {
  const { subresource } = scope.info;
  if (subresource === 'exec' || subresource === 'attach' || subresource === 'portforward') {
    throw errors.badRequest('Upgrade request required');
  }
  if (dialer === undefined) throw new ApiError('ServiceUnavailable', `no way to reach ${subresource} from this server`);
  const target = await planConnect(scope, authorizer, false, ctx);
  return dialer(target, scope.request, ctx);
}

function checkVerb(connect: ConnectSubresource<never>, verb: string): void {
  if (connect.verbs.includes('proxy')) return;
  if (!connect.verbs.includes(verb as 'get' | 'create')) throw methodNotAllowed();
}
