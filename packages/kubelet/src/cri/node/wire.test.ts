/** What comes over the wire: nanoseconds, addresses, events of containerd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCriError } from '../cri.ts';
import { createCri, subjectOfEvent } from './containerd.ts';
import { decodeContainerStatus, decodeSandboxStatus, nanosToMs } from './decode.ts';
import { toCriError } from './grpc.ts';
import { hostClock, hostRandom } from '@kapella/base/node';
import { silentLogger } from '@kapella/base';

test('nanoseconds keep their milliseconds', () => {
  assert.equal(nanosToMs('1700000000123456789'), 1_700_000_000_123);
  assert.equal(nanosToMs('0'), 0);
  assert.equal(nanosToMs(undefined), 0);
});

test('statuses', () => {
  const sandbox = decodeSandboxStatus({
    id: 's',
    metadata: { name: 'n', namespace: 'ns', uid: 'u', attempt: 2 },
    state: 'SANDBOX_READY',
    createdAt: '1000000',
    network: { ip: '10.0.0.1', additionalIps: [{ ip: 'fd00::1' }] },
    linux: { namespaces: { options: { network: 'POD' } } },
  });
  assert.deepEqual(
    [sandbox.state, sandbox.ips, sandbox.hostNetwork, sandbox.attempt],
    ['ready', ['10.0.0.1', 'fd00::1'], false, 2],
  );
  const container = decodeContainerStatus({
    id: 'c',
    state: 'CONTAINER_EXITED',
    exitCode: 137,
    reason: 'OOMKilled',
    createdAt: '0',
  });
  assert.deepEqual([container.state, container.exitCode, container.reason], ['exited', 137, 'OOMKilled']);
});

test('the subject of an event is its container; processes executed in one are none', () => {
  const field = (tag: number, text: string) => [tag, text.length, ...new TextEncoder().encode(text)];
  const id = 'a'.repeat(64);
  assert.equal(subjectOfEvent('/tasks/exit', Uint8Array.from([...field(0x0a, id), ...field(0x12, id)])), id);
  assert.equal(
    subjectOfEvent('/tasks/exit', Uint8Array.from([...field(0x0a, id), ...field(0x12, 'b'.repeat(64))])),
    '',
  );
  assert.equal(
    subjectOfEvent('/containers/create', Uint8Array.from([...field(0x0a, id), ...field(0x12, 'image')])),
    id,
  );
  assert.equal(subjectOfEvent('/tasks/oom', Uint8Array.from(field(0x0a, id))), id);
  assert.equal(subjectOfEvent('/tasks/oom', new Uint8Array()), '');
});

test('errors read as upstream prints them', () => {
  const error = toCriError({ code: 5, details: 'no such sandbox' });
  assert.equal(error.code, 'notFound');
  assert.equal(error.message, 'rpc error: code = NotFound desc = no such sandbox');
});

test('a runtime that does not listen is unavailable, not a crash', async () => {
  const cri = createCri({ socket: '/nonexistent/kapella.sock' });
  const ctx = { signal: new AbortController().signal, log: silentLogger, clock: hostClock, random: hostRandom };
  await assert.rejects(cri.version(ctx), (error) => isCriError(error, 'unavailable'));
  cri.close();
});
