/** Of statuses that come while one is being written the newest is written too, at whatever turn it comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import type { Client } from '@kapella/client';
import { createStatusWriter } from './status-writer.ts';

const metadata = { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: 'i' }] } };

for (let turns = 0; turns < 12; turns++) {
  test(`published ${turns} turns after the first`, async () => {
    const written: (PodStatus | undefined)[] = [];
    const client = {
      async patch(_kind: unknown, _pod: unknown, { body }: { body: { status: PodStatus } }) {
        written.push(body.status);
        return { ...pod, metadata: { ...metadata, resourceVersion: String(1 + written.length) }, status: body.status };
      },
    } as unknown as Client;
    const ctx: Ctx = {
      signal: new AbortController().signal,
      log: silentLogger,
      clock: createVirtualClock(),
      random: createSeededRandom(),
    };
    const writer = createStatusWriter(client, ctx);
    writer.publish(pod, { phase: 'Pending' });
    for (let i = 0; i < turns; i++) await undefined;
    writer.publish(pod, { phase: 'Running' });
    await writer.flushed('u');
    assert.equal(written.at(-1)?.phase, 'Running');
  });
}
