/** `kapella node`: the agent, Pod network, Service rules and cluster DNS of this machine in one process. */
import { mkdir } from 'node:fs/promises';
import { coreV1, discoveryV1, type NewObject, parseYaml } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { addressAt, type ClusterOptions } from '@kapella/cli';
import { type Client, createCache, createClient, type Informer } from '@kapella/client';
import { createHttpsTransport } from '@kapella/client/node';
import { cniBackends, planRoutes } from '@kapella/cni';
import { createRouteKeeper, freeLeakedAddresses, setUpPodNetwork, uplinkMtuBytes } from '@kapella/cni/node';
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
import { apiServerOf, cableNetwork, type Member } from '../../cluster/members.ts';
import { addCostMetrics } from '../../server/node/process-metrics.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import { PAUSE_IMAGE } from '../../host/containerd-config.ts';
import { primaryAddress } from './host-address.ts';
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
  const address = (await primaryAddress()) ?? '127.0.0.1';
  const credentials = await memberCredentials(options, member.nodeName, address, ctx);
  const place = { server: apiServerOf(options, member), address, credentials };
  await runAgentAt(place, options, member, hooks, ctx);
}

/** Where an agent is and who it is. */
export interface AgentPlace {
  /** URL of the API server. */
  readonly server: string;
  /** Of this machine, for the other nodes. */
  readonly address: string;
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
  const { address, credentials } = place;
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
      nodeIps: [address],
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
    address,
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
  let podCidr: string | undefined;
  let liveSandboxIds: (() => Promise<string[]>) | undefined;

  async function setUp(cidr: string): Promise<void> {
    await setUpPodNetwork(
      {
        backend: cniBackends.ptp,
        binDir: runtime.cniBinDir,
        confDir: runtime.cniConfDir,
        network: {
          clusterName: options.name,
          podCIDRs: [cidr],
          clusterCIDRs: [options.podCidr, cableNetwork(options)],
          mtuBytes: await uplinkMtuBytes(ctx),
          ipamDir,
        },
      },
      ctx,
    );
    ctx.log.info('pod network ready', { podCidr: cidr });
    const ids = await liveSandboxIds?.();
    if (ids !== undefined)
      await freeLeakedAddresses({ ipamDir, clusterName: options.name, liveSandboxIds: new Set(ids) }, ctx);
  }

  return {
    onNode(node: Node): void {
      const cidr = node.spec.podCIDR;
      if (cidr === undefined || cidr === podCidr) return;
      podCidr = cidr;
      setUp(cidr).catch((error) => {
        podCidr = undefined;
        ctx.log.error('pod network not set up', { podCidr: cidr, error: describeError(error) });
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
  address: string,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const cache = createCache(client);
  const services = cache.informer(coreV1.Service);
  const endpointSlices = cache.informer(discoveryV1.EndpointSlice);
  const namespaces = cache.informer(coreV1.Namespace);
  const pods = cache.informer(coreV1.Pod, { fieldSelector: `spec.nodeName=${nodeName}` });
  keepRoutes(nodeName, cache.informer(coreV1.Node), ctx);
  const proxyNode = {
    name: nodeName,
    nodePortAddresses: [address],
    podCIDRs: [options.podCidr],
    families: ['IPv4' as const],
  };
  const backend = createNftablesBackend({ clusterName: options.name, node: proxyNode });
  const dns = await startDns(
    {
      address,
      port: 0,
      allowedCIDRs: [options.podCidr, cableNetwork(options), `${address}/32`, '127.0.0.0/8'],
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

/** Pods of neighbouring nodes are reached without a tunnel. */
function keepRoutes(ownName: string, nodes: Informer<Node>, ctx: Ctx): void {
  const keeper = createRouteKeeper(ctx);
  let last = '';
  const update = () => {
    const routes = planRoutes(nodes.list(), ownName);
    const key = JSON.stringify(routes);
    if (key !== last) keeper.want(routes);
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
