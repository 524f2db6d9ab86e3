/** All ways to know who asks, in upstream's order. Source: kubernetes pkg/kubeapiserver/authenticator/config.go. */
import {
  type AuthenticationConfiguration,
  audienceAgnostic,
  cachedTokens,
  ConfigurationError,
  type ConfigurationSource,
  createBootstrapTokens,
  createFixedAuthentication,
  createReviewClient,
  createStaticTokens,
  createStructuredAuthentication,
  createWebhookTokens,
  type HttpCaller,
  type KubeconfigTarget,
  type MetricsRegistry,
  type RequestHeaders,
  type ReviewVersion,
  SIGNING_ALGORITHMS,
  type ServerAccess,
  type ServiceAccountTokens,
  type StructuredAuthentication,
  type TokenAuthenticator,
  type UserInfo,
} from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';

const WEBHOOK_TIMEOUT_MS = 30_000;

export interface AuthenticationParts {
  /** Of a file: users by token. */
  readonly tokenUsers?: ReadonlyMap<string, UserInfo>;
  /** Whether Secrets of type bootstrap.kubernetes.io/token in kube-system authenticate. */
  readonly bootstrapTokens?: boolean;
  /** How authenticating proxies say who asks. */
  readonly requestHeaders?: RequestHeaders;
  /** AuthenticationConfiguration as a file, which may change, or made of flags. */
  readonly jwt?:
    | { readonly source: ConfigurationSource }
    | { readonly configuration: AuthenticationConfiguration; readonly signingAlgorithms: readonly string[] };
  readonly webhook?: {
    readonly target: KubeconfigTarget;
    readonly version: ReviewVersion;
    /** Of what the webhook answered, good or bad. */
    readonly cacheTtlMs: number;
  };
}

export interface AuthenticationDeps {
  readonly tokens: ServiceAccountTokens;
  readonly access: () => ServerAccess;
  readonly caller: HttpCaller;
  readonly metrics: MetricsRegistry;
}

export interface Authentication {
  /** What is cheap and local first, what asks others last. */
  readonly tokens: readonly TokenAuthenticator[];
  /** What the configuration file says of anonymous requests; undefined: nothing. */
  readonly anonymous: boolean | readonly string[] | undefined;
}

/** Throws ConfigurationError. Followed files and providers stop with `ctx`. */
export function createAuthentication(parts: AuthenticationParts, deps: AuthenticationDeps, ctx: Ctx): Authentication {
  const audiences = deps.tokens.defaultAudiences;
  const tokens: TokenAuthenticator[] = [];
  if (parts.tokenUsers !== undefined) tokens.push(audienceAgnostic(audiences, createStaticTokens(parts.tokenUsers)));
  tokens.push(deps.tokens.authenticator(deps.access));
  if (parts.bootstrapTokens === true) tokens.push(audienceAgnostic(audiences, createBootstrapTokens(deps.access)));
  const structured = structuredOf(parts.jwt, deps, ctx);
  if (structured !== undefined) tokens.push(audienceAgnostic(audiences, structured));
  if (parts.webhook !== undefined) tokens.push(createWebhook(parts.webhook, deps));
  return { tokens, anonymous: anonymousOf(structured?.configuration) };
}

function structuredOf(jwt: AuthenticationParts['jwt'], deps: AuthenticationDeps, ctx: Ctx) {
  try {
    return createStructured(jwt, deps, ctx);
  } catch (error) {
    throw new ConfigurationError((error as Error).message, { cause: error });
  }
}

function createStructured(
  jwt: AuthenticationParts['jwt'],
  { tokens, caller, metrics }: AuthenticationDeps,
  ctx: Ctx,
): StructuredAuthentication | undefined {
  if (jwt === undefined) return undefined;
  const options = { caller, metrics, disallowedIssuers: tokens.issuers };
  if ('source' in jwt) {
    return createStructuredAuthentication(jwt.source, { ...options, signingAlgorithms: SIGNING_ALGORITHMS }, ctx);
  }
  const { configuration, signingAlgorithms } = jwt;
  return createFixedAuthentication(configuration, { ...options, signingAlgorithms }, ctx);
}

function createWebhook(
  { target, version, cacheTtlMs }: NonNullable<AuthenticationParts['webhook']>,
  { tokens, caller }: AuthenticationDeps,
): TokenAuthenticator {
  const client = createReviewClient({ caller, target, timeoutMs: WEBHOOK_TIMEOUT_MS });
  const webhook = createWebhookTokens(client, version, tokens.defaultAudiences);
  return cachedTokens(webhook, { successTtlMs: cacheTtlMs, failureTtlMs: cacheTtlMs });
}

function anonymousOf(configuration: AuthenticationConfiguration | undefined): Authentication['anonymous'] {
  const anonymous = configuration?.anonymous;
  if (anonymous === undefined || anonymous.enabled !== true) return anonymous === undefined ? undefined : false;
  const paths = (anonymous.conditions ?? []).map(({ path = '' }) => path);
  return paths.length === 0 ? true : paths;
}
