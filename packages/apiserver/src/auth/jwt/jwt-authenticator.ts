/** Tokens of OpenID providers. Source: apiserver/plugin/pkg/authenticator/token/oidc/oidc.go. */
import { childCtx, type Ctx } from '@kapella/base';
import type { HttpCaller } from '../../outbound/http-caller.ts';
import type { TokenAuthenticator } from '../contract.ts';
import { userOfClaims } from './claims.ts';
import type { AuthenticationConfiguration, JwtAuthenticatorConfiguration } from './configuration.ts';
import { DistributedClaims } from './distributed-claims.ts';
import type { Claims } from './expressions.ts';
import { createProvider, type Provider, type ProviderMetrics, type ProviderOptions } from './provider.ts';
import { type KeySet, readUnverified, verifySignature } from './signature.ts';
import type { CompiledMappings } from './validate.ts';

const NOT_BEFORE_LEEWAY_SECONDS = 60;
const GOOGLE = 'accounts.google.com';
const SIGNING_DEFAULT: readonly string[] = ['RS256'];

export interface JwtOptions {
  readonly caller: HttpCaller;
  /** Empty: upstream's RS256. */
  readonly signingAlgorithms?: readonly string[];
  readonly metrics?: ProviderMetrics;
}

export interface JwtAuthenticators extends TokenAuthenticator {
  /** Resolves when every provider is discovered. */
  readonly ready: Promise<void>;
  /** Why it is not; empty when all are. */
  problems(): readonly string[];
  /** Stops asking the providers. */
  close(): void;
}

/**
 * All JWT authenticators of one configuration, which has been validated; `mappings` came of that. An issuer's token is
 * for its authenticator alone, and what that refuses is refused. Stops with `ctx`. Throws Error.
 */
export function createJwtAuthenticators(
  { jwt = [] }: AuthenticationConfiguration,
  mappings: readonly CompiledMappings[],
  options: JwtOptions,
  ctx: Ctx,
): JwtAuthenticators {
  const stop = new AbortController();
  const inner = childCtx(ctx, stop.signal);
  const byIssuer = new Map<string, JwtAuthenticator>();
  for (const [i, configuration] of jwt.entries()) {
    const { url = '', egressSelectorType = '' } = configuration.issuer ?? {};
    if (egressSelectorType !== '') {
      stop.abort();
      const type = JSON.stringify(egressSelectorType);
      throw new Error(`oidc: egress lookup required with egress selector type ${type}`);
    }
    byIssuer.set(url, new JwtAuthenticator(configuration, mappings[i] as CompiledMappings, options, inner));
  }
  const all = [...byIssuer.values()];
  const ready = Promise.all(all.map(({ provider }) => provider.ready)).then(() => {});
  ready.catch(() => {});
  return {
    ready,
    problems: () => all.flatMap((one) => one.problem ?? []),
    close: () => stop.abort(),
    async authenticateToken(token) {
      const issuer = issuerOf(token);
      const user = await byIssuer.get(issuer ?? '')?.authenticate(token, inner);
      return user === undefined ? undefined : { user, audiences: [] };
    },
  };
}

function issuerOf(token: string): string | undefined {
  const issuer = readUnverified(token)?.claims['iss'];
  return issuer === GOOGLE ? `https://${GOOGLE}` : typeof issuer === 'string' ? issuer : undefined;
}

class JwtAuthenticator {
  readonly provider: Provider;
  readonly #configuration: JwtAuthenticatorConfiguration;
  readonly #mappings: CompiledMappings;
  readonly #algorithms: readonly string[];
  readonly #distributed: DistributedClaims | undefined;

  constructor(configuration: JwtAuthenticatorConfiguration, mappings: CompiledMappings, options: JwtOptions, ctx: Ctx) {
    const { url = '', discoveryURL = '', certificateAuthority = '', audiences = [] } = configuration.issuer ?? {};
    const ca = certificateAuthority === '' ? undefined : certificateAuthority;
    const provider: ProviderOptions = { issuer: url, discoveryUrl: discoveryURL, ca, ...options };
    this.provider = createProvider(provider, ctx);
    this.#configuration = configuration;
    this.#mappings = mappings;
    const { signingAlgorithms = [] } = options;
    this.#algorithms = signingAlgorithms.length === 0 ? SIGNING_DEFAULT : signingAlgorithms;
    const groups = configuration.claimMappings?.groups?.claim ?? '';
    if (groups !== '') {
      const verify = (token: string, issuer: string, keys: KeySet, inner: Ctx) =>
        verifyToken(token, issuer, audiences, keys, this.#algorithms, inner);
      this.#distributed = new DistributedClaims(groups, { ...provider, discoveryUrl: '' }, verify);
    }
  }

  get problem(): string | undefined {
    const { problem } = this.provider;
    const issuer = JSON.stringify(this.#configuration.issuer?.url ?? '');
    return problem === undefined ? undefined : `oidc: authenticator for issuer ${issuer} is not healthy: ${problem}`;
  }

  async authenticate(token: string, ctx: Ctx) {
    const { keySet } = this.provider;
    if (keySet === undefined) throw new Error('oidc: authenticator not initialized');
    const { url = '', audiences = [] } = this.#configuration.issuer ?? {};
    const claims = await verifyToken(token, url, audiences, keySet, this.#algorithms, ctx).catch((error: Error) => {
      throw new Error(`oidc: verify token: ${error.message}`, { cause: error });
    });
    const expanded = await this.#distributed?.expand(claims, this.provider, ctx).catch((error: Error) => {
      throw new Error(`oidc: could not expand distributed claims: ${error.message}`, { cause: error });
    });
    return userOfClaims(this.#configuration, this.#mappings, expanded ?? claims);
  }
}

/** The claims of a token that the issuer signed, for one of the audiences, and that is good now. Rejects with Error. */
export async function verifyToken(
  token: string,
  issuer: string,
  audiences: readonly string[],
  keys: KeySet,
  algorithms: readonly string[],
  ctx: Ctx,
): Promise<Claims> {
  await verifySignature(token, keys, algorithms);
  const claims = readUnverified(token)?.claims ?? {};
  const quoted = (values: readonly unknown[]) => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
  if (claims['iss'] !== issuer && !(issuer === `https://${GOOGLE}` && claims['iss'] === GOOGLE)) {
    const [wanted, got] = [JSON.stringify(issuer), JSON.stringify(claims['iss'])];
    throw new Error(`oidc: id token issued by a different provider, expected ${wanted} got ${got}`);
  }
  const given = claims['aud'] === undefined ? [] : Array.isArray(claims['aud']) ? claims['aud'] : [claims['aud']];
  if (!audiences.some((audience) => given.includes(audience))) {
    const wanted = audiences.length === 1 ? JSON.stringify(audiences[0]) : `in ${quoted(audiences.toSorted())}`;
    throw new Error(`oidc: expected audience ${wanted} got ${quoted(given)}`);
  }
  const nowSeconds = ctx.clock.nowMs() / 1000;
  const expires = typeof claims['exp'] === 'number' ? claims['exp'] : 0;
  if (expires < nowSeconds) {
    throw new Error(`oidc: token is expired (Token Expiry: ${new Date(expires * 1000).toISOString()})`);
  }
  const notBefore = claims['nbf'];
  if (typeof notBefore === 'number' && nowSeconds + NOT_BEFORE_LEEWAY_SECONDS < notBefore) {
    const [now, from] = [nowSeconds, notBefore].map((seconds) => new Date(seconds * 1000).toISOString());
    throw new Error(`oidc: current time ${now} before the nbf (not before) time: ${from}`);
  }
  return claims;
}
