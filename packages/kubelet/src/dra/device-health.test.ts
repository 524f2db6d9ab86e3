/** How devices of claims are: as their driver says, as long as its word holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPod } from '../testing/test-node.test-support.ts';
import type { PreparedClaim } from './claims.ts';
import { createHealthBook, type DeviceHealth } from './device-health.ts';

const DRIVER = 'gpu.example.com';
const pod = testPod('a', { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] });
const claim: PreparedClaim = {
  ...{ namespace: 'default', name: 'shared', uid: 'c1', podUids: ['uid-a'] },
  devices: {
    [DRIVER]: [
      { requestNames: ['one'], poolName: 'p', deviceName: 'd', cdiDeviceIds: ['v/c=d'] },
      { requestNames: ['two/large'], poolName: 'p', deviceName: 'e', cdiDeviceIds: [] },
    ],
  },
};
const asking = (request?: string) => ({
  name: 'main',
  resources: { claims: [{ name: 'gpu', ...(request === undefined ? {} : { request }) }] },
});
const word = (deviceName: string, health: DeviceHealth['health'], more: Partial<DeviceHealth> = {}): DeviceHealth => ({
  ...{ poolName: 'p', deviceName, health, message: '', timeoutSeconds: 0, ...more },
});

test('unknown until the driver has said something, and again when it has been silent for too long', () => {
  const book = createHealthBook();
  const look = (nowMs: number) => book.statusOf(pod, asking(), [claim], nowMs)[0];
  assert.deepEqual(look(0), {
    name: 'claim:gpu',
    resources: [
      { resourceID: 'v/c=d', health: 'Unknown' },
      { resourceID: `${DRIVER}/p/e`, health: 'Unknown' },
    ],
  });
  const devices = [word('d', 'Healthy'), word('e', 'Unhealthy', { message: 'too hot', timeoutSeconds: 5 })];
  assert.equal(book.take(DRIVER, devices, 1000), 5000);
  assert.deepEqual(look(2000)?.resources?.[1], {
    resourceID: `${DRIVER}/p/e`,
    health: 'Unhealthy',
    message: 'too hot',
  });
  assert.deepEqual(
    look(6000)?.resources?.map(({ health }) => health),
    ['Healthy', 'Unknown'],
  );
});

test('only the devices of the request, under its name; nothing for a container without claims', () => {
  const book = createHealthBook();
  book.take(DRIVER, [word('d', 'Healthy'), word('e', 'Healthy')], 0);
  assert.deepEqual(book.statusOf(pod, asking('two/large'), [claim], 1), [
    { name: 'claim:gpu/two/large', resources: [{ resourceID: `${DRIVER}/p/e`, health: 'Healthy' }] },
  ]);
  assert.deepEqual(book.statusOf(pod, { name: 'main' }, [claim], 1), []);
  assert.deepEqual(book.statusOf(pod, asking(), [], 1), []);
});
