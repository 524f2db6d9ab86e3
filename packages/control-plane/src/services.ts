/** What resources ask of the composition root, by the names they ask under. */
import { type Authorizer, type HttpCaller, type TokenAuthenticator, withAuthenticated } from '@kapella/apiserver';
import type {
  AccessAuthorizer,
  ComponentHealth,
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
  readonly componentHealth: ComponentHealth;
}

export function createServices({
  tokens,
  tokenAuthenticator,
  authorizer,
  serviceAllocator,
  httpCaller,
  componentHealth,
}: ServiceParts): ReadonlyMap<string, unknown> {
  const reviewer: TokenReviewer = {
    audiences: tokens.defaultAudiences,
    async authenticate(token, audiences, ctx) {
      try {
        const found = await tokenAuthenticator.authenticateToken(token, audiences, ctx);
        if (found === undefined) return { error: 'invalid bearer token' };
        return { user: withAuthenticated(found.user), audiences: found.audiences };
      } catch (error) {
        return { error: (error as Error).message };
      }
    },
  };
  const access: AccessAuthorizer = {
    authorize: async (question, ctx) => authorizer.authorize(question, ctx),
    rulesFor: async (user, namespace) =>
      authorizer.rulesFor?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [], incomplete: true },
  };
  return new Map<string, unknown>([
    ['tokenIssuer', tokens],
    ['tokenAuthenticator', reviewer],
    ['authorizer', access],
    ['serviceAllocator', serviceAllocator],
    ['httpCaller', httpCaller],
    ['componentHealth', componentHealth],
    ['immediateAuthorizer', authorizer],
  ]);
}
