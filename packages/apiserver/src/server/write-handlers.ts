/** POST, PUT, PATCH, DELETE of a resource and of its stored subresources. */
import type { UnknownObject } from '@kapella/api';
import { type ApiError, type Ctx, errors, isReason } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { type ExpectedKind, expectedOf, warningsOf } from '../codec/codecs.ts';
import { fieldManagerOf, parseDryRun, parseListParameters } from '../http/parameters.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import { renderList } from '../respond/render.ts';
import { notWhileTerminating, respondBytes, respondJson, respondValue } from '../respond/respond.ts';
import { createObject, withDefaults, withNamespace } from '../rest/create.ts';
import { type Deleted, deleteObject, type DeleteRequest } from '../rest/delete.ts';
import { resourceName } from '../rest/core.ts';
import { listObjects } from '../rest/list.ts';
import {
  checkNames,
  checkPatchOptions,
  isApplyCbor,
  type ParsedPatch,
  parsePatch,
  patchObject,
  patchTypeOf,
  YAML_HEAD,
} from '../rest/patch.ts';
import { SCALE_KIND, scaleOf, scaleWritten } from '../rest/scale.ts';
import { updateObject, type UpdateRequest } from '../rest/update.ts';
import { isTrue } from '../http/request-info.ts';
import { readDeleteOptions } from './delete-options.ts';
import {
  decodeBody,
  decodeOwn,
  mediaOf,
  type RequestScope,
  respondObject,
  validationOf,
  viewOf,
  writeScope,
} from './scope.ts';

const EMPTY = new Uint8Array(0);

export async function serveCreate(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  mediaOf(scope, 'one'); // an answer that cannot be given must not leave an object behind
  const write = writeScope(scope, 'CreateOptions');
  const body = withDefaults(scope.type, decodeOwn(scope));
  const { object } = await createObject(write, body, ctx);
  return respondObject(scope, 201, object);
}

export async function serveUpdate(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { type, info, namespace } = scope;
  mediaOf(scope, 'one');
  const write = writeScope(scope, 'UpdateOptions');
  if (info.subresource === 'scale') return updateScale(scope, ctx);
  const body = withNamespace(type, namespace, withDefaults(type, decodeOwn(scope)));
  checkNames(body, info.name, namespace);
  const isMain = info.subresource === '';
  const uid = body.metadata.uid ?? '';
  const request: UpdateRequest = {
    next: () => body,
    retries: false,
    ...(uid === '' ? {} : { preconditions: { uid } }),
    ...(isMain && type.definition.allowCreateOnUpdate === true ? { create: () => body } : {}),
  };
  const written = await updateObject(write, request, ctx);
  return respondObject(scope, written.created ? 201 : 200, written.object);
}

async function updateScale(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type } = scope;
  const scale = decodeBody(scope, SCALE_KIND);
  const write = writeScope(scope, 'UpdateOptions');
  const request: UpdateRequest = {
    next: (old) => scaleWritten(core, type, old, () => scale, write),
    trackedAlready: true,
    retries: false,
  };
  const { object } = await updateObject(write, request, ctx);
  return respondValue(core.codecs, 200, mediaOf(scope, 'none'), scaleOf(type, type.objectOf(object)));
}

export async function servePatch(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, info, request, query } = scope;
  const isScale = info.subresource === 'scale';
  mediaOf(scope, isScale ? 'none' : 'one');
  const contentType = request.headers['content-type'];
  const patchType = patchTypeOf(contentType, type.custom, core.codecs.cbor);
  checkPatchOptions(patchType, query);
  const write = writeScope(scope, 'PatchOptions', parseDryRun(query.getAll('dryRun')));
  const patch = parsePatch(request.body ?? EMPTY, patchType, isApplyCbor(contentType), core.codecs);
  const update = patchType === 'apply' ? applyRequest(scope, patch, ctx) : patchRequest(scope, patchType, patch);
  const written = await updateObject(write, update, ctx);
  if (isScale)
    return respondValue(core.codecs, 200, mediaOf(scope, 'none'), scaleOf(type, type.objectOf(written.object)));
  return respondObject(scope, written.created ? 201 : 200, written.object);
}

function patchRequest(
  scope: RequestScope,
  patchType: 'json' | 'merge' | 'strategic',
  patch: ParsedPatch,
): UpdateRequest {
  const { core, type, info, namespace } = scope;
  const validation = validationOf(scope);
  const change = (expected: ExpectedKind, old: UnknownObject) =>
    patchObject(core.codecs, expected, patchType, old, patch, validation, scope.warn);
  if (info.subresource === 'scale') {
    const by = { manager: fieldManagerOf(scope.query, scope.request.headers['user-agent']), nowMs: scope.nowMs };
    const next = (old: UnknownObject) => scaleWritten(core, type, old, (scale) => change(SCALE_KIND, scale), by);
    return { retries: true, trackedAlready: true, next };
  }
  return {
    retries: true,
    next: (old) => {
      const patched = withNamespace(type, namespace, withDefaults(type, change(expectedOf(type), old)));
      checkNames(patched, info.name, namespace);
      return patched;
    },
  };
}

function applyRequest(scope: RequestScope, parsed: ParsedPatch, ctx: Ctx): UpdateRequest {
  const { core, type, info, namespace, query, nowMs } = scope;
  const given = objectOfApply(parsed.value);
  const isScale = info.subresource === 'scale';
  const merge = async (live: UnknownObject | undefined) => {
    const request = {
      type,
      live,
      applied: given,
      manager: query.get('fieldManager') ?? '',
      subresource: info.subresource,
      force: isTrue(query.get('force')),
      nowMs,
    };
    const merged = await core.fields.apply(request, ctx);
    reportDuplicates(parsed, validationOf(scope), scope.warn);
    const normal = core.codecs.normalize(
      structuredClone(merged),
      { ...expectedOf(type), isApplied: true },
      'Ignore',
      () => {},
    );
    if (live === undefined && (given.metadata?.uid ?? '') !== '')
      throw uidMismatch(type, info.name, given.metadata.uid);
    const next = withNamespace(type, namespace, withDefaults(type, normal));
    checkNames(next, info.name, namespace);
    return next;
  };
  if (isScale) {
    const request = {
      ...{ applied: given, manager: query.get('fieldManager') ?? '', force: isTrue(query.get('force')), nowMs },
    };
    const applied = (live: UnknownObject): UnknownObject => {
      const merged = core.fields.applyScale({ ...request, live });
      return core.codecs.normalize(structuredClone(merged), SCALE_KIND, 'Ignore', () => {});
    };
    return { retries: true, trackedAlready: true, next: (old) => scaleWritten(core, type, old, applied, 'tracked') };
  }
  return {
    retries: true,
    trackedAlready: true,
    next: merge,
    ...(info.subresource === '' ? { create: () => mayCreate(type) && merge(undefined) } : {}),
  };
}

/** Throws MethodNotAllowed for a custom resource whose definition goes. */
function mayCreate({ custom, verbs }: ResourceType): true {
  if (custom && !verbs.has('create')) throw notWhileTerminating();
  return true;
}

/** Source: apiserver/pkg/endpoints/handlers/patch.go applyPatcher; null is an empty object. Throws BadRequest. */
function objectOfApply(value: unknown): UnknownObject {
  if (value === null) return {} as UnknownObject;
  if (typeof value === 'object' && !Array.isArray(value)) return value as UnknownObject;
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const why = `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
  throw errors.badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`);
}

function uidMismatch(type: ResourceType, name: string, uid: string): ApiError {
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  return errors.conflict(resourceName(type, name), why);
}

function reportDuplicates({ strictErrors }: ParsedPatch, validation: string, warn: (text: string) => void): void {
  if (validation === 'Ignore') return;
  for (const text of strictErrors) {
    if (validation === 'Strict') throw errors.badRequest(`error strict decoding YAML: ${YAML_HEAD} ${text}`);
    for (const one of warningsOf(text)) warn(one);
  }
}

export async function serveDelete(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { type } = scope;
  const { request, dryRun } = readDeleteOptions(scope);
  warnOfOrphans(scope, request);
  const deleted = await deleteObject(writeScope(scope, 'DeleteOptions', dryRun), request, ctx);
  if (!deleted.gone || type.definition.returnsDeleted === true) {
    const isAccepted = !deleted.gone && request.orphanDependents === false;
    return respondObject(scope, isAccepted ? 202 : 200, deleted.object);
  }
  // A Status has no other form.
  const media = { ...mediaOf(scope, 'one'), form: 'object' as const };
  return respondValue(scope.core.codecs, 200, media, successStatus(type, deleted));
}

/** Source: kubernetes pkg/registry/batch/job/storage/storage.go. */
function warnOfOrphans({ type, warn }: RequestScope, { orphanDependents, propagationPolicy }: DeleteRequest): void {
  if (type.group !== 'batch' || type.definition.orphansByDefault !== true) return;
  if (orphanDependents !== undefined || propagationPolicy !== undefined) return;
  warn(
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or ' +
      'set propagationPolicy=Orphan to suppress this warning',
  );
}

function successStatus(type: ResourceType, { object }: Deleted): object {
  const { uid } = type.objectOf(object).metadata;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: object.name, ...(type.group === '' ? {} : { group: type.group }), kind: type.plural, uid },
  };
}

export async function serveDeleteCollection(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, namespace, query } = scope;
  const media = mediaOf(scope, 'list');
  const { request, dryRun } = readDeleteOptions(scope);
  warnOfOrphans(scope, request);
  const parameters = parseListParameters(query, false);
  const listed = await listObjects(core, type, namespace, '', parameters, ctx);
  const write = writeScope(scope, 'DeleteOptions', dryRun);
  const deletions = listed.items.map(async (item) => {
    try {
      await deleteObject({ ...write, namespace: item.namespace, name: item.name }, request, ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  });
  const failed = (await Promise.allSettled(deletions)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return respondBytes(200, media, renderList(viewOf(scope, media), listed.items, listed.metadata));
}

/** Reviews and other kinds that are answered, not stored. */
export async function serveVirtual(scope: RequestScope, ctx: Ctx): Promise<ApiResponse> {
  const { core, type, user, query, namespace, nowMs } = scope;
  const media = mediaOf(scope, 'none');
  const write = writeScope(scope, 'CreateOptions');
  const given = withDefaults(type, decodeOwn(scope));
  const body = await core.fields.onUpdate(type, undefined, given, write.manager, '', nowMs, ctx);
  const request = {
    name: '',
    namespace,
    parent: undefined,
    body,
    query,
    user,
    dryRun: write.dryRun,
    nowMs,
    server: core.access,
  };
  const answer = await type.definition.virtual?.(body, request, ctx);
  // A binding answers with a Status.
  const isStatus = (answer as UnknownObject | undefined)?.kind === 'Status';
  const shown = isStatus ? (answer as object) : { ...(answer as object), kind: type.kind, apiVersion: type.apiVersion };
  return type.typeId === undefined && media.encoding === 'protobuf'
    ? respondJson(201, shown)
    : respondValue(core.codecs, 201, media, shown);
}
