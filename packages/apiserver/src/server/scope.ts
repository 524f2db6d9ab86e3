/** One request on one resource, and what every verb's handler makes of it. */
import type { UnknownObject } from '@kapella/api';
import type { ApiRequest, ApiResponse } from '@kapella/client';
import type { CachedObject } from '@kapella/store';
import { type ExpectedKind, expectedOf } from '../codec/codecs.ts';
import type { Media, Negotiator, Offer } from '../http/media.ts';
import {
  checkWriteOptions,
  fieldManagerOf,
  type FieldValidation,
  parseDryRun,
  parseFieldValidation,
  type WriteOptionsKind,
} from '../http/parameters.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { UserInfo } from '../resource.ts';
import { renderBody, type View } from '../respond/render.ts';
import { respondBytes } from '../respond/respond.ts';
import { parseIncludeObject } from '../respond/table.ts';
import type { Core, WriteScope } from '../rest/core.ts';
import type { FrameCache } from '../rest/watch.ts';

export interface RequestScope {
  readonly core: Core;
  readonly frames: FrameCache;
  readonly negotiator: Negotiator;
  readonly type: ResourceType;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly request: ApiRequest;
  readonly user: UserInfo;
  readonly namespace: string;
  readonly nowMs: number;
  warn(message: string): void;
  /** For the audit log; undefined where the request is not recorded. */
  readonly annotate: ((key: string, value: string, level?: 'Request') => void) | undefined;
}

const EMPTY = new Uint8Array(0);

/** Throws NotAcceptable. `forms`: of what tables and metadata alone are possible. */
export function mediaOf(scope: RequestScope, forms: Offer['forms']): Media {
  const { negotiator, request, query, type } = scope;
  const offer = { protobuf: type.typeId !== undefined, cbor: scope.core.codecs.cbor, forms };
  return negotiator.choose(request.headers.accept, query, offer);
}

export function viewOf(scope: RequestScope, media: Media): View {
  const include = media.form === 'Table' ? parseIncludeObject(scope.query.get('includeObject')) : 'Metadata';
  return { codecs: scope.core.codecs, type: scope.type, media, include, nowMs: scope.nowMs };
}

export function respondObject(scope: RequestScope, status: number, object: CachedObject): ApiResponse {
  const media = mediaOf(scope, 'one');
  return respondBytes(status, media, renderBody(viewOf(scope, media), object));
}

/** Throws Invalid for options that are wrong, unless the caller has read them itself and gives `isDryRun`. */
export function writeScope(scope: RequestScope, options: WriteOptionsKind, isDryRun?: boolean): WriteScope {
  const { core, type, user, info, query, request } = scope;
  if (isDryRun === undefined) checkWriteOptions(query, options);
  return {
    core,
    type,
    user,
    namespace: scope.namespace,
    name: info.name,
    subresource: info.subresource,
    dryRun: isDryRun ?? parseDryRun(query.getAll('dryRun')),
    manager: fieldManagerOf(query, request.headers['user-agent']),
    admission: true,
    nowMs: scope.nowMs,
    warn: scope.warn,
    ...(scope.annotate === undefined ? {} : { annotate: scope.annotate }),
  };
}

export function validationOf(scope: RequestScope): FieldValidation {
  return parseFieldValidation(scope.query);
}

/** Throws BadRequest, UnsupportedMediaType. */
export function decodeBody(scope: RequestScope, expected: ExpectedKind): UnknownObject {
  const { core, request } = scope;
  const encoding = core.codecs.encodingOf(request.headers['content-type'], expected.typeId !== undefined);
  return core.codecs.decode(request.body ?? EMPTY, encoding, expected, validationOf(scope), scope.warn);
}

export function decodeOwn(scope: RequestScope): UnknownObject {
  return decodeBody(scope, expectedOf(scope.type));
}
