/** Which images go when their disk fills up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ctx, silentLogger } from '@kapella/base';
import type { CriImage } from '../cri/cri.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createImageGc } from './image-gc.ts';

const image = (id: string, sizeBytes: number, more: Partial<CriImage> = {}): CriImage => ({
  id,
  repoTags: [`${id}:1`],
  repoDigests: [],
  sizeBytes,
  username: '',
  pinned: false,
  ...more,
});

function collector(usedPercent: number, images: CriImage[], used: Set<string>) {
  const events: string[] = [];
  const clock = createVirtualClock(async () => {});
  const policy = {
    imageGCHighThresholdPercent: 85,
    imageGCLowThresholdPercent: 80,
    imageMinimumGCAgeMs: 120_000,
    imageMaximumGCAgeMs: 0,
  };
  const gc = createImageGc({
    cri: {
      listImages: async () => [...images],
      removeImage: async (id) =>
        void images.splice(
          images.findIndex((one) => one.id === id),
          1,
        ),
    },
    policy,
    recorder: { event: (_about, _type, reason, message) => void events.push(`${reason} ${message}`) },
    subject: { kind: 'Node', apiVersion: 'v1', metadata: { name: 'n', uid: 'n' } },
    usedImages: () => used,
    keptImages: ['pause:1'],
    imageFs: async () => ({ time: '', capacityBytes: 1000, availableBytes: 1000 - usedPercent * 10 }),
  });
  const ctx: Ctx = {
    signal: new AbortController().signal,
    log: silentLogger,
    clock,
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  return { gc, ctx, clock, events, left: () => images.map(({ id }) => id) };
}

test('the least recently used images go until the disk is at its low mark', async () => {
  const used = new Set(['web:1', 'old:1']);
  const one = collector(90, [image('web', 300), image('old', 60), image('idle', 50), image('pause', 1)], used);
  await one.gc.collect(one.ctx);
  assert.deepEqual(one.left(), ['web', 'old', 'idle', 'pause']); // all too young
  used.delete('old:1');
  await one.clock.advance(180_000);
  await one.gc.collect(one.ctx);
  assert.deepEqual(one.left(), ['web', 'pause']); // 100 bytes were wanted: idle was not enough
  const pinned = collector(90, [image('base', 500, { pinned: true })], new Set());
  await pinned.gc.collect(pinned.ctx);
  await pinned.clock.advance(180_000);
  await pinned.gc.collect(pinned.ctx);
  assert.deepEqual(pinned.left(), ['base']);
  assert.match(pinned.events.at(-1) ?? '', /^FreeDiskSpaceFailed .* free 100 bytes, but only found 0 bytes eligible/);
});

test('below the high mark nothing goes; on demand all that is unused does', async () => {
  const one = collector(84, [image('web', 300), image('idle', 50)], new Set(['web']));
  await one.clock.advance(180_000);
  await one.gc.collect(one.ctx);
  assert.deepEqual(one.left(), ['web', 'idle']);
  assert.equal(await one.gc.removeUnused(one.ctx), 50);
  assert.deepEqual(one.left(), ['web']);
});
