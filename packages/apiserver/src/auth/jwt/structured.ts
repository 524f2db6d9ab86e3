/** Authentication as its configuration file has it now. Source: kubernetes pkg/kubeapiserver/{options,authenticator}. */
import { type Ctx, FieldErrors, jsonEqual, sleep } from '@kapella/base';
import { type ConfigurationSource, reloadOnChange, RetryableError } from '../config/reload.ts';
import type { TokenAuthenticator } from '../contract.ts';
import type { MetricsRegistry } from '../../metrics/registry.ts';
import { cachedTokens } from '../tokens/token-cache.ts';
import { type AuthenticationConfiguration, decodeAuthenticationConfiguration } from './configuration.ts';
import { createJwtAuthenticators, type JwtAuthenticators, type JwtOptions } from './jwt-authenticator.ts';
import { createJwtMetrics } from './jwt-metrics.ts';
import { type CompiledMappings, validateAuthentication } from './validate.ts';

const UPDATE_MS_MAX = 60_000;
/** Requests that began with the old providers end with them. */
const RETIRE_MS = 60_000;
const SUCCESS_TTL_MS = 10_000;

export interface StructuredOptions extends Pick<JwtOptions, 'caller' | 'signingAlgorithms'> {
  /** Issuers of this server's own tokens. */
  readonly disallowedIssuers: readonly string[];
  readonly metrics: MetricsRegistry;
}

export interface StructuredAuthentication extends TokenAuthenticator {
  readonly configuration: AuthenticationConfiguration;
}

/** Throws Error `invalid authentication configuration: [...]`. */
export function checkAuthentication(
  configuration: AuthenticationConfiguration,
  disallowedIssuers: readonly string[],
  errors = new FieldErrors(),
): readonly CompiledMappings[] {
  const mappings = validateAuthentication(configuration, disallowedIssuers, errors);
  if (errors.any) throw new Error(`invalid authentication configuration: ${joinFieldErrors(errors)}`);
  return mappings;
}

/** As upstream's aggregates print. */
export function joinFieldErrors({ list }: FieldErrors): string {
  const texts = [...new Set(list.map(({ field, message }) => `${field}: ${message}`))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** Of flags: it stays as it is. Throws Error. */
export function createFixedAuthentication(
  configuration: AuthenticationConfiguration,
  options: StructuredOptions,
  ctx: Ctx,
): StructuredAuthentication {
  const mappings = checkAuthentication(configuration, options.disallowedIssuers);
  const metrics = createJwtMetrics(options.metrics);
  const authenticators = createJwtAuthenticators(configuration, mappings, { ...options, metrics }, ctx);
  return { ...cachedTokens(authenticators, { successTtlMs: SUCCESS_TTL_MS, failureTtlMs: 0 }), configuration };
}

/** Of a file: followed until `ctx` ends. Throws Error for one that is wrong at start. */
export function createStructuredAuthentication(
  source: ConfigurationSource,
  options: StructuredOptions,
  ctx: Ctx,
): StructuredAuthentication {
  return new ReloadedAuthentication(source, options, ctx);
}

class ReloadedAuthentication implements StructuredAuthentication {
  readonly configuration: AuthenticationConfiguration;
  readonly #options: StructuredOptions;
  readonly #ctx: Ctx;
  #authenticators: JwtAuthenticators;
  /** What was kept of the old providers goes with them. */
  #current: TokenAuthenticator;

  constructor(source: ConfigurationSource, options: StructuredOptions, ctx: Ctx) {
    this.#options = options;
    this.#ctx = ctx;
    this.configuration = decodeAuthenticationConfiguration(source.text);
    this.#authenticators = this.#create(this.configuration);
    this.#current = cached(this.#authenticators);
    const { reloaded } = createJwtMetrics(options.metrics);
    const apply = (text: string) => this.#replace(text);
    reloadOnChange({ source, what: 'authentication configuration', apply, onResult: reloaded }, ctx);
  }

  authenticateToken(token: string, audiences: readonly string[] | undefined, ctx: Ctx) {
    return this.#current.authenticateToken(token, audiences, ctx);
  }

  #create(configuration: AuthenticationConfiguration): JwtAuthenticators {
    const errors = new FieldErrors();
    if (!jsonEqual(configuration.anonymous, this.configuration.anonymous)) {
      errors.forbidden('anonymous', 'changed from initial configuration file');
    }
    const mappings = checkAuthentication(configuration, this.#options.disallowedIssuers, errors);
    const metrics = createJwtMetrics(this.#options.metrics);
    return createJwtAuthenticators(configuration, mappings, { ...this.#options, metrics }, this.#ctx);
  }

  async #replace(text: string): Promise<void> {
    const next = this.#create(decodeAuthenticationConfiguration(text));
    const timeout = new AbortController();
    const late = sleep(UPDATE_MS_MAX, { clock: this.#ctx.clock, signal: timeout.signal }).then(() => {
      throw new RetryableError(next.problems().join(', '));
    });
    try {
      await Promise.race([next.ready, late]);
    } catch (error) {
      next.close();
      throw error;
    } finally {
      late.catch(() => {});
      timeout.abort();
    }
    const old = this.#authenticators;
    this.#authenticators = next;
    this.#current = cached(next);
    this.#ctx.clock.setTimer(RETIRE_MS, () => old.close());
  }
}

function cached(authenticators: TokenAuthenticator): TokenAuthenticator {
  return cachedTokens(authenticators, { successTtlMs: SUCCESS_TTL_MS, failureTtlMs: 0 });
}
