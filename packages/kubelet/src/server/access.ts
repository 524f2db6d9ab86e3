/**
 * Who may speak to the node agent: client certificates and bearer tokens, and the API server's word on what they may do.
 * Source: kubernetes pkg/kubelet/server/auth.go, cmd/kubelet/app/auth.go (delegated authentication and authorization).
 */
import { authenticationV1, authorizationV1 } from '@kapella/api';
import { ApiError, type Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import { attributesOf } from './attributes.ts';

const TOKEN_MS = 2 * 60_000;
const ALLOWED_MS = 5 * 60_000;
const DENIED_MS = 30_000;
const ENTRIES_MAX = 4096;
const TOKEN_BYTES_MAX = 16 * 1024;
/** Cluster administrators need not be asked about: the API server would say yes whatever its rules are. */
const ADMIN_GROUP = 'system:masters';

export interface NodeUser {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface AccessRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Of a certificate that a trusted CA has signed. */
  readonly certificate: NodeUser | undefined;
  /** The whole header. */
  readonly authorization: string | undefined;
}

export interface NodeAccess {
  /** Throws ApiError Unauthorized or Forbidden. */
  check(request: AccessRequest, ctx: Ctx): Promise<NodeUser>;
}

export interface NodeAccessDeps {
  readonly client: Pick<Client, 'create'>;
  readonly nodeName: string;
  /** Makes a key of a token, so that none is kept in memory. */
  digest(token: string): string;
}

export function createNodeAccess(deps: NodeAccessDeps): NodeAccess {
  const users = createCache<NodeUser | undefined>();
  const answers = createCache<boolean>();
  const userOfToken = async (token: string, ctx: Ctx): Promise<NodeUser | undefined> => {
    const key = deps.digest(token);
    const known = users.get(key, ctx.clock.monotonicMs());
    if (known !== undefined) return known.value;
    const review = { metadata: { name: '' }, spec: { token } };
    const { status } = await deps.client.create(authenticationV1.TokenReview, review, ctx);
    const { username = '', uid, groups = [], extra } = status?.user ?? {};
    const more = { ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
    const user = status?.authenticated === true ? { name: username, groups, ...more } : undefined;
    if (user !== undefined) users.put(key, user, ctx.clock.monotonicMs() + TOKEN_MS);
    return user;
  };
  const isAllowed = async (user: NodeUser, verb: string, subresource: string, ctx: Ctx): Promise<boolean> => {
    const key = JSON.stringify([user, verb, subresource]);
    const known = answers.get(key, ctx.clock.monotonicMs());
    if (known !== undefined) return known.value;
    const { name, uid, groups, extra } = user;
    const review = {
      metadata: { name: '' },
      spec: {
        user: name,
        groups,
        ...(uid === undefined ? {} : { uid }),
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: deps.nodeName },
      },
    };
    const { status } = await deps.client.create(authorizationV1.SubjectAccessReview, review, ctx);
    const allowed = status?.allowed === true;
    answers.put(key, allowed, ctx.clock.monotonicMs() + (allowed ? ALLOWED_MS : DENIED_MS));
    return allowed;
  };
  return {
    async check({ method, path, certificate, authorization }, ctx) {
      const token = bearerOf(authorization);
      const user = certificate ?? (token === undefined ? undefined : await userOfToken(token, ctx));
      if (user === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
      if (user.groups.includes(ADMIN_GROUP)) return user;
      const { verb, subresources } = attributesOf(method, path);
      for (const subresource of subresources) if (await isAllowed(user, verb, subresource, ctx)) return user;
      const which = `resource=nodes, subresource(s)=[${subresources.join(' ')}]`;
      throw new ApiError('Forbidden', `Forbidden (user=${user.name}, verb=${verb}, ${which})`);
    },
  };
}

function bearerOf(header: string | undefined): string | undefined {
  const [scheme, token] = (header ?? '').split(' ');
  return scheme?.toLowerCase() === 'bearer' && token && token.length <= TOKEN_BYTES_MAX ? token : undefined;
}

function createCache<T>() {
  const entries = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return {
    get(key: string, nowMs: number) {
      const found = entries.get(key);
      return found !== undefined && found.untilMs > nowMs ? found : undefined;
    },
    put(key: string, value: T, untilMs: number) {
      entries.delete(key);
      const oldest = entries.size >= ENTRIES_MAX ? entries.keys().next().value : undefined;
      if (oldest !== undefined) entries.delete(oldest);
      entries.set(key, { value, untilMs });
    },
  };
}
