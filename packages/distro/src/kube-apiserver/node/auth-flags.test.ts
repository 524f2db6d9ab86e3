/** What the flags of authentication and authorization mean, and how wrong ones are refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseFlags } from '../flags.ts';
import { authenticationOf, tokensOf } from './authentication-flags.ts';
import { fileKind } from '../../server/node/watched-file.ts';
import { authorizationOf, isOpenToAll } from './authorization-flags.ts';

const directory = mkdtempSync(join(tmpdir(), 'kapella-flags-'));
after(() => rmSync(directory, { recursive: true }));
function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
const authn = (...words: string[]) => authenticationOf(parseFlags(words));
const authz = (...words: string[]) => authorizationOf(parseFlags(words));

test('--oidc-* make one JWT authenticator, with prefixes as upstream has them', () => {
  const issuer = '--oidc-issuer-url=https://issuer';
  const of = (...more: string[]) => {
    const { jwt } = authn(issuer, '--oidc-client-id=kapella', ...more);
    assert.ok(jwt !== undefined && 'configuration' in jwt);
    return jwt;
  };
  assert.deepEqual(of(), {
    configuration: {
      jwt: [
        {
          issuer: { url: 'https://issuer', audiences: ['kapella'] },
          claimMappings: { username: { claim: 'sub', prefix: 'https://issuer#' } },
          claimValidationRules: [],
        },
      ],
    },
    signingAlgorithms: ['RS256'],
  });
  const username = (...more: string[]) => of(...more).configuration.jwt?.[0]?.claimMappings?.username;
  assert.deepEqual(username('--oidc-username-claim=email'), { claim: 'email', prefix: '' });
  assert.deepEqual(username('--oidc-username-prefix=-'), { claim: 'sub', prefix: '' });
  assert.deepEqual(username('--oidc-username-prefix=o:'), { claim: 'sub', prefix: 'o:' });
  const full = of(
    ...['--oidc-groups-claim=groups', '--oidc-groups-prefix=g:', '--oidc-required-claim=hd=a=b,c'],
    ...['--oidc-required-claim=x=y', '--oidc-signing-algs=RS256,ES384', `--oidc-ca-file=${file('ca.pem', 'PEM')}`],
  );
  const [jwt] = full.configuration.jwt ?? [];
  assert.deepEqual(jwt?.claimMappings?.groups, { claim: 'groups', prefix: 'g:' });
  assert.deepEqual(jwt?.claimValidationRules, [
    { claim: 'hd', requiredValue: 'a=b,c' },
    { claim: 'x', requiredValue: 'y' },
  ]);
  assert.equal(jwt?.issuer?.certificateAuthority, 'PEM');
  assert.deepEqual(full.signingAlgorithms, ['RS256', 'ES384']);
});

const config = file(
  'authentication.yaml',
  'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true}\n',
);

const badAuthn: readonly [readonly string[], RegExp][] = [
  [['--oidc-issuer-url=https://i'], /^oidc-issuer-url and oidc-client-id must be specified together/],
  [['--oidc-groups-claim=x'], /^oidc-issuer-url and oidc-client-id must be specified together/],
  [
    ['--oidc-issuer-url=https://i', '--oidc-client-id=c', '--oidc-signing-algs=HS256'],
    /^oidc: unsupported signing alg: "HS256"$/,
  ],
  [['--oidc-issuer-url=https://i', '--oidc-client-id=c', '--oidc-required-claim=x'], /^malformed pair/],
  [
    [`--authentication-config=${config}`, '--oidc-issuer-url=https://i', '--oidc-client-id=c'],
    /^authentication-config file and oidc-\* flags are mutually exclusive$/,
  ],
  [[`--authentication-config=${config}`, '--anonymous-auth=false'], /^anonymous: Forbidden: --anonymous-auth flag/],
  [['--authentication-config=/nope'], /^--authentication-config \/nope: ENOENT/],
  [[`--authentication-token-webhook-config-file=${config}`], /no server found for cluster$/],
];
for (const [words, message] of badAuthn) {
  test(`refused: ${words.join(' ').replaceAll(directory, '')}`, () =>
    assert.throws(() => authn(...words), { message }));
}

test('token files, bootstrap tokens and webhooks', () => {
  const kubeconfig = file('hook.yaml', 'clusters: [{name: c, cluster: {server: "https://h/authn"}}]');
  const parts = authn(
    ...[`--token-auth-file=${file('tokens.csv', 'secret,jane,1,"a,b"')}`, '--enable-bootstrap-token-auth'],
    ...[`--authentication-token-webhook-config-file=${kubeconfig}`, '--authentication-token-webhook-version=v1'],
    '--authentication-token-webhook-cache-ttl=1m30s',
  );
  assert.deepEqual(parts.tokenUsers?.get('secret'), { username: 'jane', uid: '1', groups: ['a', 'b'] });
  assert.equal(parts.bootstrapTokens, true);
  assert.equal(parts.webhook?.target.url, 'https://h/authn');
  assert.equal(parts.webhook?.version, 'v1');
  assert.equal(parts.webhook?.cacheTtlMs, 90_000);
  assert.deepEqual(authn(), { bootstrapTokens: false });
  const hook = `--authentication-token-webhook-config-file=${kubeconfig}`;
  assert.throws(
    () => authn(hook, '--authentication-token-webhook-version=v2'),
    /supported versions are "v1", "v1beta1"/,
  );
  assert.throws(() => authn(hook, '--authentication-token-webhook-cache-ttl=soon'), /time: invalid duration$/);
});

test('authenticating proxies are believed by their headers', () => {
  const words = ['--requestheader-client-ca-file=ca', '--requestheader-username-headers=X-Remote-User,X-User'];
  assert.deepEqual(authn(...words, '--requestheader-allowed-names=proxy').requestHeaders, {
    ...{ allowedNames: ['proxy'], usernames: ['X-Remote-User', 'X-User'], uids: [], groups: [], extraPrefixes: [] },
  });
  assert.equal(authn().requestHeaders, undefined);
});

test('keys and issuers of service accounts', async () => {
  const keyOf = () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const type = { format: 'pem' } as const;
    return {
      own: privateKey.export({ type: 'sec1', ...type }).toString(),
      shown: publicKey.export({ type: 'spki', ...type }).toString(),
    };
  };
  const [a, b] = [keyOf(), keyOf()];
  const words = [
    ...[`--service-account-signing-key-file=${file('sa.key', a.own)}`, '--service-account-issuer=https://new'],
    ...[`--service-account-key-file=${file('old.pub', b.shown)}`, '--service-account-issuer=https://old'],
    ...[`--service-account-key-file=${file('sa.pub', a.shown)}`, '--service-account-max-token-expiration=1h'],
  ];
  const tokens = await tokensOf(parseFlags(words));
  assert.deepEqual(tokens.issuers, ['https://new', 'https://old']);
  assert.deepEqual(tokens.defaultAudiences, ['https://new', 'https://old']);
  assert.equal((tokens.jwks() as { keys: object[] }).keys.length, 2);
  assert.equal(tokens.expirationSecondsMax, 3600);
  const issuer = '--service-account-issuer=https://new';
  await assert.rejects(tokensOf(parseFlags([issuer, issuer])), /"https:\/\/new" is already specified$/);
  const broken = `--service-account-key-file=${file('broken.pub', 'no key')}`;
  await assert.rejects(tokensOf(parseFlags([broken])), /does not contain any valid RSA or ECDSA public keys$/);
});

test('modes become authorizers in their order; a webhook has its times', () => {
  const kubeconfig = file('authz.yaml', 'clusters: [{name: c, cluster: {server: "https://h/authz"}}]');
  const policies = file('abac.jsonl', '{"user": "jane"}\n');
  const parts = authz(
    ...['--authorization-mode=Node,Webhook,ABAC', `--authorization-webhook-config-file=${kubeconfig}`],
    ...['--authorization-webhook-cache-authorized-ttl=0s', `--authorization-policy-file=${policies}`],
  );
  assert.ok('configuration' in parts);
  assert.deepEqual(
    parts.configuration.authorizers.map(({ type, name }) => `${type} ${name}`),
    ['Node node', 'Webhook default', 'ABAC abac'],
  );
  const [, hook] = parts.configuration.authorizers;
  assert.equal(hook?.webhook?.cacheAuthorizedRequests, false);
  assert.equal(hook?.webhook?.unauthorizedTTL, 30_000);
  assert.equal(hook?.webhook?.subjectAccessReviewVersion, 'v1beta1');
  assert.equal(parts.kubeconfig(kubeconfig).url, 'https://h/authz');
  assert.equal(parts.abacPolicies?.length, 1);
  assert.equal(isOpenToAll(parts), false);
  assert.equal(isOpenToAll(authz()), true, 'upstream allows all by default');
  assert.equal(fileKind(kubeconfig), 'file');
  assert.equal(fileKind(directory), 'other');
  assert.deepEqual(fileKind('/nope/nope'), { error: 'stat /nope/nope: no such file or directory' });
});

const badAuthz: readonly [readonly string[], RegExp][] = [
  [['--authorization-mode=Rbac'], /^authorization-mode "Rbac" is not a valid mode$/],
  [
    ['--authorization-mode=RBAC,Node,RBAC'],
    /^authorization-mode \["RBAC" "Node" "RBAC"\] has mode specified more than/,
  ],
  [['--authorization-mode=ABAC'], /^authorization-mode ABAC's authorization policy file not passed$/],
  [['--authorization-mode=Webhook'], /^authorization-mode Webhook's authorization config file not passed$/],
  [['--authorization-policy-file=x'], /^cannot specify --authorization-policy-file without mode ABAC$/],
  [
    ['--authorization-webhook-config-file=x'],
    /^cannot specify --authorization-webhook-config-file without mode Webhook$/,
  ],
  [['--authorization-config=x', '--authorization-mode=RBAC'], /^--authorization-config can not be specified when/],
  [['--authorization-config=x', '--authorization-webhook-version=v1'], /^--authorization-config can not be specified/],
  [['--authorization-mode=ABAC', `--authorization-policy-file=${config}`], /error reading policy file .*, line 1: /],
];
for (const [words, message] of badAuthz) {
  test(`refused: ${words.join(' ').replaceAll(directory, '')}`, () =>
    assert.throws(() => authz(...words), { message }));
}
