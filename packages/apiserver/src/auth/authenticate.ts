/** Finds out who asks. Source: apiserver/pkg/authentication/{request,group,token}, kubernetes pkg/kubeapiserver/authenticator. */
import { ApiError, type Ctx } from '@kapella/base';
import type { UserInfo } from '../resource.ts';
import type {
  AuthenticationNotes,
  Authenticator,
  Known,
  ServerRequest,
  TokenAuthenticator,
  TokenUser,
} from './contract.ts';
import { type RequestHeaders, userOfProxy } from './request-headers.ts';
import { unionTokens } from './tokens/union.ts';

export const AUTHENTICATED_GROUP = 'system:authenticated';
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';
const BEARER = 'Bearer ';
const ANONYMOUS_USER = 'system:anonymous';

export const ANONYMOUS: UserInfo = Object.freeze({
  username: ANONYMOUS_USER,
  groups: Object.freeze([UNAUTHENTICATED_GROUP]),
});

export interface AuthenticationOptions {
  /** Asked in this order; the first that knows a token decides. */
  readonly tokens: readonly TokenAuthenticator[];
  /** Default true: requests without credentials are `system:anonymous`. A list: those for these paths only. */
  readonly anonymous?: boolean | readonly string[];
  /** How authenticating proxies say who asks; absent: none is believed. */
  readonly requestHeaders?: RequestHeaders;
}

export function unauthorized(cause?: unknown): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized', cause === undefined ? {} : { cause });
}

/** Proxy's headers, certificate, bearer token, then anonymous. Whoever shows wrong credentials is not anonymous. */
export function createAuthenticator(options: AuthenticationOptions): Authenticator {
  const tokens = unionTokens(options.tokens);
  const { anonymous = true, requestHeaders } = options;
  return {
    authenticate(request, ctx, notes) {
      const named = requestHeaders === undefined ? undefined : byProxy(request, requestHeaders);
      const known = named ?? byCertificate(request) ?? byToken(request, tokens, ctx, notes);
      if (known instanceof Promise) return known.then((user) => shownAs(user, request, anonymous));
      return shownAs(known, request, anonymous);
    },
  };
}

function shownAs(
  known: UserInfo | undefined,
  request: ServerRequest,
  anonymous: boolean | readonly string[],
): UserInfo | undefined {
  if (known !== undefined) return withAuthenticated(known);
  if (request.hasBadCertificate === true || request.clientCertificate !== undefined) return undefined;
  const isOpen = typeof anonymous === 'boolean' ? anonymous : anonymous.includes(request.path);
  return isOpen ? ANONYMOUS : undefined;
}

function byCertificate({ clientCertificate }: ServerRequest): UserInfo | undefined {
  if (clientCertificate === undefined || clientCertificate.isUser === false) return undefined;
  const { commonName, organizations } = clientCertificate;
  return { username: commonName, groups: organizations };
}

/** undefined: there is no token. Throws Unauthorized for one that nobody knows. */
function byToken(
  request: ServerRequest,
  tokens: TokenAuthenticator,
  ctx: Ctx,
  notes: AuthenticationNotes | undefined,
): Known<UserInfo> {
  const token = bearerToken(request);
  if (token === undefined) return undefined;
  let found: Known<TokenUser>;
  try {
    found = tokens.authenticateToken(token, undefined, ctx, notes);
  } catch (error) {
    refuse(request, error as Error, ctx);
  }
  if (!(found instanceof Promise)) return found === undefined ? refuse(request, undefined, ctx) : found.user;
  return found.then(
    (user) => (user === undefined ? refuse(request, undefined, ctx) : user.user),
    (error: Error) => refuse(request, error, ctx),
  );
}

function refuse(request: ServerRequest, error: Error | undefined, ctx: Ctx): never {
  const why = error ?? new Error('invalid bearer token');
  ctx.log.warn('request not authenticated', { path: request.path, error: why.message });
  throw unauthorized(why);
}

function byProxy(request: ServerRequest, requestHeaders: RequestHeaders): UserInfo | undefined {
  if (request.clientCertificate?.isProxy !== true) return undefined;
  try {
    return userOfProxy(request, requestHeaders);
  } catch (error) {
    throw unauthorized(error);
  }
}

export function withAuthenticated(user: UserInfo): UserInfo {
  if (user.username === ANONYMOUS_USER) return user;
  if (user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes(UNAUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

/** Other kinds of Authorization are nobody's here: such a request is one without credentials. */
function bearerToken({ headers }: ServerRequest): string | undefined {
  const header = headers['authorization']?.trim() ?? '';
  if (header !== '') {
    if (header.startsWith(BEARER) && header.indexOf(' ', BEARER.length) < 0 && header.length > BEARER.length) {
      return header.slice(BEARER.length);
    }
    const [scheme = '', token = ''] = header.split(' ', 3);
    if (scheme.toLowerCase() === 'bearer' && token !== '') return token;
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
    authenticateToken(token) {
      let found: UserInfo | undefined;
      for (const [known, user] of users) if (sameText(known, token)) found = user;
      return found === undefined ? undefined : { user: found, audiences: [] };
    },
  };
}

/** In a time that depends on the lengths alone. */
export function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(b.length, 1));
  return difference === 0;
}
