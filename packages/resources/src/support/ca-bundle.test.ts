/** What can be trusted as a bundle of certificates, and what only looks so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import { FieldErrors } from '@kapella/base';
import { checkBundle } from '../apiextensions/customresourcedefinition/conversion.validate.ts';
import { isUsableBundle } from './ca-bundle.ts';

/** A sequence that holds a sequence, as certificates do. */
const der = String.fromCharCode(0x30, 0x04, 0x30, 0x02, 0x05, 0x00);
const pem = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

test('one certificate is enough, and nothing at all is fine', () => {
  for (const [text, expected] of [
    [pem(btoa(der)), true],
    [`garbage\n${pem('!!!!')}${pem(btoa(der))}`, true],
    [pem(btoa(`${der}x`)), false],
    [pem(btoa(String.fromCharCode(0x30, 0x84, 0xff, 0xff, 0xff, 0xff))), false],
    [pem(btoa('no certificate')), false],
    ['\n', false],
  ] as const) {
    assert.equal(isUsableBundle(btoa(text)), expected, text);
  }
  assert.equal(isUsableBundle(undefined), true);
  assert.equal(isUsableBundle(''), true);
  assert.equal(isUsableBundle('no base64!'), false);
});

test('a definition that is served may keep a bad bundle, and get no new one', () => {
  const conversion = (caBundle: string) =>
    ({
      strategy: 'Webhook',
      webhook: { clientConfig: { caBundle } },
    }) as CustomResourceDefinition['spec']['conversion'];
  const messages = (next: string, old: string) => {
    const errors = new FieldErrors();
    checkBundle(conversion(next), conversion(old), errors);
    return errors.list.map(({ field, message }) => `${field}: ${message}`);
  };
  const good = btoa(pem(btoa(der)));
  assert.deepEqual(messages('Cg==', 'Cg=='), []);
  assert.deepEqual(messages(good, 'Cg=='), []);
  assert.deepEqual(messages('Cg==', good), [
    'spec.conversion.webhookClientConfig.caBundle: Invalid value: "Cg==": ' +
      'unable to load root certificates: unable to parse bytes as PEM block',
  ]);
});
