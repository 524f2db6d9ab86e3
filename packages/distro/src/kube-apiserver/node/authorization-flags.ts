/** The flags of authorization, with the files they name. Source: kubernetes pkg/kubeapiserver/options/authorization.go. */
import { readFileSync } from 'node:fs';
import {
  AUTHORIZER_TYPES,
  type AuthorizerConfiguration,
  parseAbacPolicies,
  webhookWithDefaults,
} from '@kapella/apiserver';
import { CliError } from '@kapella/cli';
import type { AuthorizationParts } from '@kapella/control-plane';
import { fileKind, kubeconfigTarget, watchedFile } from '../../server/node/watched-file.ts';
import { type FlagValues, last, list } from '../flags.ts';
import { durationMs, reviewVersion } from './authentication-flags.ts';

const WEBHOOK_TIMEOUT_MS = 30_000;
const [AUTHORIZED_MS, UNAUTHORIZED_MS] = [300_000, 30_000];

/** Throws CliError Usage in upstream's words. */
export function authorizationOf(flags: FlagValues): AuthorizationParts {
  const kubeconfig = (path: string) => kubeconfigTarget(path, '--authorization-webhook-config-file');
  const path = last(flags, 'authorization-config') ?? '';
  const webhookFlags = [...flags.keys()].some((name) => name.startsWith('authorization-webhook-'));
  if (path === '') {
    const authorizers = modesOf(flags).map((mode) => authorizerOf(mode, flags));
    return { kubeconfig, configuration: { authorizers }, ...abacOf(flags) };
  }
  if (flags.has('authorization-mode') || webhookFlags) {
    const why =
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined';
    throw new CliError('Usage', why, 'Leave one of them out.');
  }
  return { kubeconfig, source: watchedFile(path, '--authorization-config'), fileKind, ...abacOf(flags) };
}

/** Whether everyone may do everything: then nobody may come without a name. */
export function isOpenToAll(parts: AuthorizationParts): boolean {
  return 'configuration' in parts && parts.configuration.authorizers.some(({ type }) => type === 'AlwaysAllow');
}

function modesOf(flags: FlagValues): readonly string[] {
  const given = list(flags, 'authorization-mode');
  const modes = given.length === 0 ? ['AlwaysAllow'] : given;
  const fail = (why: string) => new CliError('Usage', why, `Modes: ${AUTHORIZER_TYPES.join(', ')}.`);
  const unknown = modes.find((mode) => !(AUTHORIZER_TYPES as readonly string[]).includes(mode));
  if (unknown !== undefined) throw fail(`authorization-mode ${JSON.stringify(unknown)} is not a valid mode`);
  if (new Set(modes).size !== modes.length) {
    const shown = modes.map((mode) => JSON.stringify(mode)).join(' ');
    throw fail(`authorization-mode [${shown}] has mode specified more than once`);
  }
  const needs = (mode: string, flag: string, what: string) => {
    const isGiven = (last(flags, flag) ?? '') !== '';
    if (modes.includes(mode) && !isGiven)
      throw fail(`authorization-mode ${mode}'s authorization ${what} file not passed`);
    if (isGiven && !modes.includes(mode)) throw fail(`cannot specify --${flag} without mode ${mode}`);
  };
  needs('ABAC', 'authorization-policy-file', 'policy');
  needs('Webhook', 'authorization-webhook-config-file', 'config');
  return modes;
}

function authorizerOf(type: string, flags: FlagValues): AuthorizerConfiguration {
  if (type !== 'Webhook') return { type, name: type.toLowerCase() };
  const authorizedTTL = durationMs(flags, 'authorization-webhook-cache-authorized-ttl', AUTHORIZED_MS);
  const unauthorizedTTL = durationMs(flags, 'authorization-webhook-cache-unauthorized-ttl', UNAUTHORIZED_MS);
  const kubeConfigFile = last(flags, 'authorization-webhook-config-file') ?? '';
  return {
    ...{ type, name: 'default' },
    webhook: webhookWithDefaults({
      ...{ authorizedTTL, cacheAuthorizedRequests: authorizedTTL !== 0 },
      ...{ unauthorizedTTL, cacheUnauthorizedRequests: unauthorizedTTL !== 0 },
      ...{ timeout: WEBHOOK_TIMEOUT_MS, failurePolicy: 'NoOpinion' },
      subjectAccessReviewVersion: reviewVersion(flags, 'authorization-webhook-version'),
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
    }),
  };
}

function abacOf(flags: FlagValues): Pick<AuthorizationParts, 'abacPolicies'> {
  const path = last(flags, 'authorization-policy-file') ?? '';
  if (path === '') return {};
  try {
    return { abacPolicies: parseAbacPolicies(readFileSync(path, 'utf8'), path) };
  } catch (error) {
    const fix = 'Write one JSON object a line, of kind Policy in abac.authorization.kubernetes.io/v1beta1.';
    throw new CliError('Usage', `--authorization-policy-file: ${(error as Error).message}`, fix, error);
  }
}
