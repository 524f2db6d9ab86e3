/** Tokens, and what a machine that joins believes of a server. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { hostRandom } from '@kapella/base/node';
import { type ClusterInfoCrypto, trustClusterInfo } from './cluster-info.ts';
import { createToken, parseToken, tokenSecret, tokenText } from './token.ts';

const crypto: ClusterInfoCrypto = {
  sign: (text, key) => createHmac('sha256', key).update(text).digest('base64url'),
  keyHash: (certificate) => `sha256:${certificate.length}`,
  isSame: (a, b) => a === b,
};
const token = { id: 'abcdef', secret: '0123456789abcdef' };
const kubeconfig = `clusters: [{cluster: {server: "https://s:6443", certificate-authority-data: ${btoa('PEM')}}}]`;
const header = Buffer.from('{"alg":"HS256","kid":"abcdef"}').toString('base64url');
const signed = (text: string) => {
  const signature = crypto.sign(`${header}.${Buffer.from(text).toString('base64url')}`, token.secret);
  return { kubeconfig: text, 'jws-kubeconfig-abcdef': `${header}..${signature}` };
};

test('a token is six letters and sixteen, and names its Secret', () => {
  const made = createToken(hostRandom);
  assert.deepEqual(parseToken(tokenText(made)), made);
  assert.equal(parseToken('abcdef.0123456789ABCDEF'), undefined);
  assert.equal(parseToken('abcdef'), undefined);
  const { metadata, stringData } = tokenSecret(token, 'for a test', 3_600_000, 0);
  assert.equal(metadata.name, 'bootstrap-token-abcdef');
  assert.equal(stringData.expiration, '1970-01-01T01:00:00Z');
  assert.equal('expiration' in tokenSecret(token, '', 0, 0).stringData, false);
});

test('a server is believed when the token has signed what it says and its CA is the one that was told', () => {
  assert.deepEqual(trustClusterInfo(signed(kubeconfig), token, 'sha256:3', crypto), { ca: 'PEM' });
  assert.throws(() => trustClusterInfo(signed(kubeconfig), token, 'sha256:4', crypto), /has the key sha256:3, not/);
  const forged = { ...signed(kubeconfig), kubeconfig: kubeconfig.replace('https://s', 'https://x') };
  assert.throws(() => trustClusterInfo(forged, token, 'sha256:3', crypto), /not signed by that token/);
  const other = { id: 'uvwxyz', secret: token.secret };
  assert.throws(() => trustClusterInfo(signed(kubeconfig), other, '', crypto), /does not know the token uvwxyz/);
});
