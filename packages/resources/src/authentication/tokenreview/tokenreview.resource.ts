/** authentication.k8s.io/v1 TokenReview: who a token stands for. Source: kubernetes pkg/registry/authentication/tokenreview. */
import type { TokenReview } from '@kapella/api/types/authentication-v1';
import { defineResource, type UserInfo } from '@kapella/apiserver';
import { type Ctx, errors } from '@kapella/base';

/** The composition root's service `tokenAuthenticator`: all ways of the server to know a bearer token. */
export interface TokenAuthenticator {
  /** Audiences of the API server: what a review is asked for when it names none. */
  readonly audiences: readonly string[];
  /** Undefined for a token that nobody knows; `error` where one was recognised and refused. */
  authenticate(
    token: string,
    audiences: readonly string[],
    ctx: Ctx,
  ): Promise<
    { readonly user: UserInfo; readonly audiences: readonly string[] } | { readonly error: string } | undefined
  >;
}

export const tokenReviewResource = defineResource<TokenReview>({
  id: {
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenReview',
    plural: 'tokenreviews',
    singular: 'tokenreview',
  },
  scope: 'cluster',
  verbs: ['create'],
  columns: [],
  async virtual(review, { server }, ctx) {
    const { token, audiences = [] } = review.spec ?? {};
    if (!token) throw errors.badRequest('token is required for TokenReview in authentication');
    const authenticator = server.service<TokenAuthenticator>('tokenAuthenticator');
    const asked = audiences.length > 0 ? audiences : authenticator.audiences;
    const found = await authenticator.authenticate(token, asked, ctx);
    return { ...review, spec: { ...review.spec, token }, status: statusOf(found) };
  },
});

type Found = Awaited<ReturnType<TokenAuthenticator['authenticate']>>;

function statusOf(found: Found): TokenReview['status'] {
  if (found === undefined) return { user: {} };
  if ('error' in found) return { user: {}, error: found.error };
  const { username, uid, groups, extra } = found.user;
  return {
    authenticated: true,
    user: { username, ...(uid && { uid }), groups: [...groups], ...(extra && { extra }) },
    ...(found.audiences.length > 0 && { audiences: found.audiences }),
  };
}
