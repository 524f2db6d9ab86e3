/** The node agent as one function: everything put together over a real host. Source: kubernetes cmd/kubelet/app. */
import { coreV1, type NewObject, nodeV1 } from '@kapella/api';
import type { Node, Pod, Service, Taint } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, jsonEqual, type MetricsRegistry } from '@kapella/base';
import {
  type Cache,
  type Client,
  createEventRecorder,
  type EventRecorder,
  type RunningEventRecorder,
} from '@kapella/client';
import { createNodeService } from '@kapella/csi/node';
import { createPodCgroups } from '../cgroups/cgroups.ts';
import { createHostCgroups } from '../cgroups/node/drivers.ts';
import type { Cri } from '../cri/cri.ts';
import { meteredCri } from '../cri/metered-cri.ts';
import { createCri } from '../cri/node/containerd.ts';
import { createCsiParts, type CsiParts } from '../csi/support.ts';
import type { GrantManager } from '../grants/grants.ts';
import { hostFiles } from '../host/node/host-files.ts';
import { ensureShared } from '../host/node/shared-mount.ts';
import { createImageManager } from '../images/image-manager.ts';
import { podIpsOf } from '../lifecycle/pod-status.ts';
import { checkUnsafeSysctls, judgeSysctls } from '../lifecycle/sysctls.ts';
import { createObjectCache } from '../objects/object-cache.ts';
import { createPluginHost } from '../plugins/node/plugin-host.ts';
import { runPluginManager } from '../plugins/plugin-manager.ts';
import { createAllocationStore } from '../pods/allocation-store.ts';
import { removeStrangers } from '../pods/clean-up.ts';
import type { NodeSettings, PodDeps } from '../pods/deps.ts';
import { runLogRotation } from '../pods/log-rotation.ts';
import { createPodManager, type PodManager } from '../pods/pod-manager.ts';
import { createServerSource } from '../pods/server-source.ts';
import { createStatusWriter } from '../pods/status-writer.ts';
import { createKubeletMetrics, type KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import { createProbeDrivers } from '../probes/node/drivers.ts';
import { createProbeManager } from '../probes/probe-manager.ts';
import { KUBELET_CONFIG_DEFAULTS, type KubeletConfig } from '../config/kubelet-config.ts';
import { allocatableCpuMilli, nodeAmounts, podPlaces, podsMemoryBytes } from '../registration/allocatable.ts';
import type { MachineFacts } from '../registration/node-object.ts';
import { createNodeReporter, type NodeReporter, nodeSubject } from '../registration/node-reporter.ts';
import type { NodeServerSource } from '../server-source.ts';
import { volumePlugins } from '../volumes/index.ts';
import { createTokenSource, type TokenSource } from '../volumes/tokens.ts';
import { createVolumeManager } from '../volumes/volume-manager.ts';
import { createUserNamespaces, parseSubIds } from '../userns/user-namespaces.ts';
import { readMachineFacts } from './host-facts.ts';
import { parseSystemOom, systemOomMessage } from '../eviction/system-oom.ts';
import { httpHook } from './http-hook.ts';
import { followKernelLog } from './kernel-log.ts';
import { startNodeServer } from './node-server.ts';
import { dirsOf, identityOf, nodeSettings, rhythmOf } from './node-settings.ts';
import { createNodeResources, type NodeResources } from './node-resources.ts';
import { createPressure, type Pressure } from './pressure.ts';
import { hostShutdown } from '../shutdown/node/logind.ts';
import { shutdownPeriods } from '../shutdown/plan-shutdown.ts';
import { createShutdownManager, type ShutdownManager } from '../shutdown/shutdown-manager.ts';
import { createMirrors, type Mirrors } from '../static-pods/mirrors.ts';
import { staticFiles } from '../static-pods/node/static-files.ts';
import { createStaticSource, noStaticFiles, type StaticSource } from '../static-pods/static-source.ts';
import { createHostStats } from '../stats/node/host-stats.ts';

export interface NodeOptions {
  readonly nodeName: string;
  /** Addresses of the node, the primary one first. */
  readonly nodeIps: readonly string[];
  /** The agent's own directory: `pods/`, `logs/`, `memory/` (a tmpfs), `seccomp/` below it. */
  readonly dataDir: string;
  /** The same directory by the name under which CSI drivers mount it; the same name where absent. */
  readonly driverRootDir?: string;
  /** Where the runtime keeps its images; its file system counts for disk pressure. */
  readonly imageDir?: string;
  /** Absolute path of the runtime's unix socket. */
  readonly criSocket: string;
  /** Addresses of the cluster's DNS Service. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** `/kapella-<name>/kubepods`. */
  readonly cgroupRoot: string;
  /** What kubectl shows as the node's version: `v1.36.3`. */
  readonly version: string;
  /** Written into the Node when it is created; empty = a controller assigns it. */
  readonly podCidrs?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly config?: KubeletConfig;
  /** Images that are never removed to make room: the sandbox's. */
  readonly keptImages?: readonly string[];
  /** Where the process counts what it costs; shown with the agent's own metrics. */
  readonly metrics?: MetricsRegistry;
  readonly resolvConf?: string;
  readonly providerId?: string;
  /** Decodes a file of `staticPodPath` and gives it the API's defaults; absent = there are no static Pods. */
  readonly parsePod?: (text: string) => NewObject<Pod>;
  /** The HTTPS server; absent = none (then there are no logs and no exec). */
  readonly server?: {
    readonly address: string;
    readonly port: number;
    readonly cert: string;
    readonly key: string;
    readonly clientCa: string;
  };
  /** Called with the Node when first seen and whenever it changes: the network wants spec.podCIDRs. */
  readonly onNode?: (node: Node) => void;
}

export interface NodeDeps {
  /** As `system:node:<name>`. */
  readonly client: Client;
  /** Over that client; `run` is called by the owner. */
  readonly cache: Cache;
}

export interface RunningNode {
  readonly cri: Cri;
  readonly manager: PodManager;
  readonly source: NodeServerSource;
  /** Where the HTTPS server listens; undefined without one. */
  readonly port: number | undefined;
  /** The HTTPS server shows this certificate from now on. */
  serveAs(pair: { readonly cert: string; readonly key: string }): void;
  /** Resolves when the agent has stopped after `ctx` was aborted. Containers go on running. */
  readonly done: Promise<void>;
}

/** Starts the agent; resolves when the node is registered and Pods are taken. Rejects when the host is not fit. */
export async function startNode(options: NodeOptions, { client, cache }: NodeDeps, ctx: Ctx): Promise<RunningNode> {
  const { nodeName, dataDir, config = KUBELET_CONFIG_DEFAULTS } = options;
  checkUnsafeSysctls(config.allowedUnsafeSysctls);
  await prepareDirs(dataDir);
  const machine = await readMachineFacts(dataDir);
  const metrics = createKubeletMetrics(options.metrics);
  const cri = meteredCri(createCri({ socket: options.criSocket }), metrics.runtimeCall, ctx.clock);
  ctx.signal.addEventListener('abort', () => cri.close(), { once: true });
  const recorder = createEventRecorder(client, { component: 'kubelet', host: nodeName }, ctx);
  const settings = await nodeSettings(options, machine, cri, ctx);
  const tokens = createTokenSource(client);
  const csi = csiParts(options, { client, recorder, tokens });
  const resources = await createNodeResources({
    ...{ nodeName, dataDir, client, cache, recorder, cri, config, metrics, memoryBytes: machine.memoryBytes },
    workers: () => manager.workers(),
    onChange: () => reporter.poke(),
  });
  const { grants } = resources;
  const statics = staticSourceOf(options);
  const api = cache.informer<Pod>(coreV1.Pod, { fieldSelector: `spec.nodeName=${nodeName}` });
  const mirrors = createMirrors({ api, statics, client, nodeName });
  const { pods } = mirrors;
  const parts = { client, cache, cri, recorder, tokens, csi, metrics, grants, mirrors };
  const deps = await podDeps(options, settings, machine, parts, ctx);

  const hooks = { onConditions: () => reporter.poke(), manager: () => manager };
  const pressure = await openPressure(options, config, { recorder, metrics, deps }, hooks);
  const shutdown = openShutdown(options, config, { recorder, metrics }, hooks);
  const manager: PodManager = createPodManager({
    ...{ pods, deps },
    gates: [shutdown.gate, pressure.gate, (pod) => judgeSysctls(pod, config.allowedUnsafeSysctls)],
  });
  const source = createServerSource(manager, deps);
  const served = { client, deps, manager, source, stats: pressure.stats, metrics, machine };
  const server = await startNodeServer({ ...options, config }, served, ctx);
  const reporter: NodeReporter = createNodeReporter({
    ...{ client, recorder, cri, machine, identity: identityOf(options, server?.port ?? 0) },
    amounts: () =>
      nodeAmounts(machine, config, podPlaces(machine, config), resources.devices.amounts(ctx.clock.nowMs())),
    pressures: () => pressure.eviction.conditions(),
    volumesInUse: csi.inUse,
    rhythm: rhythmOf(config),
    isShuttingDown: () => shutdown.isShuttingDown,
  });
  const events = recorder.run(ctx);
  recorder.event(nodeSubject(nodeName), 'Normal', 'Starting', 'Starting kubelet.');
  watchNode(options, cache);
  await csi.support.volumes.recover();
  await reporter.register(ctx);
  await csi.start(ctx);
  await openSockets(resources, ctx);
  const done = runAll([
    reporter.run(ctx),
    statics.run(ctx),
    mirrors.run(ctx),
    manager.run(ctx),
    runLogRotation(manager, deps, ctx, config),
    cleanUpStrangers(manager, deps, pods, ctx),
    runPressure(pressure, pods, ctx),
    shutdown.run(ctx),
    tellSystemOoms(nodeName, recorder, ctx),
    runPlugins(dataDir, csi, resources, ctx),
    events,
  ]).finally(() => server?.close());
  return { cri, manager, source, port: server?.port, serveAs: (pair) => server?.use(pair), done };
}

const csiParts = (
  { nodeName, dataDir, driverRootDir = dataDir }: NodeOptions,
  parts: { client: Client; recorder: EventRecorder; tokens: TokenSource },
) =>
  createCsiParts({
    ...{ nodeName, rootDir: dataDir, driverRootDir, files: hostFiles, connect: createNodeService },
    ...parts,
  });

function staticSourceOf({ nodeName, config, parsePod }: NodeOptions): StaticSource {
  const path = config?.staticPodPath ?? '';
  if (path === '' || parsePod === undefined) return createStaticSource(noStaticFiles, nodeName);
  return createStaticSource(staticFiles(path, parsePod), nodeName);
}

function openShutdown(
  { nodeName, dataDir }: NodeOptions,
  config: KubeletConfig,
  { recorder, metrics }: { recorder: EventRecorder; metrics: KubeletMetrics },
  { onConditions, manager }: { onConditions(): void; manager(): PodManager },
): ShutdownManager {
  return createShutdownManager({
    ...{ periods: shutdownPeriods(config), host: hostShutdown, files: hostFiles, dir: dataDir },
    workers: () => manager().workers(),
    tell: (message) => recorder.event(nodeSubject(nodeName), 'Normal', 'NodeShutdown', message),
    onChange: onConditions,
    times: metrics.gracefulShutdown,
  });
}

async function openPressure(
  options: NodeOptions,
  config: KubeletConfig,
  { recorder, metrics, deps }: { recorder: EventRecorder; metrics: KubeletMetrics; deps: PodDeps },
  { onConditions, manager }: { onConditions(): void; manager(): PodManager },
): Promise<Pressure> {
  const { nodeName, dataDir, cgroupRoot, imageDir = dataDir, keptImages = [] } = options;
  const host = await createHostStats();
  return createPressure(
    { ...{ nodeName, config, recorder, metrics, cgroupRoot, dataDir, imageDir, keptImages, host }, onConditions },
    deps,
    manager,
  );
}

function runPlugins(dataDir: string, csi: CsiParts, { dra }: NodeResources, ctx: Ctx): Promise<void> {
  const handlers = new Map([
    ['CSIPlugin', csi.handler],
    ['DRAPlugin', dra],
  ]);
  return runPluginManager(createPluginHost(dirsOf(dataDir).pluginsDir), handlers, ctx);
}

/** A path too long for a socket costs the node its plugins, not its Pods. */
const openSockets = (resources: NodeResources, ctx: Ctx) =>
  resources.open(ctx).catch((error: unknown) => {
    ctx.log.warn('device plugins cannot register', { error: describeError(error) });
  });

const tellSystemOoms = (nodeName: string, recorder: EventRecorder, ctx: Ctx) =>
  followKernelLog((line) => {
    const oom = parseSystemOom(line);
    if (oom !== undefined) recorder.event(nodeSubject(nodeName), 'Warning', 'SystemOOM', systemOomMessage(oom));
  }, ctx);

/** Once the Pods are known: before that every image would look unused. */
async function runPressure(pressure: Pressure, pods: { synced(ctx: Ctx): Promise<void> }, ctx: Ctx): Promise<void> {
  await pods.synced(ctx).catch(() => {});
  await Promise.all([pressure.eviction.run(ctx), pressure.images.run(ctx)]);
}

/** Runs the agent until `ctx` aborts. */
export async function runNode(options: NodeOptions, deps: NodeDeps, ctx: Ctx): Promise<void> {
  const { done } = await startNode(options, deps, ctx);
  await done;
}

async function runAll(tasks: readonly Promise<void>[]): Promise<void> {
  await Promise.all(tasks);
}

async function prepareDirs(dataDir: string): Promise<void> {
  const { podsDir, logsDir, memoryDir, seccompDir } = dirsOf(dataDir);
  await hostFiles.mkdir(dataDir, 0o755);
  await ensureShared(dataDir);
  for (const dir of [podsDir, logsDir, seccompDir]) await hostFiles.mkdir(dir, 0o755);
  await hostFiles.mkdir(memoryDir, 0o700);
  // Secrets of all Pods share one file system in memory: a mount for each would cost more than all else of a volume.
  if (!(await hostFiles.mountsUnder(memoryDir)).includes(memoryDir)) {
    await hostFiles.mount('tmpfs', memoryDir, 'tmpfs', ['mode=0700']);
  }
}

interface Parts {
  readonly client: Client;
  readonly cache: Cache;
  readonly cri: Cri;
  readonly recorder: RunningEventRecorder;
  readonly tokens: TokenSource;
  readonly csi: CsiParts;
  readonly metrics: KubeletMetrics;
  readonly grants: GrantManager;
  readonly mirrors: Mirrors;
}

async function podDeps(
  options: NodeOptions,
  settings: NodeSettings,
  machine: MachineFacts,
  parts: Parts,
  ctx: Ctx,
): Promise<PodDeps> {
  const { client, cache, cri, recorder, tokens, csi, metrics } = parts;
  const { podsDir, memoryDir } = dirsOf(options.dataDir);
  const objects = createObjectCache(client, ctx);
  const config = options.config ?? KUBELET_CONFIG_DEFAULTS;
  const enforced = config.enforceNodeAllocatable.includes('pods');
  const cgroups = createPodCgroups(await createHostCgroups(), {
    root: options.cgroupRoot,
    nodeCpuMilli: allocatableCpuMilli(machine, config),
    podPidsMax: Math.max(0, config.podPidsLimit),
    cpuQuota: config.cpuCFSQuota,
    ...(enforced ? { memoryBytes: podsMemoryBytes(machine, config) } : {}),
  });
  await cgroups.setUp();
  const services = cache.informer<Service>(coreV1.Service);
  const podIps = (pod: Pod) => (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const facts = (pod: Pod) => ({ hostIps: settings.hostIps, podIps: podIpsOf(pod, podIps(pod), settings.hostIps) });
  const nodeFacts = { node: settings.allocatable, facts };
  const volumeDeps = { files: hostFiles, objects, tokens, random: ctx.random, ...nodeFacts, csi: csi.support };
  return {
    settings,
    cri,
    client,
    recorder,
    metrics,
    prober: createProbeManager({ drivers: createProbeDrivers(cri), events: recorder, metrics }, ctx),
    volumes: createVolumeManager(volumePlugins, volumeDeps, { podsDir, memoryDir }),
    images: createImageManager(cri, ctx, metrics.imagePulled),
    cgroups,
    grants: parts.grants,
    allocations: await createAllocationStore(hostFiles, `${options.dataDir}/allocated_pods_state`, ctx),
    userNamespaces: await openUserNamespaces(podsDir, options, cri, ctx),
    files: hostFiles,
    objects,
    status: parts.mirrors.statusWriter(createStatusWriter(client, ctx, metrics.statusWritten)),
    httpHook,
    async services(waiter) {
      await services.synced(waiter);
      return services.list();
    },
    async runtimeHandler(name, waiter) {
      if (!name) return '';
      const found = await client.get(nodeV1.RuntimeClass, { name }, waiter);
      if (found === undefined) throw new Error(`RuntimeClass "${name}" not found`);
      return found.handler;
    },
  };
}

async function openUserNamespaces(podsDir: string, { config }: NodeOptions, cri: Cri, ctx: Ctx) {
  const { userNamespaces, maxPods } = config ?? KUBELET_CONFIG_DEFAULTS;
  const read = async (path: string) => new TextDecoder().decode((await hostFiles.read(path)) ?? new Uint8Array());
  const [uids, gids] = await Promise.all(['/etc/subuid', '/etc/subgid'].map(read));
  const range = parseSubIds(uids ?? '', 'kubelet');
  const groups = parseSubIds(gids ?? '', 'kubelet');
  if (!jsonEqual(range, groups)) throw new Error('mismatched subuids and subgids for user "kubelet"');
  const { handlers } = await cri.status(ctx);
  return await createUserNamespaces({
    ...{ files: hostFiles, podsDir, idsPerPod: userNamespaces.idsPerPod, podsMax: maxPods },
    ...(range === undefined ? {} : { range }),
    handlers: () => handlers,
  });
}

function watchNode({ nodeName, onNode }: NodeOptions, cache: Cache): void {
  if (onNode === undefined) return;
  cache
    .informer<Node>(coreV1.Node, { fieldSelector: `metadata.name=${nodeName}` })
    .subscribe({ add: onNode, update: onNode });
}

/** Once, when the truth is known: files and control groups of Pods that neither the API nor the runtime has. */
async function cleanUpStrangers(
  manager: PodManager,
  deps: PodDeps,
  pods: { synced(ctx: Ctx): Promise<void> },
  ctx: Ctx,
): Promise<void> {
  try {
    await pods.synced(ctx);
    const isKnown = (uid: string) => manager.byUid(uid) !== undefined;
    await removeStrangers(isKnown, deps, ctx);
    deps.allocations?.prune(isKnown);
  } catch (error) {
    if (!ctx.signal.aborted) ctx.log.warn('leftovers not removed', { error: describeError(error) });
  }
}
