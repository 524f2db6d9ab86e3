/** Checks tokens of service accounts. Source: kubernetes pkg/serviceaccount/{jwt,claims,legacy}.go. */
import { LEGACY_ISSUER } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import { compactVerify } from 'jose';
import type { AuthenticationNotes, TokenAuthenticator, TokenUser } from '../auth/contract.ts';
import { readUnverified } from '../auth/jwt/signature.ts';
import { checkLegacyToken } from '../auth/legacy-account-tokens.ts';
import { type BoundClaims, checkBoundObjects, LEEWAY_SECONDS, tokenUserOf } from '../auth/service-account-tokens.ts';
import type { ServerAccess } from '../resource.ts';
import type { TrustedKey } from './service-account-keys.ts';

const VERIFIED_MAX = 5_000;

interface ServiceAccountClaims {
  readonly iss?: string;
  readonly sub?: string;
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
  readonly #issuers: ReadonlySet<string>;
  readonly #access: () => ServerAccess;
  /** Signatures are checked once. Whether the token is still good is asked with each request. */
  readonly #verified = new Map<string, ServiceAccountClaims>();

  constructor(options: VerifierOptions, access: () => ServerAccess) {
    this.#options = options;
    this.#issuers = new Set([...options.issuers, LEGACY_ISSUER]);
    this.#access = access;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[] | undefined,
    ctx: Ctx,
    notes?: AuthenticationNotes,
  ): Promise<TokenUser | undefined> {
    const claims = this.#verified.get(token) ?? (await this.#verify(token));
    if (claims === undefined) return undefined;
    const shared = this.#sharedAudiences(claims, audiences, notes);
    if (claims.iss === LEGACY_ISSUER) {
      const user = await checkLegacyToken(token, claims as { sub?: string }, this.#access(), ctx, notes);
      return { user, audiences: shared };
    }
    const nowMs = ctx.clock.nowMs();
    checkTimes(claims, nowMs / 1000);
    const bound = claims['kubernetes.io'];
    if (bound === undefined) throw new Error('service account token claims could not be validated');
    await checkBoundObjects(bound, this.#access(), nowMs);
    if (bound.warnafter !== undefined) noteAge(claims.sub, nowMs / 1000 - bound.warnafter, this.#access(), notes);
    return { user: tokenUserOf(bound, claims.jti), audiences: shared };
  }

  #sharedAudiences(
    { aud, sub = '' }: ServiceAccountClaims,
    audiences: readonly string[] | undefined,
    notes: AuthenticationNotes | undefined,
  ): readonly string[] {
    let given = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud];
    if (given.length === 0) {
      // A token that names none is for this server alone: those in Secrets do not.
      given = [...this.#options.audiences];
      annotate(notes, 'legacy-token', sub);
      const help = 'Tokens of service accounts without an audience that were used.';
      this.#access().metrics?.counter('serviceaccount_legacy_tokens_total', help, []).add([]);
    }
    const wanted = audiences ?? this.#options.audiences;
    const shared = wanted.filter((audience) => given.includes(audience));
    if (shared.length > 0) return shared;
    throw new Error(`token audiences ${goList(given)} is invalid for the target audiences ${goList(wanted)}`);
  }

  /** undefined: another issuer's, or no JWT at all. */
  async #verify(token: string): Promise<ServiceAccountClaims | undefined> {
    const unverified = readUnverified(token);
    if (unverified === undefined || !this.#issuers.has(String(unverified.claims['iss']))) return undefined;
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

/** Of a token that lives longer than it should be used: whether its holder has read the new one in time. */
function noteAge(
  subject = '',
  secondsAfter: number,
  { metrics }: ServerAccess,
  notes: AuthenticationNotes | undefined,
): void {
  if (secondsAfter <= 0) {
    metrics?.counter('serviceaccount_valid_tokens_total', 'Uses of projected tokens in time.', []).add([]);
    return;
  }
  metrics?.counter('serviceaccount_stale_tokens_total', 'Uses of projected tokens past their renewal.', []).add([]);
  const text = `subject: ${subject}, seconds after warning threshold: ${Math.floor(secondsAfter)}`;
  annotate(notes, 'stale-token', text);
}

function annotate(notes: AuthenticationNotes | undefined, key: string, value: string): void {
  if (notes !== undefined) notes.annotations = { ...notes.annotations, [`authentication.k8s.io/${key}`]: value };
}

/** As Go prints lists with %q. */
function goList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
