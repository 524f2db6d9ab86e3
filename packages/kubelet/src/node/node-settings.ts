/** What follows from the machine and the configuration, once, when the agent starts. */
import type { Ctx } from '@kapella/base';
import { KUBELET_CONFIG_DEFAULTS, type KubeletConfig } from '../config/kubelet-config.ts';
import { parseResolvConf } from '../container/dns.ts';
import type { SwapHost } from '../container/swap.ts';
import type { Cri } from '../cri/cri.ts';
import { checkedVersion } from '../cri/version-check.ts';
import { hostFiles } from '../host/node/host-files.ts';
import type { NodeSettings } from '../pods/deps.ts';
import {
  allocatableCpuMilli,
  allocatableDiskBytes,
  allocatableMemoryBytes,
  podPlaces,
} from '../registration/allocatable.ts';
import type { MachineFacts, NodeIdentity } from '../registration/node-object.ts';
import type { ReportRhythm } from '../registration/node-reporter.ts';
import { canLowerOomScore, readSwapCgroups } from './host-facts.ts';
import type { NodeOptions } from './run-node.ts';

const OOM_SCORE_MIN = -999;

export const dirsOf = (dataDir: string) => ({
  podsDir: `${dataDir}/pods`,
  logsDir: `${dataDir}/logs`,
  memoryDir: `${dataDir}/memory`,
  seccompDir: `${dataDir}/seccomp`,
  pluginsDir: `${dataDir}/plugins_registry`,
});

export async function nodeSettings(
  options: NodeOptions,
  machine: MachineFacts,
  cri: Cri,
  ctx: Ctx,
): Promise<NodeSettings> {
  const [version, status] = await Promise.all([checkedVersion(cri, ctx), cri.status(ctx)]);
  const resolvConf = await hostFiles.read(options.resolvConf ?? '/etc/resolv.conf');
  const { podsDir, logsDir, seccompDir } = dirsOf(options.dataDir);
  const config = options.config ?? KUBELET_CONFIG_DEFAULTS;
  const plain = status.handlers.find(({ name }) => name === '');
  return {
    nodeName: options.nodeName,
    hostIps: options.nodeIps,
    clusterDns: options.clusterDns,
    clusterDomain: options.clusterDomain,
    hostDns: parseResolvConf(new TextDecoder().decode(resolvConf)),
    podsDir,
    logsDir,
    seccompDir,
    limits: {
      nodeMemoryBytes: machine.memoryBytes,
      oomScoreAdjMin: (await canLowerOomScore()) ? OOM_SCORE_MIN : 0,
      cpuQuota: config.cpuCFSQuota,
      swap: await swapHost(machine, config),
    },
    allocatable: {
      cpuMilli: allocatableCpuMilli(machine, config),
      memoryBytes: allocatableMemoryBytes(machine, config),
      ephemeralBytes: allocatableDiskBytes(machine, config),
    },
    podsMax: podPlaces(machine, config),
    crashLoopMaxMs: config.crashLoopMaxBackOffMs,
    runtimeName: version.runtimeName,
    seccompDefault: config.seccompDefault,
    recursiveReadOnly: plain?.recursiveReadOnlyMounts ?? false,
    imageVolumes: Number.parseInt(version.runtimeVersion.replace(/^v/, ''), 10) >= 2,
  };
}

/** Throws when the administrator wants no swap on the machine, and it has some. */
async function swapHost(machine: MachineFacts, config: KubeletConfig): Promise<SwapHost> {
  const { memoryBytes: nodeMemoryBytes, swapBytes: nodeSwapBytes = 0 } = machine;
  if (config.failSwapOn && nodeSwapBytes > 0) {
    throw new Error('running with swap on is not supported, please disable swap or set failSwapOn to false');
  }
  return { cgroups: await readSwapCgroups(), behavior: config.swapBehavior, nodeMemoryBytes, nodeSwapBytes };
}

export function identityOf(options: NodeOptions, port: number): NodeIdentity {
  const { config = KUBELET_CONFIG_DEFAULTS } = options;
  const providerId = options.providerId ?? config.providerID;
  return {
    name: options.nodeName,
    ips: options.nodeIps,
    hostname: options.nodeName,
    version: options.version,
    port,
    podsMax: config.maxPods,
    labels: { 'kubernetes.io/hostname': options.nodeName, ...options.labels },
    taints: [...(options.taints ?? []), ...config.registerWithTaints],
    podCidrs: options.podCidrs ?? [],
    ...(providerId === '' ? {} : { providerId }),
  };
}

/** Who sets how often the node is looked at, and not how often it reports, means both. */
export function rhythmOf(config: KubeletConfig): ReportRhythm {
  const { nodeStatusUpdateFrequencyMs: lookMs, nodeStatusReportFrequencyMs } = config;
  const isDefault = lookMs === KUBELET_CONFIG_DEFAULTS.nodeStatusUpdateFrequencyMs;
  const reportMs = nodeStatusReportFrequencyMs ?? (isDefault ? 300_000 : lookMs);
  return { lookMs, reportMs, leaseSeconds: config.nodeLeaseDurationSeconds, imagesMax: config.nodeStatusMaxImages };
}
