/** Claims are prepared once for all their Pods, and unprepared after the last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, silentLogger } from '@kapella/base';
import type { Client } from '@kapella/client';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createDraManager, type DraDriverClient } from './dra-manager.ts';

const DRIVER = 'gpu.example.com';
const plugin = { type: 'DRAPlugin', name: DRIVER, endpoint: '/dra.sock', supportedVersions: ['v1.DRAPlugin'] };
const podOf = (name: string, request?: string): Pod => ({
  ...testPod(name, {
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }],
    containers: [
      { name: 'main', resources: { claims: [{ name: 'gpu', ...(request === undefined ? {} : { request }) }] } },
    ],
  }),
});
const results = [{ driver: DRIVER, pool: 'p', device: 'd', request: 'one' }];
const claim = {
  metadata: { name: 'shared', namespace: 'default', uid: 'c1', resourceVersion: '1' },
  status: { reservedFor: [{ uid: 'uid-a' }, { uid: 'uid-b' }], allocation: { devices: { results } } },
};

async function node(files = createMemoryFiles()) {
  const calls: string[] = [];
  const events: string[] = [];
  let failures = 0;
  const clock = createVirtualClock(async () => {});
  const ctx: Ctx = {
    signal: new AbortController().signal,
    log: silentLogger,
    clock,
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  const driver: DraDriverClient = {
    async prepare({ name }) {
      calls.push(`prepare ${name}`);
      if (failures-- > 0) throw new Error('NodePrepareResources: no hardware yet');
      return [
        { requestNames: ['one'], poolName: 'p', deviceName: 'd', cdiDeviceIds: ['v/c=d'] },
        { requestNames: ['two/large'], poolName: 'p', deviceName: 'e', cdiDeviceIds: ['v/c=e'] },
      ];
    },
    unprepare: async ({ name }) => void calls.push(`unprepare ${name}`),
    close: () => {},
  };
  const client = {
    get: async () => claim,
    deleteCollection: async (_kind: unknown, options: { fieldSelector: string }) =>
      void calls.push(options.fieldSelector),
  } as unknown as Client;
  const manager = await createDraManager({
    ...{ client, files, dir: '/data', nodeName: 'node-1', connect: () => driver },
    recorder: { event: (_about, _type, reason, message) => void events.push(`${reason} ${message}`) },
  });
  return { manager, calls, events, ctx, clock, files, fail: (times: number) => (failures = times) };
}

test('prepared once for two Pods, unprepared after the second; containers see what they asked for', async () => {
  const { manager, calls, ctx } = await node();
  await manager.register(plugin, ctx);
  await Promise.all([manager.admit(podOf('a'), ctx), manager.admit(podOf('b'), ctx)]);
  const devicesOf = async (pod: Pod) => (await manager.grantsOf(pod, pod.spec.containers[0] as never, ctx)).cdiDevices;
  assert.deepEqual(await devicesOf(podOf('a')), ['v/c=d', 'v/c=e']);
  assert.deepEqual(await devicesOf(podOf('a', 'one')), ['v/c=d']);
  assert.deepEqual(await devicesOf(podOf('b', 'two')), ['v/c=e']);
  await manager.release('uid-a', ctx);
  assert.deepEqual(calls, ['prepare shared']);
  await manager.release('uid-b', ctx);
  assert.deepEqual(calls, ['prepare shared', 'unprepare shared']);
  assert.deepEqual(manager.claims(), []);
});

test('what fails is told and tried again; a Pod without a reservation gets nothing', async () => {
  const { manager, events, ctx, fail } = await node();
  await assert.rejects(manager.admit(podOf('a'), ctx), /DRA driver gpu.example.com is not registered/);
  await manager.register(plugin, ctx);
  fail(1);
  await assert.rejects(manager.admit(podOf('a'), ctx), /no hardware yet/);
  assert.match(
    events.at(-1) ?? '',
    /^FailedPrepareDynamicResources Failed to prepare dynamic resources: .*no hardware/,
  );
  assert.equal(await manager.admit(podOf('a'), ctx), undefined);
  await assert.rejects(manager.admit(podOf('z'), ctx), /pod z \(uid-z\) is not allowed to use ResourceClaim shared/);
});

test('an agent that begins anew undoes what its predecessor has prepared', async () => {
  const first = await node();
  await first.manager.register(plugin, first.ctx);
  await first.manager.admit(podOf('a'), first.ctx);
  const again = await node(first.files);
  await assert.rejects(again.manager.release('uid-a', again.ctx), /not registered/);
  await again.manager.register(plugin, again.ctx);
  await again.manager.release('uid-a', again.ctx);
  assert.deepEqual(again.calls, ['unprepare shared']);
});

test('the slices of a driver go when it stays away', async () => {
  const { manager, calls, ctx, clock } = await node();
  await manager.register(plugin, ctx);
  await manager.deregister(plugin, ctx);
  await clock.advance(29_000);
  assert.deepEqual(calls, []);
  await clock.advance(1000);
  assert.deepEqual(calls, [`spec.nodeName=node-1,spec.driver=${DRIVER}`]);
});
