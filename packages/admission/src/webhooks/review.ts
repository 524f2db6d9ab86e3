/**
 * admission.k8s.io/v1 AdmissionReview: what is asked, and how an answer is read.
 * Source: apiserver/pkg/admission/plugin/webhook/request.
 */
import type { UnknownObject } from '@kapella/api';
import type { AdmissionRequest, EquivalentKind } from '@kapella/apiserver';
import { ApiError, type Ctx, parseExactJson, type Status } from '@kapella/base';

export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status: Partial<Status> | undefined;
  /** RFC 6902 operations; undefined where none came. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

const decoder = new TextDecoder();

export async function reviewOf(
  request: AdmissionRequest,
  form: 'own' | EquivalentKind,
  uid: string,
  ctx: Ctx,
): Promise<object> {
  const { operation, resource, kind, subresource, namespace, name, user, object, oldObject, dryRun, options } = request;
  const shown = form === 'own' ? { resource, kind } : form;
  const inForm = async (given: UnknownObject | undefined) =>
    given === undefined ? null : form === 'own' ? given : form.convert(given, ctx);
  const sub = subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid,
      kind: gvk(shown.kind),
      resource: shown.resource,
      ...sub,
      requestKind: gvk(kind),
      requestResource: resource,
      ...(name === '' ? {} : { name }),
      ...(namespace === '' ? {} : { namespace }),
      operation,
      userInfo: {
        username: user.username,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object: await inForm(object),
      oldObject: await inForm(oldObject),
      dryRun,
      options: options ?? null,
    },
  };
}

const gvk = ({ group, version, kind }: AdmissionRequest['kind']) => ({ group, version, kind });

/** Throws Error when the answer is no review of this request. */
export function readAnswer(answer: unknown, uid: string, mayPatch: boolean): ReviewAnswer {
  const response = responseIn(answer, uid);
  return {
    allowed: response.allowed === true,
    status: response.status,
    patch: patchIn(response, mayPatch),
    warnings: response.warnings ?? [],
    auditAnnotations: response.auditAnnotations ?? {},
  };
}

function responseIn(answer: unknown, uid: string): Review['response'] {
  const { kind = '', apiVersion = '', response } = (answer ?? {}) as Partial<Review>;
  if (kind !== 'AdmissionReview' || apiVersion !== 'admission.k8s.io/v1') {
    const wanted = 'admission.k8s.io/v1, Kind=AdmissionReview';
    throw new Error(`expected webhook response of ${wanted}, got ${apiVersion}, Kind=${kind}`);
  }
  if (response === undefined || response === null) throw new Error('expected webhook response, got nil');
  if (response.uid !== uid) throw new Error(`expected response.uid="${uid}", got "${response.uid ?? ''}"`);
  return response;
}

function patchIn({ patch, patchType }: Review['response'], mayPatch: boolean): unknown {
  if (patch === undefined || patch === null || patch === '') return undefined;
  if (!mayPatch) throw new Error('validating webhook response must not have a patch');
  if (patchType === undefined) throw new Error('webhook returned response.patch but not response.patchType');
  if (patchType !== 'JSONPatch') throw new Error(`webhook returned invalid response.patchType of "${patchType}"`);
  return parseExactJson(decoder.decode(Uint8Array.from(atob(patch), (char) => char.charCodeAt(0))));
}

interface Review {
  readonly kind: string;
  readonly apiVersion: string;
  readonly response: {
    readonly uid?: string;
    readonly allowed?: boolean;
    readonly status?: Partial<Status>;
    readonly patch?: string;
    readonly patchType?: string;
    readonly warnings?: readonly string[];
    readonly auditAnnotations?: Readonly<Record<string, string>>;
  };
}

/** The refusal as the client sees it: never a success, whatever the webhook said of it. */
export function denialOf(name: string, { status = {} }: ReviewAnswer): ApiError {
  const deniedBy = `admission webhook ${JSON.stringify(name)} denied the request`;
  const { message = '', reason = '', details, code = 0 } = status;
  const text =
    message !== ''
      ? `${deniedBy}: ${message}`
      : reason !== ''
        ? `${deniedBy}: ${reason}`
        : `${deniedBy} without explanation`;
  return new ApiError(reason, text, { code: Math.max(code, 400), ...(details === undefined ? {} : { details }) });
}
