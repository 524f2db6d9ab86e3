/** Monitoring agents ask what containers hold, over a real socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createGrpcService, loadProto, type Wire } from '../../cri/node/grpc.ts';
import { testPod } from '../../testing/test-node.test-support.ts';
import { openPodResourcesSocket } from './pod-resources-server.ts';

test('devices, processors and claims of a container', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kapella-resources-'));
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const pod = testPod('web', {
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }],
    containers: [{ name: 'main', resources: { claims: [{ name: 'gpu' }] } }],
  });
  const device = (id: string) => ({ id, healthy: true, nodes: id === 'a' ? [1] : [] });
  const drawn = { requestNames: [], poolName: 'p', deviceName: 'd', cdiDeviceIds: ['v/c=d'] };
  const holding = { podUid: 'uid-web', container: 'main', resource: 'v.com/x', ids: ['a'], grants: {} };
  await openPodResourcesSocket(
    dir,
    {
      workers: () => [{ pod, isActive: true }],
      devices: {
        allocations: () => [holding],
        available: () => new Map([['v.com/x', [device('a'), device('b')]]]),
        device: (_, id) => device(id),
      },
      memory: {
        blocksOf: () => [{ numaAffinity: [0, 1], type: 'memory', size: 4096, charged: 4096 }],
        allocatable: () => [{ node: 1, type: 'memory', size: 8192 }],
      },
      dra: {
        claims: () => [
          { namespace: 'default', name: 'shared', uid: 'c', podUids: ['uid-web'], devices: { 'd.com': [drawn] } },
        ],
      },
      cpus: { exclusiveCpus: () => '1-2', assignableCpus: () => [1, 2, 3] },
    },
    ctx,
  );
  const api = loadProto('./podresources.proto', import.meta.url) as Wire;
  const client = createGrpcService(api.v1.PodResourcesLister, `${dir}/kubelet.sock`);
  const { podResources } = await client.unary('List', {}, 20_000, ctx);
  const [main] = podResources[0].containers;
  assert.equal(`${podResources[0].namespace}/${podResources[0].name} ${main.name}`, 'default/web main');
  assert.deepEqual(main.cpuIds, ['1', '2']);
  assert.deepEqual([main.devices[0].resourceName, main.devices[0].deviceIds], ['v.com/x', ['a']]);
  assert.deepEqual(main.devices[0].topology.nodes, [{ ID: '1' }]);
  assert.deepEqual([main.memory[0].memoryType, main.memory[0].size], ['memory', '4096']);
  const [claim] = main.dynamicResources;
  assert.equal(claim.claimName, 'shared');
  assert.deepEqual(claim.claimResources[0].cdiDevices, [{ name: 'v/c=d' }]);
  const all = await client.unary('GetAllocatableResources', {}, 20_000, ctx);
  assert.deepEqual(
    [all.cpuIds, all.devices.flatMap((entry: Wire) => entry.deviceIds)],
    [
      ['1', '2', '3'],
      ['a', 'b'],
    ],
  );
  await assert.rejects(
    client.unary('Get', { podName: 'no', podNamespace: 'default' }, 20_000, ctx),
    /pod no .* not found/,
  );
  client.close();
  stop.abort(new Error('enough'));
  rmSync(dir, { recursive: true, force: true });
});
