/** The flags of authentication, with the files they name. Source: kubernetes pkg/kubeapiserver/options/authentication.go. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { parseDurationMs } from '@kapella/api';
import { decodeAuthenticationConfiguration, type ReviewVersion } from '@kapella/apiserver';
import { createTokenIssuer, type ServiceAccountTokens } from '@kapella/apiserver/node';
import { CliError } from '@kapella/cli';
import type { AuthenticationParts } from '@kapella/control-plane';
import { kubeconfigTarget, readConfiguration, watchedFile } from '../../server/node/watched-file.ts';
import { type FlagValues, last, list } from '../flags.ts';
import { oidcOf } from '../oidc-flags.ts';
import { parseTokenFile } from '../token-file.ts';

const ISSUER_DEFAULT = 'https://kubernetes.default.svc';
const WEBHOOK_CACHE_MS = 120_000;

/** Throws CliError Usage. */
export function authenticationOf(flags: FlagValues): AuthenticationParts {
  const tokenFile = last(flags, 'token-auth-file') ?? '';
  const jwt = jwtOf(flags);
  const webhook = webhookOf(flags);
  return {
    bootstrapTokens: last(flags, 'enable-bootstrap-token-auth') === 'true',
    ...(flags.has('requestheader-client-ca-file') && { requestHeaders: requestHeadersOf(flags) }),
    ...(tokenFile !== '' && {
      tokenUsers: parseTokenFile(readConfiguration(tokenFile, '--token-auth-file'), tokenFile),
    }),
    ...(jwt !== undefined && { jwt }),
    ...(webhook !== undefined && { webhook }),
  };
}

function requestHeadersOf(flags: FlagValues): AuthenticationParts['requestHeaders'] {
  const of = (name: string) => list(flags, `requestheader-${name}`);
  return {
    ...{ allowedNames: of('allowed-names'), usernames: of('username-headers'), uids: of('uid-headers') },
    ...{ groups: of('group-headers'), extraPrefixes: of('extra-headers-prefix') },
  };
}

function jwtOf(flags: FlagValues): AuthenticationParts['jwt'] {
  const path = last(flags, 'authentication-config') ?? '';
  const caFile = last(flags, 'oidc-ca-file') ?? '';
  const oidc = oidcOf(flags, caFile === '' ? undefined : readConfiguration(caFile, '--oidc-ca-file'));
  if (path === '') return oidc;
  const exclusive = (why: string) => new CliError('Usage', why, 'Leave one of them out.');
  if (oidc !== undefined) throw exclusive('authentication-config file and oidc-* flags are mutually exclusive');
  const source = watchedFile(path, '--authentication-config');
  if (flags.has('anonymous-auth') && anonymousIsSet(source.text)) {
    const why =
      '--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file';
    throw exclusive(`anonymous: Forbidden: ${why}`);
  }
  return { source };
}

/** A file that cannot be read so is refused when it is taken. */
function anonymousIsSet(text: string): boolean {
  try {
    return decodeAuthenticationConfiguration(text).anonymous !== undefined;
  } catch {
    return false;
  }
}

function webhookOf(flags: FlagValues): AuthenticationParts['webhook'] {
  const flag = 'authentication-token-webhook-config-file';
  const path = last(flags, flag) ?? '';
  if (path === '') return undefined;
  return {
    target: kubeconfigTarget(path, `--${flag}`),
    version: reviewVersion(flags, 'authentication-token-webhook-version'),
    cacheTtlMs: durationMs(flags, 'authentication-token-webhook-cache-ttl', WEBHOOK_CACHE_MS),
  };
}

/** As upstream, v1beta1 unless said otherwise. */
export function reviewVersion(flags: FlagValues, name: string): ReviewVersion {
  const given = last(flags, name) ?? 'v1beta1';
  if (given === 'v1' || given === 'v1beta1') return given;
  const why = `--${name}: unsupported version ${JSON.stringify(given)}, supported versions are "v1", "v1beta1"`;
  throw new CliError('Usage', why, 'Use v1.');
}

/** Throws CliError Usage for what is no duration of Go's. */
export function durationMs(flags: FlagValues, name: string, absent: number): number {
  const given = last(flags, name);
  const ms = given === undefined ? absent : parseDurationMs(given);
  if (ms !== undefined) return ms;
  const why = `invalid argument ${JSON.stringify(given)} for "--${name}" flag: time: invalid duration`;
  throw new CliError('Usage', why, 'Write 30s, 5m or 1h.');
}

/** Keys that are given, or one of this start. Throws CliError Usage. */
export async function tokensOf(flags: FlagValues): Promise<ServiceAccountTokens> {
  const keyFile = last(flags, 'service-account-signing-key-file') ?? '';
  const key =
    keyFile === ''
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
      : createPrivateKey(readConfiguration(keyFile, '--service-account-signing-key-file'));
  const audiences = list(flags, 'api-audiences');
  const [issuer = ISSUER_DEFAULT, ...otherIssuers] = issuersOf(flags);
  const trustedFiles = flags.get('service-account-key-file') ?? [];
  const expirationMaxMs = durationMs(flags, 'service-account-max-token-expiration', 0);
  try {
    return await createTokenIssuer({
      ...{ issuer, otherIssuers, privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString() },
      trustedKeys: trustedFiles.map((path) => readConfiguration(path, '--service-account-key-file')),
      extendsExpiration: last(flags, 'service-account-extend-token-expiration') !== 'false',
      ...(expirationMaxMs > 0 && { expirationSecondsMax: expirationMaxMs / 1000 }),
      ...(audiences.length > 0 && { audiences }),
    });
  } catch (error) {
    const why = `failed to set up service account keys: ${(error as Error).message}`;
    throw new CliError('Usage', why, 'Give PEM of RSA or EC keys.', error);
  }
}

function issuersOf(flags: FlagValues): readonly string[] {
  const issuers = flags.get('service-account-issuer') ?? [];
  const seen = new Set<string>();
  for (const issuer of issuers) {
    const fail = (why: string) => new CliError('Usage', why, 'Give each issuer once; the first signs.');
    if (issuer === '') throw fail('service-account-issuer should not be an empty string');
    if (seen.has(issuer)) throw fail(`service-account-issuer ${JSON.stringify(issuer)} is already specified`);
    seen.add(issuer);
  }
  return issuers;
}
