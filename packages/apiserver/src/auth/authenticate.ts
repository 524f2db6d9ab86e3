/** Finds out who asks. Source: apiserver/pkg/authentication/{request,group,token}. */
import { ApiError, type Ctx } from '@kapella/base';
import type { UserInfo } from '../resource.ts';
import type { Authenticator, ServerRequest, TokenAuthenticator, TokenUser } from './contract.ts';

export const AUTHENTICATED_GROUP = 'system:authenticated';
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';
export const ANONYMOUS: UserInfo = Object.freeze({
  username: 'system:anonymous',
  groups: Object.freeze([UNAUTHENTICATED_GROUP]),
});

export interface AuthenticationOptions {
  readonly tokens: readonly TokenAuthenticator[];
  /** Default true: requests without credentials are `system:anonymous`. */
  readonly anonymous?: boolean;
}

export function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized', { details: {} });
}

/** Certificate first, then bearer token, then anonymous. */
export function createAuthenticator(options: AuthenticationOptions): Authenticator {
  return {
    async authenticate(request, ctx) {
      const { clientCertificate } = request;
      if (clientCertificate !== undefined) {
        const { commonName, organizations } = clientCertificate;
        return withAuthenticated({ username: commonName, groups: organizations });
      }
      const token = bearerToken(request);
      if (token !== undefined) return withAuthenticated((await checkToken(options.tokens, token, undefined, ctx)).user);
      return options.anonymous === false || request.hasBadCertificate === true ? undefined : ANONYMOUS;
    },
  };
}

/** Throws Unauthorized when no authenticator knows the token. Also what TokenReview asks. */
export async function checkToken(
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[] | undefined,
  ctx: Ctx,
): Promise<TokenUser> {
  for (const authenticator of authenticators) {
    const found = await authenticator.authenticateToken(token, audiences, ctx);
    if (found !== undefined) return { ...found, user: withAuthenticated(found.user) };
  }
  throw unauthorized();
}

export function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes(UNAUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

function bearerToken({ headers }: ServerRequest): string | undefined {
  const header = headers.authorization;
  if (header !== undefined) {
    const match = /^bearer +(\S+)$/i.exec(header.trim());
    return match?.[1];
  }
  return webSocketToken(headers['sec-websocket-protocol']);
}

/** Browsers cannot set headers on WebSockets: the token travels as a subprotocol. */
function webSocketToken(protocols: string | undefined): string | undefined {
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const found = protocols
    ?.split(',')
    .map((text) => text.trim())
    .find((text) => text.startsWith(prefix));
  if (found === undefined) return undefined;
  try {
    return atob(found.slice(prefix.length).replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    throw unauthorized();
  }
}

/** A fixed token, for bootstrapping. Compared in a time that does not depend on where it differs. */
export function createStaticTokens(users: ReadonlyMap<string, UserInfo>): TokenAuthenticator {
  return {
    async authenticateToken(token) {
      let found: UserInfo | undefined;
      for (const [known, user] of users) if (sameText(known, token)) found = user;
      return found === undefined ? undefined : { user: found, audiences: [] };
    },
  };
}

function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(b.length, 1));
  return difference === 0;
}
