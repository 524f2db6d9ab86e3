/** How long requests may take, on a clock that the test moves. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AdmissionPlugin } from '../admission.ts';
import { startTestServer } from '../test-support.ts';
import { createDeadlines, parseGoDuration } from './deadline.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Never lets a Namespace through. */
const stuck: AdmissionPlugin = {
  name: 'Stuck',
  handles: ({ kind }) => kind.kind === 'Namespace',
  validate: () => new Promise(() => {}),
};

describe('the time of a request', () => {
  test('what takes longer than the server allows is answered 504 with upstream words', async () => {
    const { request, clock } = await startTestServer({ requestMsMax: 60_000 }, [stuck]);
    const answer = request('POST', '/api/v1/namespaces', { metadata: { name: 'a' } });
    await settle();
    for (let second = 0; second < 62; second++) clock.advance(1_000);
    const { status, json } = await answer;
    assert.equal(status, 504);
    assert.equal(json.reason, 'Timeout');
    assert.equal(json.message, 'Timeout: request did not complete within the allotted timeout');
  });

  test('the client may ask for less, not for more', async () => {
    const { request, clock } = await startTestServer({ requestMsMax: 60_000 }, [stuck]);
    const answer = request('POST', '/api/v1/namespaces?timeout=2s', { metadata: { name: 'a' } });
    await settle();
    clock.advance(2_000);
    assert.equal((await answer).status, 504);
    assert.equal((await request('GET', '/api/v1/namespaces?timeout=500h')).status, 200);
    const { limitOf } = createDeadlines(60_000);
    assert.equal(limitOf(new URLSearchParams('timeout=500h')), 60_000);
    assert.equal(limitOf(new URLSearchParams('timeout=0')), 60_000);
  });

  test('what is no duration is refused', async () => {
    const { request } = await startTestServer();
    const { status, json } = await request('GET', '/api/v1/namespaces?timeout=soon');
    assert.equal(status, 400);
    assert.match(json.message, /^invalid timeout specified in the request URL - time: invalid duration "soon"$/);
  });

  test('durations are read as Go reads them', () => {
    assert.equal(parseGoDuration('1h15m30.5s'), 4_530_500);
    assert.equal(parseGoDuration('1.5h'), 5_400_000);
    assert.equal(parseGoDuration('-3ms'), -3);
    assert.equal(parseGoDuration('0'), 0);
    for (const wrong of ['', '5', 's', '1x', '1s 2m', `${'1s'.repeat(40)}`]) {
      assert.equal(parseGoDuration(wrong), undefined, wrong);
    }
  });
});
