/** An OpenID provider: its discovery document, then its keys, asked for again when one is unknown. Source: go-oidc oidc.go, jwks.go. */
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { JWK } from 'jose';
import type { HttpCaller } from '../../outbound/http-caller.ts';
import type { KeySet } from './signature.ts';

const WELL_KNOWN = '/.well-known/openid-configuration';
const RETRY_MS = 10_000;
const TIMEOUT_MS = 30_000;
const BYTES_MAX = 1024 * 1024;
const decoder = new TextDecoder();

export interface ProviderOptions {
  readonly issuer: string;
  /** '' : under the issuer's own URL. */
  readonly discoveryUrl: string;
  /** PEM; undefined: the host's CAs. */
  readonly ca: string | undefined;
  readonly caller: HttpCaller;
  readonly metrics?: ProviderMetrics;
}

/** Told of each time that the keys are fetched. */
export interface ProviderMetrics {
  keysFetched(issuer: string, succeeded: boolean, nowMs: number): void;
}

export interface Provider {
  /** undefined: not discovered yet. */
  readonly keySet: KeySet | undefined;
  /** Why it is not. */
  readonly problem: string | undefined;
  /** GET with the provider's CA: for distributed claims too. Rejects with Error. */
  get(url: string, headers?: Readonly<Record<string, string>>): Promise<string>;
  /** Resolves when the provider is discovered; rejects when the lifecycle ends before. */
  readonly ready: Promise<void>;
}

/** Asks until it answers: the provider may run on this very cluster, and come after it. Stops with `ctx`. */
export function createProvider(options: ProviderOptions, ctx: Ctx): Provider {
  return new OpenIdProvider(options, ctx);
}

class OpenIdProvider implements Provider {
  readonly #options: ProviderOptions;
  readonly #ctx: Ctx;
  readonly ready: Promise<void>;
  keySet: KeySet | undefined;
  problem: string | undefined;

  constructor(options: ProviderOptions, ctx: Ctx) {
    this.#options = options;
    this.#ctx = ctx;
    this.problem = `oidc: authenticator for issuer ${JSON.stringify(options.issuer)} is not initialized`;
    this.ready = this.#discover();
    this.ready.catch(() => {}); // who waits hears of it
  }

  async #discover(): Promise<void> {
    for (;;) {
      this.#ctx.signal.throwIfAborted();
      try {
        this.keySet = new RemoteKeySet(await this.#keysUrl(), this, this.#options, this.#ctx);
        this.problem = undefined;
        return;
      } catch (error) {
        this.problem = (error as Error).message;
        this.#ctx.log.error('OpenID provider not ready', {
          issuer: this.#options.issuer,
          error: describeError(error),
          retryMs: RETRY_MS,
        });
      }
      await sleep(RETRY_MS, this.#ctx);
    }
  }

  async #keysUrl(): Promise<string> {
    const { issuer, discoveryUrl } = this.#options;
    const url = discoveryUrl === '' ? `${issuer.replace(/\/$/, '')}${WELL_KNOWN}` : discoveryUrl;
    const found = parseObject(await this.get(url), 'oidc: failed to decode provider discovery object');
    if (found['issuer'] !== issuer) {
      const [wanted, got] = [JSON.stringify(issuer), JSON.stringify(found['issuer'] ?? '')];
      throw new Error(`oidc: issuer did not match the issuer returned by provider, expected ${wanted} got ${got}`);
    }
    const keysUrl = found['jwks_uri'];
    if (typeof keysUrl !== 'string' || keysUrl === '') throw new Error('provider did not return JWKS URL');
    return keysUrl;
  }

  async get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const { caller, ca } = this.#options;
    const tls = ca === undefined ? {} : { ca };
    const request = { method: 'GET', url, headers, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX, tls };
    const answer = await caller(request, this.#ctx).catch((error: Error) => {
      throw new Error(`Get ${JSON.stringify(url)}: ${error.message}`, { cause: error });
    });
    const body = decoder.decode(answer.body);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${body.slice(0, 512)}`);
    return body;
  }
}

class RemoteKeySet implements KeySet {
  readonly #url: string;
  readonly #provider: Provider;
  readonly #options: ProviderOptions;
  readonly #ctx: Ctx;
  #keys: readonly JWK[] = [];
  /** One request at a time, however many tokens wait for it. */
  #inFlight: Promise<readonly JWK[]> | undefined;

  constructor(url: string, provider: Provider, options: ProviderOptions, ctx: Ctx) {
    this.#url = url;
    this.#provider = provider;
    this.#options = options;
    this.#ctx = ctx;
  }

  async keys(again: boolean): Promise<readonly JWK[]> {
    if (!again) return this.#keys;
    this.#inFlight ??= this.#fetch().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #fetch(): Promise<readonly JWK[]> {
    const { issuer, metrics } = this.#options;
    let succeeded = false;
    try {
      const found = parseObject(await this.#provider.get(this.#url), 'oidc: failed to decode keys');
      if (!Array.isArray(found['keys'])) throw new Error('oidc: failed to decode keys: no keys');
      this.#keys = found['keys'] as JWK[];
      succeeded = true;
      return this.#keys;
    } catch (error) {
      throw new Error(`failed to verify signature: fetching keys ${(error as Error).message}`, { cause: error });
    } finally {
      metrics?.keysFetched(issuer, succeeded, this.#ctx.clock.nowMs());
    }
  }
}

function parseObject(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new Error(`${what}: not an object`);
  return value as Record<string, unknown>;
}
