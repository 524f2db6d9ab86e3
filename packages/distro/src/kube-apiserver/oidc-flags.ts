/** `--oidc-*`: what they mean in AuthenticationConfiguration. Pure. Source: kubernetes pkg/kubeapiserver/options/authentication.go. */
import { type AuthenticationConfiguration, SIGNING_ALGORITHMS } from '@kapella/apiserver';
import { CliError } from '@kapella/cli';
import { type FlagValues, last, list } from './flags.ts';

export interface OidcFlags {
  readonly configuration: AuthenticationConfiguration;
  readonly signingAlgorithms: readonly string[];
}

/** undefined without such flags. `ca`: what --oidc-ca-file holds. Throws CliError Usage in upstream's words. */
export function oidcOf(flags: FlagValues, ca: string | undefined): OidcFlags | undefined {
  if (![...flags.keys()].some((name) => name.startsWith('oidc-'))) return undefined;
  const [url = '', clientId = ''] = [last(flags, 'oidc-issuer-url'), last(flags, 'oidc-client-id')];
  if (url === '' || clientId === '') {
    const why = 'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set';
    throw new CliError('Usage', why, 'Give both, or use --authentication-config.');
  }
  const claim = last(flags, 'oidc-username-claim') ?? 'sub';
  const groups = last(flags, 'oidc-groups-claim') ?? '';
  return {
    configuration: {
      jwt: [
        {
          issuer: { url, audiences: [clientId], ...(ca === undefined ? {} : { certificateAuthority: ca }) },
          claimMappings: {
            username: { claim, prefix: usernamePrefix(last(flags, 'oidc-username-prefix') ?? '', claim, url) },
            ...(groups !== '' && { groups: { claim: groups, prefix: last(flags, 'oidc-groups-prefix') ?? '' } }),
          },
          claimValidationRules: (flags.get('oidc-required-claim') ?? []).map(requiredClaim),
        },
      ],
    },
    signingAlgorithms: algorithmsOf(flags),
  };
}

/** Names of other providers' users must not meet; `-` asks for none. */
function usernamePrefix(given: string, claim: string, issuer: string): string {
  if (given === '-') return '';
  return given === '' && claim !== 'email' ? `${issuer}#` : given;
}

function requiredClaim(pair: string): { claim: string; requiredValue: string } {
  const at = pair.indexOf('=');
  if (at < 1) {
    const why = `malformed pair, expect string=string: --oidc-required-claim ${pair}`;
    throw new CliError('Usage', why, 'Write --oidc-required-claim hd=example.org.');
  }
  return { claim: pair.slice(0, at).trim(), requiredValue: pair.slice(at + 1).trim() };
}

function algorithmsOf(flags: FlagValues): readonly string[] {
  const given = list(flags, 'oidc-signing-algs');
  const unknown = given.find((name) => !(SIGNING_ALGORITHMS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    const why = `oidc: unsupported signing alg: ${JSON.stringify(unknown)}`;
    throw new CliError('Usage', why, `Use ${SIGNING_ALGORITHMS.join(', ')}.`);
  }
  return given.length === 0 ? ['RS256'] : given;
}
