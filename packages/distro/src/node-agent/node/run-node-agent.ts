/** `kapella node`: the agent, Pod network, Service rules and cluster DNS of this machine in one process. */
import { mkdir } from 'node:fs/promises';
import { coreV1, discoveryV1, type NewObject, parseYaml } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { addressAt, type ClusterOptions, ipv6Of, networksOf } from '@kapella/cli';
import { type Client, createCache, createClient, type Informer } from '@kapella/client';
import { createHttpsTransport } from '@kapella/client/node';
import { cniBackends, planRoutes, planTunnel, podCIDRsOf, TUNNEL_BYTES } from '@kapella/cni';
import {
  createRouteKeeper,
  createTunnelKeeper,
  freeLeakedAddresses,
  setUpPodNetwork,
  uplinkMtuBytes,
} from '@kapella/cni/node';
import { dnsEndpointSlice } from '@kapella/dns';
import { startDns } from '@kapella/dns/node';
import { startNode } from '@kapella/kubelet/node';
import { createLocalPath } from '@kapella/local-path';
import { hostDisk } from '@kapella/local-path/node';
import { runProvisioner } from '@kapella/provisioner';
import { runProxy } from '@kapella/proxy';
import { createNftablesBackend } from '@kapella/proxy/node';
import { createMetricsRegistry, type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { DNS_ADDRESS_INDEX } from '../../network.ts';
import { apiServerOf, cableNetworks, type Member, tunnelOf } from '../../cluster/members.ts';
import { addCostMetrics } from '../../server/node/process-metrics.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import { PAUSE_IMAGE } from '../../host/containerd-config.ts';
import { machineAddresses } from './host-address.ts';
import { clockError } from '../clock-error.ts';
import { addCertificateMetrics, type AgentCredentials, type LivePair } from './credentials.ts';
import { memberCredentials } from './member-credentials.ts';
import { readKubeletConfig } from './kubelet-config.ts';
import { collectWhenQuiet, hostGarbage } from './quiet-garbage.ts';
import { claimKubeletDir } from './kubelet-dir.ts';

const API_RETRY_MS = 200;
const KUBELET_PORT = 10_250;

export interface NodeAgentHooks {
  /** The node is registered and takes Pods. */
  readonly onReady?: (facts: { readonly address: string; readonly kubeletPort: number | undefined }) => void;
}

/** Runs until `ctx` aborts; containers go on. Rejects when the machine is not fit. */
export async function runNodeAgent(
  options: ClusterOptions,
  member: Member,
  hooks: NodeAgentHooks,
  ctx: Ctx,
): Promise<void> {
  const addresses = await addressesFor(options);
  const credentials = await memberCredentials(options, member.nodeName, addresses, ctx);
  const place = { server: apiServerOf(options, member), addresses, credentials };
  await runAgentAt(place, options, member, hooks, ctx);
}

/** Where an agent is and who it is. */
export interface AgentPlace {
  /** URL of the API server. */
  readonly server: string;
  /** Of this machine, for the other nodes: IPv4, and IPv6 where machine and cluster have it. */
  readonly addresses: readonly [string, ...string[]];
  readonly credentials: AgentCredentials;
}

export async function runAgentAt(
  place: AgentPlace,
  options: ClusterOptions,
  member: Member,
  hooks: NodeAgentHooks,
  ctx: Ctx,
): Promise<void> {
  const { nodeName, runtime } = member;
  const { credentials } = place;
  const addresses = ipv6Of(options.podCidr) === undefined ? ([place.addresses[0]] as const) : place.addresses;
  const [address] = addresses;
  const agentClient = clientOf(place, credentials.client, `kubelet/${KUBERNETES_VERSION}`);
  await untilApiAnswers(agentClient, ctx);

  const config = readKubeletConfig(options.kubeletConfig, (warning) => {
    ctx.log.warn('kubelet configuration', { warning });
  });
  const metrics = createMetricsRegistry();
  addCostMetrics(metrics);
  addCertificateMetrics(metrics, credentials, ctx.clock);
  const cache = createCache(agentClient);
  const network = createNetwork(options, member, ctx);
  const cacheRun = cache.run(ctx);
  const running = await startNode(
    {
      nodeName,
      nodeIps: addresses,
      dataDir: member.dataDir,
      driverRootDir: await claimKubeletDir(member.dataDir),
      imageDir: runtime.rootDir,
      criSocket: runtime.socket,
      clusterDns: [addressAt(options.serviceCidr, DNS_ADDRESS_INDEX)],
      clusterDomain: options.clusterDomain,
      resolvConf: options.resolvConf,
      config,
      keptImages: [PAUSE_IMAGE],
      ...(config.staticPodPath === '' ? {} : { parsePod: await podParser() }),
      metrics,
      cgroupRoot: member.cgroupRoot,
      version: KUBERNETES_VERSION,
      server: {
        address: '0.0.0.0',
        port: kubeletPort(options, member),
        ...credentials.serving.current(),
        clientCa: credentials.ca,
      },
      onNode: (seen) => network.onNode(seen),
    },
    { client: agentClient, cache },
    ctx,
  );
  credentials.serving.onChange((pair) => running.serveAs(pair));
  network.onSandboxes(async () => (await running.cri.listPodSandboxes({}, ctx)).map((sandbox) => sandbox.id));
  const services = runServices(
    options,
    member,
    addresses,
    clientOf(place, credentials.network, 'kube-proxy/kapella'),
    ctx,
  );
  const volumes = runStorage(member, clientOf(place, credentials.network, 'local-path/kapella'), ctx);
  hooks.onReady?.({ address, kubeletPort: running.port });
  const quiet = collectWhenQuiet(hostGarbage(), ctx);
  await Promise.all([running.done, services, volumes, cacheRun, credentials.run(ctx), quiet]);
}

/** Loaded only where there are such files: the tables of all kinds come with it. */
async function podParser(): Promise<(text: string) => NewObject<Pod>> {
  const { resources } = await import('@kapella/resources');
  const table = resources.find(({ id }) => id.group === '' && id.kind === 'Pod');
  return (text) => {
    const { value } = parseYaml(text);
    const pod = value as NewObject<Pod>;
    if (pod?.kind !== 'Pod' || pod.apiVersion !== 'v1') throw new Error('invalid pod: it is no v1 Pod');
    return (table?.withDefaults?.(pod as never) as NewObject<Pod> | undefined) ?? pod;
  };
}

/** Over a connection that is made anew with each newer certificate. */
function clientOf({ server, credentials }: AgentPlace, pair: LivePair, userAgent: string): Client {
  const transport = createHttpsTransport({
    ...{ server, ca: credentials.ca },
    get cert() {
      return pair.current().cert;
    },
    get key() {
      return pair.current().key;
    },
  });
  pair.onChange(() => transport.reconnect());
  return createClient(transport, { userAgent });
}

/** The usual port in a network of its own and on the first cluster of a machine; others take what is free. */
function kubeletPort(options: ClusterOptions, { cable }: Member): number {
  return cable !== undefined || options.apiPort === 6443 ? KUBELET_PORT : 0;
}

/** The server may be started at the same time: its first refusals are no error. */
async function untilApiAnswers(client: Client, ctx: Ctx): Promise<void> {
  let lastLogMs = ctx.clock.monotonicMs();
  for (;;) {
    try {
      await client.list(coreV1.Service, { limit: 1 }, ctx);
      return;
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (isReason(error, 'Unauthorized')) throw error;
      const wrongTime = clockError(error, ctx.clock.nowMs());
      if (wrongTime !== undefined) throw wrongTime;
      if (ctx.clock.monotonicMs() - lastLogMs > 5_000) {
        lastLogMs = ctx.clock.monotonicMs();
        ctx.log.info('waiting for the API server', { cause: describeError(error) });
      }
      await sleep(API_RETRY_MS, ctx);
    }
  }
}

/** Sets up the Pod network once the node has its piece of it. */
function createNetwork(options: ClusterOptions, { runtime, ipamDir }: Member, ctx: Ctx) {
  let podCidrs = '';
  let liveSandboxIds: (() => Promise<string[]>) | undefined;

  async function setUp(podCIDRs: readonly string[]): Promise<void> {
    const uplinkBytes = await uplinkMtuBytes(ctx);
    await setUpPodNetwork(
      {
        backend: cniBackends.ptp,
        binDir: runtime.cniBinDir,
        confDir: runtime.cniConfDir,
        network: {
          clusterName: options.name,
          podCIDRs,
          clusterCIDRs: [...networksOf(options.podCidr), ...cableNetworks(options)],
          mtuBytes: options.podNetwork === 'vxlan' ? uplinkBytes - TUNNEL_BYTES : uplinkBytes,
          ipamDir,
        },
      },
      ctx,
    );
    ctx.log.info('pod network ready', { podCidrs: podCIDRs.join() });
    const ids = await liveSandboxIds?.();
    if (ids !== undefined)
      await freeLeakedAddresses({ ipamDir, clusterName: options.name, liveSandboxIds: new Set(ids) }, ctx);
  }

  return {
    onNode(node: Node): void {
      const cidrs = podCIDRsOf(node);
      if (cidrs.length === 0 || cidrs.join() === podCidrs) return;
      podCidrs = cidrs.join();
      setUp(cidrs).catch((error) => {
        podCidrs = '';
        ctx.log.error('pod network not set up', { podCidrs: cidrs.join(), error: describeError(error) });
      });
    },
    onSandboxes(list: () => Promise<string[]>): void {
      liveSandboxIds = list;
    },
  };
}

/** Volumes of the default StorageClass, on an identity that sees no Pods and no Secrets. */
async function runStorage({ nodeName, dataDir }: Member, client: Client, ctx: Ctx): Promise<void> {
  const dir = `${dataDir}/local-path`;
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const cache = createCache(client);
  const backend = createLocalPath({ dir, hostname: nodeName }, hostDisk);
  await Promise.all([runProvisioner({ nodeName, backend }, { client, cache }, ctx), cache.run(ctx)]);
}

/** Service rules and DNS, on an identity that sees Services and nothing else. */
async function runServices(
  options: ClusterOptions,
  { nodeName }: Member,
  addresses: readonly [string, ...string[]],
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const cache = createCache(client);
  const services = cache.informer(coreV1.Service);
  const endpointSlices = cache.informer(discoveryV1.EndpointSlice);
  const namespaces = cache.informer(coreV1.Namespace);
  const pods = cache.informer(coreV1.Pod, { fieldSelector: `spec.nodeName=${nodeName}` });
  await keepWays(options, nodeName, cache.informer(coreV1.Node), ctx);
  const [address] = addresses;
  const proxyNode = {
    name: nodeName,
    nodePortAddresses: addresses,
    podCIDRs: networksOf(options.podCidr),
    families: familiesOf(options),
  };
  const backend = createNftablesBackend({ clusterName: options.name, node: proxyNode });
  const dns = await startDns(
    {
      address,
      port: 0,
      allowedCIDRs: [...networksOf(options.podCidr), ...cableNetworks(options), `${address}/32`, '127.0.0.0/8'],
      sources: { services, endpointSlices, namespaces },
      clusterDomain: options.clusterDomain,
      resolvConfPath: options.resolvConf,
    },
    ctx,
  );
  ctx.signal.addEventListener('abort', () => void dns.close(), { once: true });
  await Promise.all([
    cache.run(ctx),
    runProxy({ services, endpointSlices, pods, backend, node: proxyNode }, ctx),
    publishDns(client, nodeName, dns.address, dns.port, ctx),
  ]);
}

const familiesOf = ({ podCidr }: ClusterOptions): readonly ('IPv4' | 'IPv6')[] =>
  ipv6Of(podCidr) === undefined ? ['IPv4'] : ['IPv4', 'IPv6'];

/** In a cluster without IPv6 nothing is said of it. */
async function addressesFor(options: ClusterOptions): Promise<readonly [string, ...string[]]> {
  const [first, ...others] = await machineAddresses();
  return ipv6Of(options.podCidr) === undefined ? [first] : [first, ...others];
}

/** How Pods of this node reach those of others: straight by their nodes where these are neighbours, or by a tunnel. */
async function keepWays(options: ClusterOptions, ownName: string, nodes: Informer<Node>, ctx: Ctx): Promise<void> {
  if (options.podNetwork === 'vxlan') {
    const keeper = createTunnelKeeper(ctx);
    const mtuBytes = (await uplinkMtuBytes(ctx)) - TUNNEL_BYTES;
    onChange(nodes, () => planTunnel(nodes.list(), ownName, { ...tunnelOf(options), mtuBytes }), keeper.want);
  } else {
    onChange(nodes, () => planRoutes(nodes.list(), ownName), createRouteKeeper(familiesOf(options), ctx).want);
  }
}

/** Nodes change with each of their heartbeats, what follows from them seldom. */
function onChange<T>(nodes: Informer<Node>, plan: () => T | undefined, want: (plan: T) => void): void {
  let last = '';
  const update = () => {
    const next = plan();
    const key = JSON.stringify(next) ?? '';
    if (next !== undefined && key !== last) want(next);
    last = key;
  };
  nodes.subscribe({ add: update, update, delete: update });
}

/** Says where this node's DNS server listens; the port changes with each start. */
async function publishDns(client: Client, nodeName: string, address: string, port: number, ctx: Ctx): Promise<void> {
  const slice = dnsEndpointSlice({ nodeName, address, port });
  const options = { fieldManager: 'kapella-dns', force: true };
  while (!ctx.signal.aborted) {
    try {
      const name = { name: slice.metadata.name as string, namespace: slice.metadata.namespace as string };
      await client.patch(discoveryV1.EndpointSlice, name, { type: 'apply', body: slice }, ctx, options);
      return;
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('DNS address not published', { error: describeError(error) });
      await sleep(1_000, ctx).catch(() => {});
    }
  }
}
