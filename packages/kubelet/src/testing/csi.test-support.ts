/** A node's CSI side over an API and files in memory, with a driver that remembers what it was asked. */
import type { PersistentVolume, Pod } from '@kapella/api/types/core-v1';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createClient } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import type { CsiError, CsiNodeService, NodeCapability, NodeInfo } from '@kapella/csi';
import { attachmentName, csiVolumeOf, uniqueVolumeName } from '../csi/csi-volume.ts';
import { createCsiParts } from '../csi/support.ts';
import { createMemoryFiles } from '../host/memory-files.ts';
import { createTokenSource } from '../volumes/tokens.ts';

export const DRIVER = 'disk.example.com';
const NODE = 'node-1';

export interface Call {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: only the test knows what it is
  readonly request: any;
}

export function createTestCsi() {
  const clock = createVirtualClock();
  const abort = new AbortController();
  const ctx: Ctx = { signal: abort.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  const files = createMemoryFiles();
  const calls: Call[] = [];
  const driver = {
    info: { nodeId: 'id-1', maxVolumesPerNode: 5, topology: { 'example.com/rack': 'r1' } } as NodeInfo,
    capabilities: new Set<NodeCapability>(['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME']),
    /** The next call of this method fails so. */
    fails: new Map<string, CsiError>(),
  };
  const answer = (method: string, request: object) => {
    calls.push({ method, request });
    const error = driver.fails.get(method);
    driver.fails.delete(method);
    if (error !== undefined) throw error;
  };
  const service: CsiNodeService = {
    getInfo: async () => driver.info,
    capabilities: async () => driver.capabilities,
    stage: async (request) => answer('stage', request),
    unstage: async (volumeId, stagingTargetPath) => answer('unstage', { volumeId, stagingTargetPath }),
    async publish(request) {
      answer('publish', request);
      await files.mkdir(request.targetPath.replace('/var/lib/kubelet', '/data'), 0o750);
      await files.mount('x', request.targetPath.replace('/var/lib/kubelet', '/data'), 'bind', []);
    },
    async unpublish(volumeId, targetPath) {
      answer('unpublish', { volumeId, targetPath });
      await files.unmount(targetPath.replace('/var/lib/kubelet', '/data'));
    },
    async expand(request) {
      answer('expand', request);
      return 0;
    },
    async stats(volumeId, volumePath, stagingTargetPath) {
      answer('stats', { volumeId, volumePath, stagingTargetPath });
      return { usage: [{ unit: 'BYTES', total: 10, used: 3, available: 7 }], condition: undefined };
    },
    close: () => {},
  };
  const told: string[] = [];
  const createAgent = () => {
    const parts = createCsiParts({
      nodeName: NODE,
      rootDir: '/data',
      driverRootDir: '/var/lib/kubelet',
      client,
      recorder: { event: (_about, type, reason, message) => void told.push(`${type} ${reason}: ${message}`) },
      files,
      tokens: createTokenSource(client),
      connect: () => service,
    });
    parts.inUse.onChange(() => parts.inUse.reported(parts.inUse.list()));
    return parts;
  };
  const plugin = { type: 'CSIPlugin', name: DRIVER, endpoint: '/csi.sock', supportedVersions: ['1.0.0'] };
  api.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  return {
    clock,
    ctx,
    api,
    client,
    files,
    calls,
    driver,
    told,
    plugin,
    createAgent,
    methods: () => calls.map(({ method }) => method),
    async agentWithDriver() {
      const agent = createAgent();
      await agent.support.volumes.recover();
      await agent.start(ctx);
      await agent.handler.register(plugin, ctx);
      return agent;
    },
    csiDriver(spec: object = {}) {
      api.seed({ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: DRIVER }, spec });
    },
    /** As the attach-detach controller and the driver's attacher would. */
    attach(volume: PersistentVolume) {
      const csi = csiVolumeOf(volume, false);
      if (csi === undefined) throw new Error('not of CSI');
      api.seed(
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'VolumeAttachment',
          metadata: { name: attachmentName(csi, NODE) },
          spec: { attacher: DRIVER, nodeName: NODE, source: { persistentVolumeName: volume.metadata.name } },
          status: { attached: true, attachmentMetadata: { device: '/dev/x' } },
        },
        {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: NODE },
          status: { volumesAttached: [{ name: uniqueVolumeName(csi), devicePath: '' }] },
        },
      );
    },
  };
}

export const persistentVolume = (name: string, csi: object = {}, spec: object = {}): PersistentVolume =>
  ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: DRIVER, volumeHandle: `handle-${name}`, ...csi },
      ...spec,
    },
  }) as PersistentVolume;

export const podOf = (name: string, spec: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '' },
    spec: { serviceAccountName: 'robot', containers: [], ...spec },
  }) as Pod;
