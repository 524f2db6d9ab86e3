/** What resources ask of the composition root, by the names they ask under. */
import type { Authorizer, HttpCaller, TokenAuthenticator } from '@kapella/apiserver';
import { ApiError } from '@kapella/base';
import type {
  AccessAuthorizer,
  ServiceAllocator,
  TokenAuthenticator as TokenReviewer,
  TokenIssuer,
} from '@kapella/resources';

export interface ServiceParts {
  readonly tokens: TokenIssuer;
  readonly tokenAuthenticator: TokenAuthenticator;
  readonly authorizer: Authorizer;
  readonly serviceAllocator: ServiceAllocator;
  /** For webhooks. */
  readonly httpCaller: HttpCaller;
}

export function createServices({
  tokens,
  tokenAuthenticator,
  authorizer,
  serviceAllocator,
  httpCaller,
}: ServiceParts): ReadonlyMap<string, unknown> {
  const reviewer: TokenReviewer = {
    audiences: tokens.defaultAudiences,
    async authenticate(token, audiences, ctx) {
      try {
        const found = await tokenAuthenticator.authenticateToken(token, audiences, ctx);
        if (found === undefined) return undefined;
        const groups = [...found.user.groups, 'system:authenticated'];
        return { user: { ...found.user, groups }, audiences: found.audiences };
      } catch (error) {
        if (error instanceof ApiError) return { error: 'invalid bearer token' };
        throw error;
      }
    },
  };
  const access: AccessAuthorizer = {
    authorize: async (question) => authorizer.authorize(question),
    rulesFor: async (user, namespace) =>
      authorizer.rulesFor?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [], incomplete: true },
  };
  return new Map<string, unknown>([
    ['tokenIssuer', tokens],
    ['tokenAuthenticator', reviewer],
    ['authorizer', access],
    ['serviceAllocator', serviceAllocator],
    ['httpCaller', httpCaller],
    ['immediateAuthorizer', authorizer],
  ]);
}
