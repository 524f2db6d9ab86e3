/** Subresources with a handler of their own: eviction, binding, token, approval and the like. */
import type { UnknownObject } from '@kapella/api';
import { type Ctx, errors } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { ActionSubresource } from '../resource.ts';
import { methodNotAllowed, respondValue } from '../respond/respond.ts';
import { readStored } from '../rest/commit.ts';
import { admissionRequest, keyIn, makeConsistent, resourceName } from '../rest/core.ts';
import { decodeBody, mediaOf, type RequestScope, writeScope } from './scope.ts';

export async function serveAction(
  scope: RequestScope,
  action: ActionSubresource<never>,
  ctx: Ctx,
): Promise<ApiResponse> {
  const { core, type, info, query, user, namespace, nowMs } = scope;
  const verb = info.verb as (typeof action.verbs)[number];
  if (!action.verbs.includes(verb)) throw methodNotAllowed();
  const media = mediaOf(scope, 'none');
  const write = writeScope(scope, 'CreateOptions');
  await makeConsistent(core, type, ctx);
  const parent = action.ignoresParent === true ? undefined : await parentOf(scope, ctx);
  let body = verb === 'get' ? undefined : decodeAction(scope, action);
  const mayLack = action.parentless === true || action.ignoresParent === true;
  if (parent === undefined && !mayLack) throw errors.notFound(resourceName(type, info.name));
  if (body !== undefined) {
    const admission = { ...admissionRequest(write, 'CREATE', body, undefined), kind: kindRef(scope, action) };
    const admitted = await core.admission.mutate(admission, core.access, ctx);
    if (admitted !== undefined) body = admitted;
    await core.admission.validate({ ...admission, object: body }, core.access, ctx);
  }
  const answer = await action.handle(
    {
      name: info.name,
      namespace,
      parent: parent as never,
      body,
      query,
      user,
      dryRun: write.dryRun,
      nowMs,
      server: core.access,
    },
    ctx,
  );
  return respondValue(core.codecs, action.status ?? (verb === 'create' ? 201 : 200), media, answer);
}

async function parentOf({ core, type, namespace, info }: RequestScope, ctx: Ctx): Promise<UnknownObject | undefined> {
  return (await readStored(core, type, keyIn(type, namespace, info.name), !core.embedded, ctx))?.object;
}

function decodeAction(scope: RequestScope, action: ActionSubresource<never>): UnknownObject {
  const { request, core } = scope;
  const typeId = core.facts.typeIdOf(action.kind);
  const expected = { ...action.kind, typeId };
  if ((request.body?.length ?? 0) === 0) {
    return core.codecs.normalize({}, expected, 'Ignore', () => {});
  }
  return decodeBody(scope, expected);
}

function kindRef({ type }: RequestScope, { kind }: ActionSubresource<never>) {
  return { ...kind, plural: type.plural, namespaced: type.namespaced };
}
