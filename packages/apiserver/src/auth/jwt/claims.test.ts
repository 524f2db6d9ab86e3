/** Claims to users, with upstream's words. Messages: those that upstream's own tests of oidc.go expect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import { userOfClaims } from './claims.ts';
import type { JwtAuthenticatorConfiguration } from './configuration.ts';
import type { Claims } from './expressions.ts';
import { validateAuthentication } from './validate.ts';

const ISSUER = { url: 'https://auth.example.com', audiences: ['my-client'] };

function map(configuration: Omit<JwtAuthenticatorConfiguration, 'issuer'>, claims: Claims) {
  const errors = new FieldErrors();
  const jwt = { issuer: ISSUER, ...configuration };
  const [mappings] = validateAuthentication({ jwt: [jwt] }, [], errors);
  assert.deepEqual(errors.list, []);
  const user = userOfClaims(jwt, mappings!, { iss: ISSUER.url, aud: 'my-client', ...claims });
  return JSON.parse(JSON.stringify(user)) as unknown;
}

const username = { claim: 'username', prefix: '' };
const jane = { username: 'jane' };

const good: readonly [string, Omit<JwtAuthenticatorConfiguration, 'issuer'>, Claims, object][] = [
  ['a claim', { claimMappings: { username } }, jane, { username: 'jane', groups: [] }],
  [
    'prefixes',
    { claimMappings: { username: { claim: 'username', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: 'g:' } } },
    { ...jane, groups: ['a', 'b'] },
    { username: 'oidc:jane', groups: ['g:a', 'g:b'] },
  ],
  [
    'one group as a string',
    { claimMappings: { username, groups: { claim: 'groups', prefix: '' } } },
    { ...jane, groups: 'team1' },
    { username: 'jane', groups: ['team1'] },
  ],
  [
    'no groups claim',
    { claimMappings: { username, groups: { claim: 'groups', prefix: '' } } },
    jane,
    { username: 'jane', groups: [] },
  ],
  [
    'a verified address',
    { claimMappings: { username: { claim: 'email', prefix: '' } } },
    { email: 'jane@example.com', email_verified: true },
    { username: 'jane@example.com', groups: [] },
  ],
  [
    'an address of a provider that verifies none',
    { claimMappings: { username: { claim: 'email', prefix: '' } } },
    { email: 'jane@example.com' },
    { username: 'jane@example.com', groups: [] },
  ],
  [
    'expressions',
    {
      claimMappings: {
        username: { expression: '"u:" + claims.username' },
        groups: { expression: '(claims.roles.split(",") + claims.other_roles.split(",")).map(r, "g:" + r)' },
        uid: { expression: 'claims.uid' },
        extra: [
          { key: 'example.org/foo', valueExpression: '[claims.foo, ""]' },
          { key: 'example.org/empty', valueExpression: '""' },
          { key: 'example.org/list', valueExpression: 'claims.nested.list' },
        ],
      },
    },
    { ...jane, roles: 'a,b', other_roles: 'c', uid: '1234', foo: 'bar', nested: { list: ['x', 'y'] }, jti: 't1' },
    {
      username: 'u:jane',
      uid: '1234',
      groups: ['g:a', 'g:b', 'g:c'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=t1'],
        'example.org/foo': ['bar'],
        'example.org/list': ['x', 'y'],
      },
    },
  ],
  [
    'null groups',
    { claimMappings: { username, groups: { expression: 'claims.?groups.orValue(null)' } } },
    jane,
    { username: 'jane', groups: [] },
  ],
  [
    'whole numbers are doubles, as Go has them',
    {
      claimMappings: { username },
      claimValidationRules: [
        { expression: 'claims.exp - claims.nbf <= 86400' },
        { expression: 'claims.exp / 2.0 == 100.0' },
      ],
    },
    { ...jane, exp: 200, nbf: 100 },
    { username: 'jane', groups: [] },
  ],
  [
    'required values and rules that hold',
    {
      claimMappings: { username, groups: { claim: 'groups', prefix: '' } },
      claimValidationRules: [
        { claim: 'hd', requiredValue: 'example.com' },
        { expression: 'claims.sub_type == "user"' },
      ],
      userValidationRules: [{ expression: 'user.groups.all(g, !g.startsWith("system:")) && user.uid == ""' }],
    },
    { ...jane, hd: 'example.com', sub_type: 'user', groups: ['a'] },
    { username: 'jane', groups: ['a'] },
  ],
];

for (const [name, configuration, claims, user] of good) {
  test(`${name} make a user`, () => assert.deepEqual(map(configuration, claims), user));
}

const bad: readonly [Omit<JwtAuthenticatorConfiguration, 'issuer'>, Claims, string][] = [
  [{ claimMappings: { username } }, {}, 'oidc: parse username claims "username": claim not present'],
  [
    { claimMappings: { username } },
    { username: 1 },
    'oidc: parse username claims "username": json: cannot unmarshal number into Go value of type string',
  ],
  [
    { claimMappings: { username: { claim: 'email', prefix: '' } } },
    { email: 'jane@example.com', email_verified: false },
    'oidc: email not verified',
  ],
  [
    { claimMappings: { username: { claim: 'email', prefix: '' } } },
    { email: 'jane@example.com', email_verified: 'false' },
    "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
  ],
  [
    { claimMappings: { username, groups: { claim: 'groups', prefix: '' } } },
    { ...jane, groups: 42 },
    'oidc: parse groups claim "groups": json: cannot unmarshal number into Go value of type string',
  ],
  [
    { claimMappings: { username }, claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }] },
    jane,
    'oidc: required claim hd not present in ID token',
  ],
  [
    { claimMappings: { username }, claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }] },
    { ...jane, hd: 'example.org' },
    'oidc: required claim hd value does not match. Got = example.org, want = example.com',
  ],
  [
    { claimMappings: { username }, claimValidationRules: [{ expression: 'claims.hd == "example.com"' }] },
    jane,
    `oidc: error evaluating claim validation expression: expression 'claims.hd == "example.com"' ` +
      `resulted in error: no such key: hd`,
  ],
  [
    {
      claimMappings: { username },
      claimValidationRules: [{ expression: 'claims.hd == "example.com"', message: 'the domain is wrong' }],
    },
    { ...jane, hd: 'example.org' },
    `oidc: error evaluating claim validation expression: validation expression 'claims.hd == ` +
      `"example.com"' failed: the domain is wrong`,
  ],
  [
    {
      claimMappings: { username: { claim: 'username', prefix: 'system:' } },
      userValidationRules: [
        { expression: "!user.username.startsWith('system:')", message: 'username cannot used reserved system: prefix' },
      ],
    },
    jane,
    'oidc: error evaluating user info validation rule: validation expression ' +
      "'!user.username.startsWith('system:')' failed: username cannot used reserved system: prefix",
  ],
  [
    { claimMappings: { username: { expression: 'claims.username' } } },
    { username: '' },
    'oidc: empty username via CEL expression is not allowed',
  ],
  [
    { claimMappings: { username: { expression: 'claims.username' } } },
    { username: ['a'] },
    'oidc: error evaluating username claim expression: username claim expression must return a string',
  ],
  [
    { claimMappings: { username, groups: { expression: 'claims.groups' } } },
    { ...jane, groups: [1] },
    'oidc: error evaluating group claim expression: expression must return a string or a list of strings',
  ],
  [
    { claimMappings: { username, groups: { expression: 'claims.turtle.foo.a' } } },
    { ...jane, turtle: { foo: {} } },
    "oidc: error evaluating group claim expression: expression 'claims.turtle.foo.a' resulted in error: no such key: a",
  ],
  [{ claimMappings: { username, uid: { claim: 'uid' } } }, jane, 'oidc: parse uid claim "uid": claim not present'],
  [
    { claimMappings: { username, extra: [{ key: 'example.org/foo', valueExpression: 'claims.foo' }] } },
    { ...jane, foo: 5 },
    'oidc: error evaluating extra claim expression: claims.foo: expression must return a string or a list of strings',
  ],
];

for (const [configuration, claims, message] of bad) {
  test(`refused: ${message}`, () => assert.throws(() => map(configuration, claims), { message }));
}

test('names of objects from outside are only names', () => {
  const found = map(
    { claimMappings: { username, groups: { claim: 'constructor', prefix: '' } } },
    { ...jane, jti: '__proto__' },
  );
  assert.deepEqual(found, {
    username: 'jane',
    groups: [],
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=__proto__'] },
  });
});
