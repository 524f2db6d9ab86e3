/** A driver of a few lines, over a real socket, in both versions of the protocol. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { loadProto, type Wire } from '../../cri/node/grpc.ts';
import { connectDraDriver } from './dra-client.ts';

for (const version of ['v1', 'v1beta1']) {
  test(`${version}: prepare, unprepare, and an error of one claim`, { timeout: 60_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kapella-dra-'));
    const ctx = hostCtx(new AbortController().signal, silentLogger);
    const api = loadProto(`./dra-${version}.proto`, import.meta.url) as Wire;
    const server = new grpc.Server();
    const device = { requestNames: ['one'], poolName: 'p', deviceName: 'd', cdiDeviceIds: ['v/c=d'] };
    server.addService(api.k8s.io.kubelet.pkg.apis.dra[version].DRAPlugin.service, {
      nodePrepareResources: (call: Wire, done: (error: null, answer: object) => void) =>
        done(null, { claims: { [call.request.claims[0].uid]: { devices: [device] } } }),
      nodeUnprepareResources: (call: Wire, done: (error: null, answer: object) => void) =>
        done(null, { claims: { [call.request.claims[0].uid]: { error: 'in use' } } }),
    });
    const endpoint = `${dir}/dra.sock`;
    await new Promise<void>((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure();
      server.bindAsync(`unix://${endpoint}`, credentials, (error) => (error ? reject(error) : resolve()));
    });
    const info = { type: 'DRAPlugin', name: 'd', endpoint, supportedVersions: [`${version}.DRAPlugin`] };
    const client = connectDraDriver(info);
    const claim = { namespace: 'default', name: 'c', uid: 'c1' };
    assert.deepEqual(await client.prepare(claim, ctx), [device]);
    await assert.rejects(client.unprepare(claim, ctx), /NodeUnprepareResources failed for ResourceClaim c: in use/);
    assert.throws(() => connectDraDriver({ ...info, supportedVersions: ['v9'] }), /none of the versions \["v9"\]/);
    client.close();
    server.forceShutdown();
    rmSync(dir, { recursive: true, force: true });
  });
}

test('a driver that tells of the health of its devices is heard', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kapella-dra-'));
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const api = loadProto('./dra-health.proto', import.meta.url) as Wire;
  const server = new grpc.Server();
  const device = { poolName: 'p', deviceName: 'd' };
  server.addService(api.v1alpha1.DRAResourceHealth.service, {
    nodeWatchResources: (call: Wire) =>
      call.write({
        devices: [{ device, health: 'UNHEALTHY', message: 'hot', healthCheckTimeoutSeconds: 7 }, { device }],
      }),
  });
  const endpoint = `${dir}/dra.sock`;
  await new Promise<void>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`unix://${endpoint}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  const supportedVersions = ['v1.DRAPlugin', 'v1alpha1.DRAResourceHealth'];
  const client = connectDraDriver({ type: 'DRAPlugin', name: 'd', endpoint, supportedVersions });
  const heard = Promise.withResolvers<unknown>();
  const watching = client.watchHealth?.(heard.resolve, ctx).catch(() => {});
  assert.deepEqual(await heard.promise, [
    { ...device, health: 'Unhealthy', message: 'hot', timeoutSeconds: 7 },
    { ...device, health: 'Unknown', message: '', timeoutSeconds: 0 },
  ]);
  stop.abort(new Error('enough'));
  await watching;
  client.close();
  server.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});
