/** Service-account tokens: signed, checked, and dead with what they are bound to. Source: kubernetes pkg/serviceaccount. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import type { ServerAccess, TokenAuthenticator, TokenUser } from '@kapella/apiserver';
import { coreV1, type KindRef, type KubeObject } from '@kapella/api';
import type { TokenIssuer } from '@kapella/resources';
import { type Ctx, ApiError } from '@kapella/base';
import { exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';

const ALGORITHM = 'ES256';
/** Checked signatures are remembered, by the token's hash; what they are bound to is looked up every time. */
const REMEMBERED_MAX = 2_000;
/** Projected tokens are asked for an hour and live on for a year unless refreshed: upstream warns after the hour. */
const WARN_AFTER_SECONDS = 3607;

interface BoundName {
  readonly name: string;
  readonly uid: string;
}

interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: BoundName;
  readonly pod?: BoundName;
  readonly secret?: BoundName;
  readonly node?: BoundName;
}

interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly jti: string;
  readonly kubernetes: KubernetesClaims;
}

export interface ServiceAccountTokens {
  readonly issuer: TokenIssuer;
  readonly authenticator: TokenAuthenticator;
  readonly issuerUrl: string;
  /** The public keys, as `/openid/v1/jwks` shows them. */
  jwks(): Promise<{ readonly keys: readonly JWK[] }>;
}

export interface TokenOptions {
  /** PKCS #8 PEM, P-256. */
  readonly privateKey: string;
  /** `https://kubernetes.default.svc.cluster.local`: also the audience of the API server. */
  readonly issuerUrl: string;
  /** The server's objects, once it exists. */
  readonly access: () => ServerAccess;
}

export function createServiceAccountTokens(options: TokenOptions): ServiceAccountTokens {
  const privateKey = createPrivateKey(options.privateKey);
  const publicKey = createPublicKey(privateKey);
  const keyId = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
  const audiences = [options.issuerUrl];
  return {
    issuerUrl: options.issuerUrl,
    issuer: { defaultAudiences: audiences, issue: (request, ctx) => issue(request, privateKey, keyId, options.issuerUrl, ctx) },
    authenticator: createAuthenticator(options, publicKey, audiences),
    async jwks() {
      return { keys: [{ ...(await exportJWK(publicKey)), use: 'sig', kid: keyId, alg: ALGORITHM }] };
    },
  };
}

async function issue(
  request: Parameters<TokenIssuer['issue']>[0],
  key: KeyObject,
  keyId: string,
  issuerUrl: string,
  ctx: Ctx,
): ReturnType<TokenIssuer['issue']> {
  const { serviceAccount, boundTo, node } = request;
  const { namespace = '', name, uid } = serviceAccount.metadata;
  const nowSeconds = Math.floor(ctx.clock.nowMs() / 1000);
  const expires = nowSeconds + request.expirationSeconds;
  const kubernetes: KubernetesClaims & { warnafter?: number } = {
    namespace,
    serviceaccount: { name, uid },
    ...(boundTo && { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
    ...(node && { node }),
    ...(request.expirationSeconds > WARN_AFTER_SECONDS && { warnafter: nowSeconds + WARN_AFTER_SECONDS }),
  };
  const token = await new SignJWT({ 'kubernetes.io': kubernetes })
    .setProtectedHeader({ alg: ALGORITHM, kid: keyId })
    .setIssuer(issuerUrl)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .setAudience([...request.audiences])
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds)
    .setExpirationTime(expires)
    .setJti(randomUUID())
    .sign(key);
  return { token, expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000Z', 'Z') };
}

function createAuthenticator(options: TokenOptions, key: KeyObject, defaultAudiences: readonly string[]): TokenAuthenticator {
  const remembered = new Map<string, Claims>();

  async function claimsOf(token: string, ctx: Ctx): Promise<Claims | undefined> {
    const id = createHash('sha256').update(token).digest('base64');
    const known = remembered.get(id);
    if (known !== undefined) return known;
    if (!isOurs(token, options.issuerUrl)) return undefined;
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer: options.issuerUrl,
        algorithms: [ALGORITHM],
        currentDate: new Date(ctx.clock.nowMs()),
      });
      const aud = typeof payload.aud === 'string' ? [payload.aud] : (payload.aud ?? []);
      const kubernetes = payload['kubernetes.io'] as KubernetesClaims;
      const claims: Claims = { aud, exp: payload.exp ?? 0, jti: payload.jti ?? '', kubernetes };
      if (remembered.size >= REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as string);
      remembered.set(id, claims);
      return claims;
    } catch (cause) {
      throw new ApiError('Unauthorized', 'Unauthorized', { cause });
    }
  }

  return {
    async authenticateToken(token, audiences, ctx): Promise<TokenUser | undefined> {
      const claims = await claimsOf(token, ctx);
      if (claims === undefined) return undefined;
      const accepted = claims.aud.filter((audience) => (audiences ?? defaultAudiences).includes(audience));
      if (accepted.length === 0 || claims.exp * 1000 <= ctx.clock.nowMs()) throw new ApiError('Unauthorized', 'Unauthorized');
      await requireAlive(claims.kubernetes, options.access());
      return { audiences: accepted, user: userOf(claims) };
    },
  };
}

/** A look at the unsigned claims: whether it is worth checking, or someone else's token. */
function isOurs(token: string, issuerUrl: string): boolean {
  const [, payload] = token.split('.');
  if (payload === undefined) return false;
  try {
    return (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iss?: string }).iss === issuerUrl;
  } catch {
    return false;
  }
}

/** The account and what the token is bound to must still be the same objects. */
async function requireAlive({ namespace, serviceaccount, pod, secret, node }: KubernetesClaims, access: ServerAccess): Promise<void> {
  await requireSame(access, coreV1.ServiceAccount, namespace, serviceaccount);
  if (pod !== undefined) await requireSame(access, coreV1.Pod, namespace, pod);
  if (secret !== undefined) await requireSame(access, coreV1.Secret, namespace, secret);
  // The node of a Pod's token is information; only a token bound to the node itself dies with it.
  if (node !== undefined && pod === undefined) await requireSame(access, coreV1.Node, '', node);
}

async function requireSame<T extends KubeObject>(access: ServerAccess, kind: KindRef<T>, namespace: string, bound: BoundName): Promise<void> {
  const object = await access.get(kind, namespace, bound.name);
  if (object?.metadata.uid === bound.uid) return;
  throw new ApiError('Unauthorized', 'Unauthorized', {
    cause: new Error(`the token is bound to ${kind.kind} ${bound.name}, which is gone`),
  });
}

function userOf({ jti, kubernetes }: Claims): TokenUser['user'] {
  const { namespace, serviceaccount, pod, node } = kubernetes;
  const prefix = 'authentication.kubernetes.io/';
  const extra: Record<string, readonly string[]> = { [`${prefix}credential-id`]: [`JTI=${jti}`] };
  if (pod !== undefined) Object.assign(extra, { [`${prefix}pod-name`]: [pod.name], [`${prefix}pod-uid`]: [pod.uid] });
  if (node !== undefined) Object.assign(extra, { [`${prefix}node-name`]: [node.name], [`${prefix}node-uid`]: [node.uid] });
  return {
    username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  };
}
