/** A whole node agent in memory: fake runtime, fake API, virtual clock. For the tests of this package. */
import type { Pod, PodSpec } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, silentLogger } from '@kapella/base';
import { createMemoryCgroups, createPodCgroups } from '../cgroups/cgroups.ts';
import { createFakeCri, type FakeCri, type FakeCriOptions } from '../cri/fake-cri.ts';
import { createMemoryFiles, type MemoryFiles } from '../host/memory-files.ts';
import { createImageManager } from '../images/image-manager.ts';
import type { AllocationStore } from '../pods/allocation-store.ts';
import type { NodeSettings, PodDeps } from '../pods/deps.ts';
import { createPodManager, type PodManager } from '../pods/pod-manager.ts';
import { createStatusWriter } from '../pods/status-writer.ts';
import type { ProbeKind, Prober, ProbeResult } from '../prober.ts';
import { volumePlugins } from '../volumes/index.ts';
import { createTokenSource } from '../volumes/tokens.ts';
import { createVolumeManager } from '../volumes/volume-manager.ts';
import { createFakeApi, type FakeApi } from './fake-api.test-support.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.test-support.ts';

export interface TestNode {
  readonly api: FakeApi;
  readonly cri: FakeCri;
  readonly clock: VirtualClock;
  readonly files: MemoryFiles;
  readonly manager: PodManager;
  /** Sets a probe's result of the running instance and tells the workers. */
  probe(podUid: string, containerId: string, kind: ProbeKind, result: ProbeResult): void;
  /** Kills the agent; what runs goes on. */
  stop(): Promise<void>;
  /** A new agent over the same runtime, files and API. */
  restart(): Promise<TestNode>;
}

const settings: NodeSettings = {
  nodeName: 'node-1',
  hostIps: ['192.0.2.1'],
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  hostDns: { servers: ['192.0.2.53'], searches: ['example.com'], options: [] },
  podsDir: '/data/pods',
  logsDir: '/data/logs',
  seccompDir: '/data/seccomp',
  limits: { nodeMemoryBytes: 8 * 1024 ** 3, oomScoreAdjMin: 0 },
  allocatable: { cpuMilli: 4000, memoryBytes: 8 * 1024 ** 3, ephemeralBytes: 100 * 1024 ** 3 },
  podsMax: 110,
  runtimeName: 'fake',
  recursiveReadOnly: true,
  imageVolumes: true,
};

type Options = Omit<FakeCriOptions, 'clock'> & { readonly allocations?: AllocationStore };

export function createTestNode(settle: () => Promise<void>, options: Options = {}): TestNode {
  const clock = createVirtualClock(settle);
  const cri = createFakeCri({ clock, ...options });
  cri.images.add('app:1');
  return startNode(clock, cri, createFakeApi(clock), createMemoryFiles(), options.allocations);
}

function startNode(
  clock: VirtualClock,
  cri: FakeCri,
  api: FakeApi,
  files: MemoryFiles,
  allocations?: AllocationStore,
): TestNode {
  const abort = new AbortController();
  let serial = 0;
  const random = {
    float: () => 0.5,
    bytes: (length: number) => new Uint8Array(length).fill(++serial % 256),
    uuid: () => `00000000-0000-4000-8000-${String(++serial).padStart(12, '0')}`,
  };
  const ctx: Ctx = { signal: abort.signal, log: silentLogger, clock, random };
  const results = new Map<string, ProbeResult>();
  const listeners: ((uid: string) => void)[] = [];
  const prober: Prober = {
    sync: () => {},
    stopLivenessAndStartup: () => {},
    remove: () => {},
    result: (id, kind) => results.get(`${id}/${kind}`),
    onChange: (fn) => void listeners.push(fn),
  };
  const facts = (pod: Pod) => ({ hostIps: settings.hostIps, podIps: (pod.status?.podIPs ?? []).map(({ ip }) => ip) });
  const tokens = createTokenSource(api.client);
  const volumeDeps = { files, objects: api.objects, tokens, random, node: settings.allocatable, facts };
  const dirs = { podsDir: settings.podsDir, memoryDir: '/memory' };
  const cgroupOptions = { root: '/kapella-test/kubepods', nodeCpuMilli: 4000, podPidsMax: 0 };
  const deps: PodDeps = {
    settings,
    cri,
    client: api.client,
    recorder: api.recorder,
    prober,
    volumes: createVolumeManager(volumePlugins, volumeDeps, dirs),
    images: createImageManager(cri, ctx),
    cgroups: createPodCgroups(createMemoryCgroups(), cgroupOptions),
    files,
    objects: api.objects,
    ...(allocations === undefined ? {} : { allocations }),
    status: createStatusWriter(api.client, ctx),
    httpHook: async () => {},
    services: async () => [],
    runtimeHandler: async () => '',
  };
  const manager = createPodManager({ pods: api.pods, deps });
  const done = manager.run(ctx);
  return {
    api,
    cri,
    clock,
    files,
    manager,
    probe(podUid, containerId, kind, result) {
      results.set(`${containerId}/${kind}`, result);
      for (const fn of listeners) fn(podUid);
    },
    async stop() {
      abort.abort(new Error('stopped'));
      await clock.advance(0);
      await done;
    },
    async restart() {
      await this.stop();
      return startNode(clock, cri, api, files, allocations);
    },
  };
}

/** A Pod bound to the node, as the API server would have defaulted it. */
export function testPod(name: string, spec: Partial<PodSpec>, meta: object = {}): Pod {
  const list = (spec.containers ?? [{ name: 'main' }]).map((container) => ({
    image: 'app:1',
    imagePullPolicy: 'IfNotPresent' as const,
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File' as const,
    ...container,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: formatTime(1_700_000_000_000),
      ...meta,
    },
    spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30, nodeName: 'node-1', ...spec, containers: list },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  };
}
