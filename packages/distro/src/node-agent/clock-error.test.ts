/** A clock that is wrong is named, and nothing else is taken for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockError } from './clock-error.ts';

test('a certificate of another time is a matter of clocks, wherever in the chain of causes it is', () => {
  const early = Object.assign(new Error('certificate is not yet valid'), { code: 'CERT_NOT_YET_VALID' });
  const nowMs = Date.UTC(1999, 11, 31);
  const found = clockError(new Error('request failed', { cause: early }), nowMs);
  assert.equal(
    found?.message,
    'the certificate of the API server is not valid yet by the clock of this machine, which says 1999-12-31T00:00:00.000Z',
  );
  assert.match(found?.fix ?? '', /date -u/);
  const late = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
  assert.match(clockError(late, nowMs)?.message ?? '', /has expired/);
  assert.equal(clockError(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), nowMs), undefined);
  assert.equal(clockError('nothing', nowMs), undefined);
});
