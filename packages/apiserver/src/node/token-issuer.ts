/** Tokens of service accounts: signed, checked, published. Source: kubernetes pkg/serviceaccount/{jwt,claims}.go. */
import { createHash, createPublicKey } from 'node:crypto';
import { ApiError, type Ctx } from '@kapella/base';
import { type CryptoKey, exportJWK, importPKCS8, type JWK, jwtVerify, SignJWT } from 'jose';
import type { TokenAuthenticator, TokenUser } from '../auth/contract.ts';
import {
  type BoundClaims,
  checkBoundObjects,
  type IssueRequest,
  type ServiceAccountTokens,
  tokenUserOf,
} from '../auth/service-account-tokens.ts';
import type { ServerAccess } from '../resource.ts';

export interface TokenIssuerOptions {
  /** `https://kubernetes.default.svc.cluster.local` */
  readonly issuer: string;
  /** Audiences of the API server; by default the issuer. */
  readonly audiences?: readonly string[];
  /** PKCS 8 in PEM, RSA or EC P-256. */
  readonly privateKey: string;
}

const VERIFIED_MAX = 5_000;

interface Claims {
  readonly iss?: string;
  readonly exp?: number;
  readonly jti?: string;
  readonly aud?: string | string[];
  readonly 'kubernetes.io'?: BoundClaims;
}

export async function createTokenIssuer(options: TokenIssuerOptions): Promise<ServiceAccountTokens> {
  const publicKeyObject = createPublicKey(options.privateKey);
  const algorithm = publicKeyObject.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const privateKey = await importPKCS8(options.privateKey, algorithm);
  const der = publicKeyObject.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(der).digest('base64url');
  const jwk: JWK = { ...(await exportJWK(publicKeyObject)), use: 'sig', kid: keyId, alg: algorithm };
  const audiences = options.audiences ?? [options.issuer];
  return {
    defaultAudiences: audiences,
    issuer: options.issuer,
    issue: (request, ctx) => issue(request, options.issuer, privateKey, algorithm, keyId, ctx),
    authenticator: (access) => new JwtAuthenticator(options.issuer, audiences, publicKeyObject, algorithm, access),
    jwks: () => ({ keys: [jwk] }),
  };
}

async function issue(
  request: IssueRequest,
  issuer: string,
  key: CryptoKey,
  algorithm: string,
  keyId: string,
  ctx: Ctx,
): Promise<{ token: string; expirationTimestamp: string }> {
  const { serviceAccount, boundTo, node } = request;
  const { name, namespace = '', uid } = serviceAccount.metadata;
  const nowSeconds = Math.floor(ctx.clock.nowMs() / 1000);
  const expires = nowSeconds + request.expirationSeconds;
  const bound = boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } };
  const claims = {
    'kubernetes.io': { namespace, serviceaccount: { name, uid }, ...bound, ...(node === undefined ? {} : { node }) },
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, kid: keyId })
    .setIssuer(issuer)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .setAudience([...request.audiences])
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds)
    .setExpirationTime(expires)
    .setJti(ctx.random.uuid())
    .sign(key);
  return { token, expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000Z', 'Z') };
}

class JwtAuthenticator implements TokenAuthenticator {
  readonly #issuer: string;
  readonly #audiences: readonly string[];
  readonly #key: Parameters<typeof exportJWK>[0];
  readonly #algorithm: string;
  readonly #access: () => ServerAccess;
  /** Signatures once found good stay good: only time and the bound objects are looked at again. */
  readonly #verified = new Map<string, Claims>();

  constructor(
    issuer: string,
    audiences: readonly string[],
    key: Parameters<typeof exportJWK>[0],
    algorithm: string,
    access: () => ServerAccess,
  ) {
    this.#issuer = issuer;
    this.#audiences = audiences;
    this.#key = key;
    this.#algorithm = algorithm;
    this.#access = access;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[] | undefined,
    ctx: Ctx,
  ): Promise<TokenUser | undefined> {
    if (!this.#isOurs(token)) return undefined;
    const claims = await this.#claims(token, ctx);
    const given = claims.aud === undefined ? [] : Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    const shared = (audiences ?? this.#audiences).filter((audience) => given.includes(audience));
    if (shared.length === 0) {
      throw refused(
        `token audiences ${JSON.stringify(given)} is invalid for the target audiences ${JSON.stringify(audiences ?? this.#audiences)}`,
      );
    }
    const bound = claims['kubernetes.io'];
    if (bound === undefined) throw refused('not a token of a service account');
    await checkBoundObjects(bound, this.#access(), ctx.clock.nowMs());
    return { user: tokenUserOf(bound, claims.jti), audiences: shared };
  }

  /** Other issuers' tokens are for other authenticators. */
  #isOurs(token: string): boolean {
    const [, payload = ''] = token.split('.');
    if (payload === '') return false;
    try {
      return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims).iss === this.#issuer;
    } catch {
      return false;
    }
  }

  async #claims(token: string, ctx: Ctx): Promise<Claims> {
    const nowMs = ctx.clock.nowMs();
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if ((known.exp ?? 0) * 1000 > nowMs) return known;
      this.#verified.delete(token);
      throw refused('token has expired');
    }
    try {
      const { payload } = await jwtVerify(token, this.#key as CryptoKey, {
        issuer: this.#issuer,
        algorithms: [this.#algorithm],
        currentDate: new Date(nowMs),
        clockTolerance: 10,
      });
      if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
      this.#verified.set(token, payload as Claims);
      return payload as Claims;
    } catch (cause) {
      throw new ApiError('Unauthorized', 'Unauthorized', { details: {}, cause });
    }
  }
}

function refused(why: string): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized', { details: {}, cause: new Error(why) });
}
