/** DeleteOptions from the body or, without one, from the query. Source: apiserver/pkg/endpoints/handlers/delete.go. */
import { parseText, readEnvelope } from '@kapella/api';
import { ApiError, errors, FieldErrors } from '@kapella/base';
import { objectOfBody, SCHEME, unreadableJson } from '../codec/body-kind.ts';
import { decodeCbor } from '../codec/cbor.ts';
import { parseDryRun } from '../http/parameters.ts';
import { isTrue } from '../http/request-info.ts';
import type { DeleteRequest } from '../rest/delete.ts';
import type { RequestScope } from './scope.ts';

const TYPE_ID = 'meta/v1.DeleteOptions';
const DELETE_OPTIONS = { group: '', version: 'v1', kind: 'DeleteOptions', typeId: TYPE_ID } as const;
const POLICIES = ['Foreground', 'Background', 'Orphan'];

interface DeleteOptionsBody {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly dryRun?: readonly string[];
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface DeleteOptions {
  readonly request: DeleteRequest;
  readonly dryRun: boolean;
}

/** Throws BadRequest, Invalid. */
export function readDeleteOptions(scope: RequestScope): DeleteOptions {
  const body = scope.request.body;
  const options = body === undefined || body.length === 0 ? fromQuery(scope.query) : fromBody(scope, body);
  const dryRun = options.dryRun ?? [];
  validate(options, dryRun);
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = options;
  const seconds = gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds;
  return {
    request: { gracePeriodSeconds: seconds, propagationPolicy, orphanDependents, preconditions },
    dryRun: parseDryRun(dryRun),
  };
}

function fromQuery(query: URLSearchParams): DeleteOptionsBody {
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  if (grace !== null && !/^-?\d+$/.test(grace)) {
    throw errors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  }
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null || policy === '' ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    dryRun: query.getAll('dryRun'),
  };
}

function fromBody({ core, request }: RequestScope, body: Uint8Array): DeleteOptionsBody {
  const { codecs } = core;
  const encoding = codecs.encodingOf(request.headers['content-type'], true);
  try {
    if (encoding === 'protobuf')
      return codecs.protobuf.decodeMessage(readEnvelope(body).raw, TYPE_ID) as DeleteOptionsBody;
    const value =
      encoding === 'cbor' ? decodeCbor(body) : parseText(new TextDecoder().decode(body), encoding, codecs.facts).value;
    const object = objectOfBody(value, false);
    const { kind = 'DeleteOptions', apiVersion = 'v1' } = object;
    if (kind !== 'DeleteOptions') {
      throw errors.badRequest(`no kind "${kind}" is registered for version "${apiVersion}" in scheme "${SCHEME}"`);
    }
    return codecs.normalize(object, DELETE_OPTIONS, 'Ignore', () => {}) as DeleteOptionsBody;
  } catch (error) {
    const { cause, message } = error as Error;
    // What decoding says, without the words for an object of the path.
    if (error instanceof ApiError && !(cause instanceof Error)) throw error;
    const why = error instanceof ApiError ? (cause as Error).message : message;
    const isText = (error as Error).name === 'TextError';
    throw new ApiError('BadRequest', isText ? unreadableJson(why).message : why, { cause: error });
  }
}

function validate({ propagationPolicy, orphanDependents }: DeleteOptionsBody, dryRun: readonly string[]): void {
  const found = new FieldErrors();
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    found.invalid(
      'propagationPolicy',
      propagationPolicy,
      'orphanDependents and deletionPropagation cannot be both set',
    );
  }
  if (propagationPolicy !== undefined && !POLICIES.includes(propagationPolicy)) {
    found.notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']);
  }
  if (!dryRun.every((value) => value === 'All')) found.notSupported('dryRun', dryRun, ['All']);
  if (found.any) throw found.toApiError({ group: 'meta.k8s.io', kind: 'DeleteOptions', name: '' });
}
