/** May someone do something: what the review kinds share. Source: kubernetes pkg/registry/authorization. */
import type {
  NonResourceAttributes,
  ResourceAttributes,
  ResourceRule,
  NonResourceRule,
  SubjectAccessReviewStatus,
} from '@kapella/api/types/authorization-v1';
import type { Selector, ServerAccess, UserInfo } from '@kapella/apiserver';
import { type Ctx, FieldErrors } from '@kapella/base';
import { readSelectors, validateSelectors } from './review-selectors.ts';

/** One question. `resource` is '' for a path. */
export interface AccessQuestion {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** '' for a resource. */
  readonly path: string;
  readonly fieldSelector?: Selector | undefined;
  readonly labelSelector?: Selector | undefined;
}

/** The composition root's service `authorizer`. */
export interface AccessAuthorizer {
  authorize(
    question: AccessQuestion,
    ctx: Ctx,
  ): Promise<{
    readonly decision: 'allow' | 'deny' | 'none';
    readonly reason?: string;
    readonly error?: string;
  }>;
  /** All that a user may do in a namespace, for `kubectl auth can-i --list`. */
  rulesFor(
    user: UserInfo,
    namespace: string,
    ctx: Ctx,
  ): Promise<{
    readonly resourceRules: readonly ResourceRule[];
    readonly nonResourceRules: readonly NonResourceRule[];
    /** Set where an authorizer could not list all its rules. */
    readonly incomplete?: boolean;
    readonly error?: string;
  }>;
}

export interface ReviewSpec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

/** Throws Invalid. Source: pkg/apis/authorization/validation. */
export function checkReviewSpec(
  spec: ReviewSpec,
  user?: { name?: string; groups?: readonly string[] },
  more?: (errors: FieldErrors) => void,
): void {
  const found = new FieldErrors();
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (resource !== undefined && path !== undefined) {
    found.invalid('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes');
  }
  if (resource === undefined && path === undefined) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    found.invalid('spec.resourceAttributes', null, why);
  }
  if (user !== undefined && !user.name && (user.groups?.length ?? 0) === 0) {
    found.invalid('spec.user', user.name ?? '', 'at least one of user or group must be specified');
  }
  if (resource !== undefined) validateSelectors(resource, found);
  more?.(found);
  if (found.any) throw found.toApiError({ group: 'authorization.k8s.io', kind: '', name: '' });
}

export async function reviewAccess(
  spec: ReviewSpec,
  user: UserInfo,
  server: ServerAccess,
  ctx: Ctx,
): Promise<SubjectAccessReviewStatus> {
  const authorizer = server.service<AccessAuthorizer>('authorizer');
  const { problems, ...selectors } = readSelectors(spec.resourceAttributes ?? {});
  const question = { ...questionOf(spec, user), ...selectors };
  const { decision, reason, error } = await authorizer.authorize(question, ctx);
  const evaluationError = [...(error ? [error] : []), ...problems].join('; ');
  return {
    allowed: decision === 'allow',
    ...(decision === 'deny' && { denied: true }),
    ...(reason && { reason }),
    ...(evaluationError !== '' && { evaluationError }),
  };
}

function questionOf(
  { resourceAttributes: resource, nonResourceAttributes }: ReviewSpec,
  user: UserInfo,
): AccessQuestion {
  return {
    user,
    verb: resource?.verb ?? nonResourceAttributes?.verb ?? '',
    isResource: resource !== undefined,
    group: resource?.group ?? '',
    // No version: any.
    version: resource === undefined ? '' : resource.version || '*',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    path: nonResourceAttributes?.path ?? '',
  };
}

/** The subject that a review names. */
export function subjectOf(spec: {
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: UserInfo['extra'];
}): UserInfo {
  const { user = '', uid, groups = [], extra } = spec;
  return { username: user, ...(uid && { uid }), groups, ...(extra && { extra }) };
}
