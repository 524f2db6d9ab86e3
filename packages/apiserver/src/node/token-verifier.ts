/** Checks tokens of service accounts. Source: kubernetes pkg/serviceaccount/{jwt,claims}.go. */
import type { Ctx } from '@kapella/base';
import { compactVerify } from 'jose';
import { readUnverified } from '../auth/jwt/signature.ts';
import type { TokenAuthenticator, TokenUser } from '../auth/contract.ts';
import { type BoundClaims, checkBoundObjects, LEEWAY_SECONDS, tokenUserOf } from '../auth/service-account-tokens.ts';
import type { ServerAccess } from '../resource.ts';
import type { TrustedKey } from './service-account-keys.ts';

const VERIFIED_MAX = 5_000;

interface ServiceAccountClaims {
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly aud?: string | string[];
  readonly 'kubernetes.io'?: BoundClaims;
}

export interface VerifierOptions {
  readonly issuers: readonly string[];
  /** Of this server: what a token is asked for when nothing else is said. */
  readonly audiences: readonly string[];
  readonly keys: readonly TrustedKey[];
}

/** Rejects with Error in upstream's words. Tokens of other issuers are not of this kind. */
export function createTokenVerifier(options: VerifierOptions, access: () => ServerAccess): TokenAuthenticator {
  return new ServiceAccountVerifier(options, access);
}

class ServiceAccountVerifier implements TokenAuthenticator {
  readonly #options: VerifierOptions;
  readonly #access: () => ServerAccess;
  /** Signatures are checked once. Whether the token is still good is asked with each request. */
  readonly #verified = new Map<string, ServiceAccountClaims>();

  constructor(options: VerifierOptions, access: () => ServerAccess) {
    this.#options = options;
    this.#access = access;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[] | undefined,
    ctx: Ctx,
  ): Promise<TokenUser | undefined> {
    const claims = this.#verified.get(token) ?? (await this.#verify(token));
    if (claims === undefined) return undefined;
    const given = claims.aud === undefined ? [] : Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    const wanted = audiences ?? this.#options.audiences;
    const shared = wanted.filter((audience) => given.includes(audience));
    if (shared.length === 0) {
      throw new Error(`token audiences ${goList(given)} is invalid for the target audiences ${goList(wanted)}`);
    }
    const nowMs = ctx.clock.nowMs();
    checkTimes(claims, nowMs / 1000);
    const bound = claims['kubernetes.io'];
    if (bound === undefined) throw new Error('service account token claims could not be validated');
    await checkBoundObjects(bound, this.#access(), nowMs);
    return { user: tokenUserOf(bound, claims.jti), audiences: shared };
  }

  /** undefined: another issuer's, or no JWT at all. */
  async #verify(token: string): Promise<ServiceAccountClaims | undefined> {
    const unverified = readUnverified(token);
    if (unverified === undefined || !this.#options.issuers.includes(String(unverified.claims['iss']))) return undefined;
    const { kid } = unverified.header;
    const named = this.#options.keys.filter(({ id }) => id === kid);
    const failures: unknown[] = [];
    for (const { key, algorithm } of named.length === 0 ? this.#options.keys : named) {
      try {
        await compactVerify(token, key, { algorithms: [algorithm] }); // times are checked with each request
        return this.#keep(token, unverified.claims as ServiceAccountClaims);
      } catch (error) {
        failures.push(error);
      }
    }
    throw new Error('invalid signature: no trusted key of service accounts signed the token', { cause: failures[0] });
  }

  #keep(token: string, claims: ServiceAccountClaims): ServiceAccountClaims {
    if (this.#verified.size >= VERIFIED_MAX) this.#verified.delete(this.#verified.keys().next().value as string);
    this.#verified.set(token, claims);
    return claims;
  }
}

function checkTimes({ exp, nbf, iat }: ServiceAccountClaims, nowSeconds: number): void {
  if (nbf !== undefined && nowSeconds + LEEWAY_SECONDS < nbf) throw new Error('service account token is not valid yet');
  if (exp !== undefined && nowSeconds - LEEWAY_SECONDS > exp) throw new Error('service account token has expired');
  if (iat !== undefined && nowSeconds + LEEWAY_SECONDS < iat) {
    throw new Error('service account token is issued in the future');
  }
}

/** As Go prints lists with %q. */
function goList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
