/** A runtime of another age is refused with a word that says what is needed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { CriError } from './cri.ts';
import { checkedVersion } from './version-check.ts';

const ctx: Ctx = {
  ...{ signal: new AbortController().signal, log: silentLogger, clock: createVirtualClock() },
  random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
};
const speaking = (runtimeApiVersion: string) => ({
  version: async () => ({ runtimeName: 'containerd', runtimeVersion: 'v1.7.2', runtimeApiVersion }),
});
const failing = (error: Error) => ({ version: () => Promise.reject(error) });

test('v1 is spoken, anything else is said clearly, and another failure stays what it is', async () => {
  assert.equal((await checkedVersion(speaking('v1'), ctx)).runtimeVersion, 'v1.7.2');
  await assert.rejects(checkedVersion(speaking('v1alpha2'), ctx), /containerd v1.7.2 speaks version "v1alpha2".*1\.6/);
  const unknown = new CriError('unimplemented', 'Unimplemented', 'unknown service runtime.v1.RuntimeService');
  await assert.rejects(
    checkedVersion(failing(unknown), ctx),
    /does not speak version v1.*containerd 1.6 or CRI-O 1.23/,
  );
  const away = new CriError('unavailable', 'Unavailable', 'connection refused');
  await assert.rejects(checkedVersion(failing(away), ctx), away);
});
