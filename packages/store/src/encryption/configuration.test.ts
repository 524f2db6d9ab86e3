/** EncryptionConfiguration: what is taken, and upstream's words for what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEncryptionConfiguration } from './configuration.ts';

const SECRET = btoa('0123456789abcdef0123456789abcdef');
const file = (...resources: readonly object[]) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  resources,
});
const keys = (secret = SECRET) => ({ keys: [{ name: 'key1', secret }] });

test('providers keep their order, and defaults are filled in', () => {
  const kms = { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock' };
  const { rules } = parseEncryptionConfiguration(
    file({ resources: ['secrets', '*.apps'], providers: [{ kms }, { aesgcm: keys() }, { identity: {} }] }),
  );
  assert.deepEqual(rules, [
    {
      resources: ['secrets', '*.apps'],
      providers: [
        { kind: 'kms', kms: { ...kms, timeoutMs: 3000 } },
        { kind: 'aesgcm', keys: [{ name: 'key1', secret: SECRET }] },
        { kind: 'identity' },
      ],
    },
  ]);
  const slow = file({ resources: ['secrets'], providers: [{ kms: { ...kms, timeout: '1m2.5s' } }] });
  const [provider] = parseEncryptionConfiguration(slow).rules[0]?.providers ?? [];
  assert.ok(provider?.kind === 'kms' && provider.kms.timeoutMs === 62_500);
});

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['another kind', { apiVersion: 'v1', kind: 'Pod' }, /kind EncryptionConfiguration/],
  ['no resources', file(), /at least one resources is required/],
  [
    'an unknown field',
    file({ resources: ['secrets'], providers: [{ aesgmc: keys() }] }),
    /resources\[0\].providers\[0\].aesgmc: .*unknown field/,
  ],
  [
    'two providers in one element',
    file({ resources: ['secrets'], providers: [{ aesgcm: keys(), identity: {} }] }),
    /should split into different list elements/,
  ],
  [
    'a short key',
    file({ resources: ['secrets'], providers: [{ secretbox: keys(btoa('short')) }] }),
    /got 5, expected one of \[32\]/,
  ],
  [
    'a key that is no base64',
    file({ resources: ['secrets'], providers: [{ aescbc: keys('%%%') }] }),
    /secrets must be base64 encoded/,
  ],
  [
    'everything by *',
    file({ resources: ['*'], providers: [{ identity: {} }] }),
    /use '\*\.' to encrypt all the resources from core API group/,
  ],
  [
    'overlap in one list',
    file({ resources: ['secrets', '*.'], providers: [{ identity: {} }] }),
    /overlapping resources/,
  ],
  [
    'a masked rule',
    file(
      { resources: ['*.*'], providers: [{ identity: {} }] },
      { resources: ['secrets'], providers: [{ identity: {} }] },
    ),
    /masked by earlier rule "\*\.\*"/,
  ],
  [
    'one resource of all groups',
    file({ resources: ['secrets.*'], providers: [{ identity: {} }] }),
    /across groups is not supported/,
  ],
  ['capitals', file({ resources: ['Secrets'], providers: [{ identity: {} }] }), /should not contain capital letters/],
  [
    'KMS v1',
    file({ resources: ['secrets'], providers: [{ kms: { name: 'a', endpoint: 'unix:///a' } }] }),
    /KMSv1 is deprecated/,
  ],
  [
    'KMS over TCP',
    file({ resources: ['secrets'], providers: [{ kms: { apiVersion: 'v2', name: 'a', endpoint: 'tcp://a:1' } }] }),
    /unsupported scheme "tcp" for KMS provider, only unix is supported/,
  ],
];
for (const [what, value, message] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(() => parseEncryptionConfiguration(value), message);
  });
}

test('an error shows no secret', () => {
  const secret = btoa('0123456789abcde');
  const broken = file({ resources: ['secrets'], providers: [{ aesgcm: keys(secret) }] });
  assert.throws(
    () => parseEncryptionConfiguration(broken),
    (error: Error) => !error.message.includes(secret) && error.message.includes('REDACTED'),
  );
});
