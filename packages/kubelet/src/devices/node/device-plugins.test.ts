/** A device plugin of a few lines, over real sockets. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createGrpcService, loadProto, type Wire } from '../../cri/node/grpc.ts';
import { createMemoryFiles } from '../../host/memory-files.ts';
import { testPod } from '../../testing/test-node.test-support.ts';
import { createTopologyManager } from '../../topology/topology-manager.ts';
import { createDeviceManager } from '../device-manager.ts';
import { openDevicePluginSocket } from './device-plugins.ts';

const GPU = 'vendor.com/gpu';

test('a plugin registers, lists and allocates', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kapella-devices-'));
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const changed = Promise.withResolvers<void>();
  const manager = await createDeviceManager({
    ...{ files: createMemoryFiles(), dir: '/d', numaNodes: [0], onChange: changed.resolve },
  });
  const topology = { policy: 'none', scope: 'container', options: {}, nodes: [] } as const;
  const { admit } = createTopologyManager(topology, [manager]);
  await openDevicePluginSocket(dir, manager, ctx);
  const api = loadProto('./deviceplugin.proto', import.meta.url) as Wire;
  const plugin = new grpc.Server();
  plugin.addService(api.v1beta1.DevicePlugin.service, {
    listAndWatch: (call: Wire) =>
      call.write({ devices: [{ ID: 'a', health: 'Healthy', topology: { nodes: [{ ID: 1 }] } }] }),
    allocate(call: Wire, done: (error: null, answer: object) => void) {
      const ids = call.request.containerRequests[0].devicesIds as string[];
      const devices = ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: `/dev/v${id}`, permissions: 'rw' }));
      const mounts = [{ containerPath: '/lib/v', hostPath: '/opt/v', readOnly: true }];
      done(null, {
        containerResponses: [{ envs: { IDS: ids.join() }, devices, mounts, cdiDevices: [{ name: 'v/c=a' }] }],
      });
    },
  });
  await new Promise<void>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    plugin.bindAsync(`unix://${dir}/gpu.sock`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  const registry = createGrpcService(api.v1beta1.Registration, `${dir}/kubelet.sock`);
  const ask = (more: object) =>
    registry.unary('Register', { version: 'v1beta1', endpoint: 'gpu.sock', resourceName: GPU, ...more }, 20_000, ctx);
  await assert.rejects(ask({ version: 'v1alpha1' }), /"v1alpha1" is not supported by kubelet/);
  await assert.rejects(ask({ resourceName: 'cpu' }), /the ResourceName "cpu" is invalid/);
  await ask({});
  await changed.promise;
  assert.deepEqual(manager.amounts(0).get(GPU), { capacity: 1, allocatable: 1 });
  assert.deepEqual(manager.device(GPU, 'a'), { id: 'a', healthy: true, nodes: [1] });
  const pod = testPod('web', { containers: [{ name: 'main', resources: { limits: { [GPU]: '1' } } }] });
  assert.equal(await admit(pod, ctx), undefined);
  assert.deepEqual(await manager.grantsOf(pod, { name: 'main' }, ctx), {
    envs: { IDS: 'a' },
    annotations: {},
    devices: [{ containerPath: '/dev/a', hostPath: '/dev/va', permissions: 'rw' }],
    mounts: [{ containerPath: '/lib/v', hostPath: '/opt/v', readonly: true, propagation: 'PROPAGATION_PRIVATE' }],
    cdiDevices: ['v/c=a'],
  });
  stop.abort(new Error('enough'));
  registry.close();
  plugin.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});
