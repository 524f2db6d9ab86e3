/** AuthenticationConfiguration against what upstream's own code says of it: golden.json, from k8s.io/apiserver v0.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import { parse } from 'yaml';
import { decodeAuthenticationConfiguration } from './configuration.ts';
import golden from './golden.json' with { type: 'json' };
import { joinFieldErrors } from './structured.ts';
import { validateAuthentication } from './validate.ts';

const rows = golden as unknown as readonly (readonly [unknown, string, boolean])[];

for (const [document, expected, isRefused] of rows) {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  test(`${text.slice(60, 400)} ${expected.slice(0, 80)}`, () => {
    if (isRefused) {
      assert.throws(() => decodeAuthenticationConfiguration(text));
      return;
    }
    const errors = new FieldErrors();
    validateAuthentication(decodeAuthenticationConfiguration(text), ['https://kubernetes.default.svc'], errors);
    assert.equal(errors.any ? joinFieldErrors(errors) : '', expected);
  });
}

test('files are YAML; unknown fields and what is no such document are refused with the place', () => {
  const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n';
  const read = (text: string) => () => decodeAuthenticationConfiguration(text);
  assert.deepEqual(JSON.parse(JSON.stringify(read(`${head}jwt: []\n`)())), { jwt: [] });
  assert.throws(read(''), { message: 'empty config data' });
  assert.throws(read(`${head}jwt: [{issuer: {uri: x}}]`), {
    message: 'strict decoding error: unknown field "jwt[0].issuer.uri"',
  });
  assert.throws(read(`${head}jwt: {}`), /jwt must be a list/);
  assert.throws(
    read(`${head}jwt: []\njwt: []`),
    /^Error: error converting YAML to JSON: yaml: Map keys must be unique/,
  );
  assert.throws(read(`${head}anonymous: {enabled: "yes"}`), /anonymous\.enabled must be a boolean/);
  assert.throws(read('apiVersion: v1\nkind: Pod'), { message: 'no kind "Pod" is registered for version "v1"' });
  assert.throws(read('__proto__: {}\nconstructor: {}'), /Kind' is missing/);
  assert.throws(read(`${head}jwt: [{constructor: {}}]`), /unknown field "jwt\[0\]\.constructor"/);
  assert.equal(typeof parse(head), 'object');
});
