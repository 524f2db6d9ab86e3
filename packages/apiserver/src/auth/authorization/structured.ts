/** The authorizers of a configuration, one behind the other; of a file, as it is now. Source: kubernetes pkg/kubeapiserver/authorizer. */
import { type Ctx, FieldErrors } from '@kapella/base';
import type { Program } from '@kapella/cel';
import type { MetricsRegistry } from '../../metrics/registry.ts';
import type { HttpCaller } from '../../outbound/http-caller.ts';
import type { KubeconfigTarget } from '../../outbound/kubeconfig.ts';
import { createReviewClient } from '../../outbound/review-client.ts';
import { alwaysAllow, alwaysDeny, createAuthorizerChain } from '../authorize.ts';
import { type ConfigurationSource, reloadOnChange } from '../config/reload.ts';
import type { Authorizer } from '../contract.ts';
import { joinFieldErrors } from '../jwt/structured.ts';
import type { ReviewVersion } from '../tokens/webhook-tokens.ts';
import { type AuthorizationMetrics, counted, createAuthorizationMetrics } from './authorization-metrics.ts';
import {
  type AuthorizationConfiguration,
  type AuthorizerConfiguration,
  decodeAuthorizationConfiguration,
  type WebhookConfiguration,
} from './configuration.ts';
import { compileMatchCondition } from './match-conditions.ts';
import { type FileKind, modeProblems, validateAuthorization } from './validate.ts';
import { createWebhookAuthorizer } from './webhook-authorizer.ts';

export interface AuthorizationDeps {
  /** Authorizers of this process by type: `Node`, `RBAC`, and `ABAC` where there are policies. */
  readonly builtIn: Readonly<Partial<Record<string, Authorizer>>>;
  readonly caller: HttpCaller;
  readonly metrics: MetricsRegistry;
  /** Where the kubeconfig of a path leads. Throws Error. */
  readonly kubeconfig: (path: string) => KubeconfigTarget;
}

/** Of flags: it stays as it is. Throws Error. */
export function createFixedAuthorizer(configuration: AuthorizationConfiguration, deps: AuthorizationDeps): Authorizer {
  return chainOf(configuration, deps, createAuthorizationMetrics(deps.metrics));
}

/** Of a file: followed until `ctx` ends. Throws Error for one that is wrong at start. */
export function createStructuredAuthorizer(
  source: ConfigurationSource,
  fileKind: FileKind,
  deps: AuthorizationDeps,
  ctx: Ctx,
): Authorizer {
  const metrics = createAuthorizationMetrics(deps.metrics);
  const initial = loadAuthorization(source.text, fileKind, new Set());
  const required = new Set(initial.authorizers.map(({ type }) => type).filter((type) => type !== 'Webhook'));
  let current = chainOf(initial, deps, metrics);
  reloadOnChange(
    {
      source,
      what: 'authorization configuration',
      apply: async (text) => {
        current = chainOf(loadAuthorization(text, fileKind, required), deps, metrics);
      },
      onResult: metrics.reloaded,
    },
    ctx,
  );
  return {
    authorize: (attributes, inner) => current.authorize(attributes, inner),
    rulesFor: (user, namespace) =>
      current.rulesFor?.(user, namespace) ?? { resourceRules: [], nonResourceRules: [], incomplete: true },
  };
}

/** Throws Error with all that is wrong. `requiredTypes`: those that the server began with must stay. */
export function loadAuthorization(
  text: string,
  fileKind: FileKind,
  requiredTypes: ReadonlySet<string>,
): AuthorizationConfiguration {
  let configuration: AuthorizationConfiguration;
  try {
    configuration = decodeAuthorizationConfiguration(text);
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`failed to load AuthorizationConfiguration from file: ${why}`, { cause: error });
  }
  const errors = new FieldErrors();
  validateAuthorization(configuration, fileKind, errors);
  if (errors.any) throw new Error(joinFieldErrors(errors));
  const problems = modeProblems(configuration, requiredTypes);
  if (problems.length > 0) throw new Error(problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`);
  return configuration;
}

function chainOf(
  { authorizers }: AuthorizationConfiguration,
  deps: AuthorizationDeps,
  metrics: AuthorizationMetrics,
): Authorizer {
  return createAuthorizerChain(
    authorizers.map((row) => counted(row.type, row.name, authorizerOf(row, deps, metrics), metrics)),
  );
}

function authorizerOf(
  row: AuthorizerConfiguration,
  deps: AuthorizationDeps,
  metrics: AuthorizationMetrics,
): Authorizer {
  switch (row.type) {
    case 'AlwaysAllow':
      return alwaysAllow;
    case 'AlwaysDeny':
      return alwaysDeny;
    case 'Webhook':
      return webhookOf(row, deps, metrics);
    default: {
      const builtIn = deps.builtIn[row.type];
      if (builtIn !== undefined) return builtIn;
      throw new Error(`authorizer type ${row.type} is not allowed if it was not enabled at initial server startup`);
    }
  }
}

function webhookOf({ name, webhook }: AuthorizerConfiguration, deps: AuthorizationDeps, metrics: AuthorizationMetrics) {
  const given = webhook as WebhookConfiguration;
  const { connectionInfo, timeout, failurePolicy, subjectAccessReviewVersion } = given;
  if (connectionInfo.type !== 'KubeConfigFile') {
    throw new Error(`webhook ${name}: connectionInfo.type InClusterConfig is for servers that run in a cluster`);
  }
  return createWebhookAuthorizer({
    client: createReviewClient({
      ...{ caller: deps.caller, target: deps.kubeconfig(connectionInfo.kubeConfigFile ?? ''), timeoutMs: timeout },
      onAttempt: (result, _code, tookMs) => metrics.webhookAsked(name, result, tookMs),
    }),
    version: subjectAccessReviewVersion as ReviewVersion,
    authorizedTtlMs: given.cacheAuthorizedRequests ? given.authorizedTTL : 0,
    unauthorizedTtlMs: given.cacheUnauthorizedRequests ? given.unauthorizedTTL : 0,
    onFailure: failurePolicy === 'Deny' ? 'deny' : 'none',
    conditions: programsOf(given.matchConditions),
    onFailOpen: () => metrics.failedOpen(name),
    onConditions: (outcome) => metrics.conditions(name, outcome),
  });
}

/** They have been compiled before, to be checked. */
function programsOf(conditions: WebhookConfiguration['matchConditions']): readonly Program[] {
  return conditions.map(({ expression = '' }) => {
    const compiled = compileMatchCondition(expression);
    if ('error' in compiled) throw new Error(compiled.error);
    return compiled.program;
  });
}
