/** One hollow node: the node agent's real Pod lifecycle, registration and lease over a runtime that runs nothing. */
import type { Container, Pod, Service, Taint } from '@kapella/api/types/core-v1';
import { nodeV1 } from '@kapella/api';
import { childCtx, type Ctx } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import {
  createFakeCri,
  createImageManager,
  createMemoryCgroups,
  createNodeReporter,
  createPodCgroups,
  createPodManager,
  createProbeManager,
  createStatusWriter,
  createVolumeManager,
  type FakeCri,
  KUBELET_CONFIG_DEFAULTS,
  type MachineFacts,
  nodeAmounts,
  type NodeSettings,
  type ObjectCache,
  type PodDeps,
  type PodManager,
  podIpsOf,
  type ProbeDrivers,
  type TokenSource,
  volumePlugins,
} from '@kapella/kubelet';
import { KUBERNETES_VERSION } from '@kapella/control-plane';
import type { HollowBehaviour } from './behaviour.ts';
import type { PodFeed } from './pod-feed.ts';
import { voidFiles } from './void-files.ts';

export interface HollowNodeOptions {
  readonly name: string;
  /** Of 192.0.2.0/24 and the like: nothing listens there. */
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly podsMax: number;
}

/** What all hollow nodes of a fleet share. */
export interface HollowShared {
  readonly feed: PodFeed;
  readonly behaviour: Required<HollowBehaviour>;
  readonly objects: ObjectCache;
  readonly services: (ctx: Ctx) => Promise<readonly Service[]>;
  /** What Stages play is left alone by the agents. */
  readonly played: { readonly pods: boolean; readonly nodes: boolean };
  nextPodIp(): string;
  /** Pods' events; the node's own go the same way. */
  recorderFor(client: Client, node: string): EventRecorder;
}

export interface HollowNode {
  readonly name: string;
  readonly cri: FakeCri;
  readonly manager: PodManager;
  /** Resolves when the node is registered. */
  readonly registered: Promise<void>;
  /** Ends the agent: its node goes NotReady, its containers live on in `cri`. */
  stop(): Promise<void>;
}

const GIB = 1024 ** 3;
const DISK_BYTES = 100 * GIB;
const TOKEN_LIFE_MS = 10 * 365 * 86_400_000;

/** Tokens that nobody shows to anyone. */
const tokens: TokenSource = {
  get: async (_pod, _audience, _seconds, ctx) => {
    const expiresAtMs = ctx.clock.nowMs() + TOKEN_LIFE_MS;
    return { token: 'hollow', expiresAtMs, renewAtMs: expiresAtMs };
  },
  forget: () => {},
};

/** `cri`: the runtime of an earlier agent of the same node. */
export function startHollowNode(
  options: HollowNodeOptions,
  client: Client,
  shared: HollowShared,
  ctx: Ctx,
  cri: FakeCri = createHollowCri(options.name, shared, ctx),
): HollowNode {
  const stop = new AbortController();
  const inner = childCtx(ctx, stop.signal, { node: options.name });
  const recorder = shared.recorderFor(client, options.name);
  const deps = podDeps(options, client, cri, recorder, shared, inner);
  const manager = createPodManager({ pods: shared.feed.ofNode(options.name), deps });
  const machine = machineOf(options);
  const amounts = nodeAmounts(machine, KUBELET_CONFIG_DEFAULTS, options.podsMax);
  const reporter = createNodeReporter({
    ...{ client, recorder, cri, machine },
    identity: {
      name: options.name,
      ips: [options.ip],
      hostname: options.name,
      version: KUBERNETES_VERSION,
      port: 0,
      podsMax: options.podsMax,
      labels: options.labels,
      taints: options.taints,
      podCidrs: [],
    },
    amounts: () => amounts,
    reportsStatus: !shared.played.nodes,
  });
  const registered = reporter.register(inner).then(() => {});
  const aborted = () => {}; // ended before it was registered
  const done = Promise.all([
    registered.then(() => reporter.run(inner)).catch(aborted),
    shared.played.pods ? undefined : manager.run(inner).catch(aborted),
  ]);
  registered.catch(aborted);
  return {
    name: options.name,
    cri,
    manager,
    registered,
    async stop() {
      stop.abort(new Error(`hollow node ${options.name} was ended`));
      await done;
    },
  };
}

export function createHollowCri(node: string, { behaviour, feed, nextPodIp }: HollowShared, ctx: Ctx): FakeCri {
  const find = (uid: string, name: string): readonly [Pod, Container] | undefined => {
    const pod = feed.byUid(node, uid);
    const all = [...(pod?.spec.containers ?? []), ...(pod?.spec.initContainers ?? [])];
    const container = all.find((candidate) => candidate.name === name);
    return pod === undefined || container === undefined ? undefined : [pod, container];
  };
  return createFakeCri({
    clock: ctx.clock,
    recordCalls: false,
    nextIp: nextPodIp,
    script: (config, sandbox) => {
      const found = find(sandbox.metadata.uid, config.metadata.name);
      return found === undefined ? undefined : behaviour.exit(...found);
    },
    stopMs: (config) => {
      const found = find(config.labels['io.kubernetes.pod.uid'] ?? '', config.metadata.name);
      return found === undefined ? 0 : behaviour.stopMs(...found);
    },
    async onPull(image) {
      const took = behaviour.pull(image);
      if (typeof took !== 'number') throw took;
      if (took > 0) await new Promise<void>((resolve) => ctx.clock.setTimer(took, resolve));
    },
  });
}

function podDeps(
  options: HollowNodeOptions,
  client: Client,
  cri: FakeCri,
  recorder: EventRecorder,
  shared: HollowShared,
  ctx: Ctx,
): PodDeps {
  const settings = settingsOf(options);
  const podIps = (pod: Pod) => (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const facts = (pod: Pod) => ({ hostIps: settings.hostIps, podIps: podIpsOf(pod, podIps(pod), settings.hostIps) });
  const objects = shared.feed.objectsOf(options.name, shared.objects);
  const volumeDeps = { files: voidFiles, objects, tokens, random: ctx.random, node: settings.allocatable, facts };
  const cgroupOptions = { root: `/hollow/${options.name}`, nodeCpuMilli: options.cpuCount * 1000, podPidsMax: 0 };
  return {
    ...{ settings, cri, client, recorder, objects },
    prober: createProbeManager({ drivers: probeDrivers(options.name, shared), events: recorder }, ctx),
    volumes: createVolumeManager(volumePlugins, volumeDeps, { podsDir: settings.podsDir, memoryDir: '/memory' }),
    images: createImageManager(cri, ctx),
    cgroups: createPodCgroups(createMemoryCgroups(), cgroupOptions),
    files: voidFiles,
    status: createStatusWriter(client, ctx),
    httpHook: async () => {},
    services: shared.services,
    async runtimeHandler(name, waiter) {
      if (!name) return '';
      const found = await client.get(nodeV1.RuntimeClass, { name }, waiter);
      if (found === undefined) throw new Error(`RuntimeClass "${name}" not found`);
      return found.handler;
    },
  };
}

/** Every probe asks the behaviour: nothing listens anywhere. */
function probeDrivers(node: string, { feed, behaviour }: HollowShared): ProbeDrivers {
  const ofContainer = async (id: string) => {
    const found = feed.containerOf(node, id);
    const isWell = found === undefined || behaviour.probe(found.pod, found.container, 'exec');
    return outcome(isWell);
  };
  const ofAddress = async (host: string, port: number) => {
    const pod = feed.byIp(node, host);
    const container =
      pod?.spec.containers.find(({ ports = [] }) => ports.some(({ containerPort }) => containerPort === port)) ??
      pod?.spec.containers[0];
    return outcome(pod === undefined || container === undefined || behaviour.probe(pod, container, 'readiness'));
  };
  return {
    http: ({ host, port }) => ofAddress(host, port),
    tcp: (host, port) => ofAddress(host, port),
    grpc: (host, port) => ofAddress(host, port),
    exec: (id) => ofContainer(id),
  };
}

const outcome = (isWell: boolean) =>
  isWell
    ? ({ result: 'success', output: '' } as const)
    : ({ result: 'failure', output: 'the hollow container is told to be unhealthy' } as const);

function settingsOf({ name, ip, cpuCount, memoryBytes, podsMax }: HollowNodeOptions): NodeSettings {
  return {
    nodeName: name,
    hostIps: [ip],
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    hostDns: { servers: [], searches: [], options: [] },
    podsDir: '/pods',
    logsDir: '/logs',
    seccompDir: '/seccomp',
    limits: { nodeMemoryBytes: memoryBytes, oomScoreAdjMin: 0 },
    allocatable: { cpuMilli: cpuCount * 1000, memoryBytes, ephemeralBytes: DISK_BYTES },
    podsMax,
    runtimeName: 'hollow',
    recursiveReadOnly: true,
    imageVolumes: true,
  };
}

function machineOf({ name, cpuCount, memoryBytes }: HollowNodeOptions): MachineFacts {
  return {
    ...{ cpuCount, memoryBytes },
    machineId: name,
    systemUuid: name,
    bootId: name,
    kernelVersion: 'hollow',
    osImage: 'Hollow node: nothing runs here',
    operatingSystem: 'linux',
    architecture: 'amd64',
    diskBytes: DISK_BYTES,
    hugepages: [],
    hasMemoryCgroup: true,
  };
}
