/** Groups that a token only points to. Source: OpenID Connect Core 1.0 section 5.6.2; oidc.go claimResolver. */
import type { Ctx } from '@kapella/base';
import type { Claims } from './expressions.ts';
import { createProvider, type Provider, type ProviderOptions } from './provider.ts';
import { type KeySet, readUnverified } from './signature.ts';

const ISSUERS_MAX = 64;

type Verify = (token: string, issuer: string, keys: KeySet, ctx: Ctx) => Promise<Claims>;

export class DistributedClaims {
  readonly #claim: string;
  readonly #options: ProviderOptions;
  readonly #verify: Verify;
  readonly #providers = new Map<string, Provider>();

  constructor(claim: string, options: ProviderOptions, verify: Verify) {
    this.#claim = claim;
    this.#options = options;
    this.#verify = verify;
  }

  /** The claims with the one that was elsewhere. Rejects with Error. */
  async expand(claims: Claims, provider: Provider, ctx: Ctx): Promise<Claims> {
    const names = claims['_claim_names'];
    if (Object.hasOwn(claims, this.#claim) || !isRecord(names)) return claims;
    const sources = claims['_claim_sources'];
    if (!isRecord(sources)) throw new Error('oidc: no claim sources');
    if (!Object.hasOwn(names, this.#claim)) return claims;
    const source = String(names[this.#claim]);
    const found = Object.hasOwn(sources, source) ? sources[source] : undefined;
    if (!isRecord(found)) {
      throw new Error(`id token _claim_names contained a source ${source} missing in _claims_sources`);
    }
    const { endpoint, access_token: accessToken } = found;
    if (typeof endpoint !== 'string' || endpoint === '') return claims;
    const value = await this.#resolve(endpoint, typeof accessToken === 'string' ? accessToken : '', provider, ctx);
    return { ...claims, [this.#claim]: value };
  }

  async #resolve(endpoint: string, accessToken: string, provider: Provider, ctx: Ctx): Promise<unknown> {
    if (!endpoint.startsWith('https://'))
      throw new Error(`the endpoint of claim ${JSON.stringify(this.#claim)} is not https`);
    const headers: Record<string, string> = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` };
    const token = (await provider.get(endpoint, headers)).trim();
    const issuer = readUnverified(token)?.claims['iss'];
    if (typeof issuer !== 'string') throw new Error(`getting untrusted issuer from endpoint ${endpoint} failed`);
    const keys = await this.#keysOf(issuer, provider, ctx);
    const claims = await this.#verify(token, issuer, keys, ctx).catch((error: Error) => {
      throw new Error(`verify distributed claim token: ${error.message}`, { cause: error });
    });
    if (Object.hasOwn(claims, this.#claim)) return claims[this.#claim];
    const what = `jwt returned by distributed claim endpoint ${JSON.stringify(endpoint)}`;
    throw new Error(`${what} did not contain claim: ${this.#claim}`);
  }

  async #keysOf(issuer: string, own: Provider, ctx: Ctx): Promise<KeySet> {
    if (issuer === this.#options.issuer && own.keySet !== undefined) return own.keySet;
    let provider = this.#providers.get(issuer);
    if (provider === undefined) {
      if (this.#providers.size >= ISSUERS_MAX) throw new Error('too many issuers of distributed claims');
      provider = createProvider({ ...this.#options, issuer }, ctx);
      this.#providers.set(issuer, provider);
    }
    if (provider.keySet === undefined)
      throw new Error(`verifier not initialized for issuer: ${JSON.stringify(issuer)}`);
    return provider.keySet;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
