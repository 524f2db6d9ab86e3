/** The Node object: what it has and how it is. Pure. Source: kubernetes pkg/kubelet/nodestatus/setters.go. */
import type { NewObject } from '@kapella/api';
import type { ContainerImage, Node, NodeAddress, NodeCondition, NodeStatus, Taint } from '@kapella/api/types/core-v1';
import type { NodeAmounts } from './allocatable.ts';
import type { CriImage, CriStatus, CriVersion } from '../cri/cri.ts';

const IMAGE_NAMES_MAX = 5;
/** Of those that the scheduler asks a node about. Source: component-helpers/nodedeclaredfeatures. */
const DECLARED_FEATURES = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];

/** What does not change while the machine is up. */
export interface MachineFacts {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly operatingSystem: string;
  /** Go's name: amd64, arm64. */
  readonly architecture: string;
  readonly diskBytes: number;
  /** `2Mi`, and bytes of that size in all. */
  readonly hugepages: readonly { readonly size: string; readonly bytes: number }[];
  readonly hasMemoryCgroup: boolean;
  /** Absent or 0: none. */
  readonly swapBytes?: number;
}

export interface NodeIdentity {
  readonly name: string;
  readonly ips: readonly string[];
  readonly hostname: string;
  readonly version: string;
  readonly port: number;
  readonly podsMax: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly podCidrs: readonly string[];
  readonly providerId?: string;
}

export interface RuntimeView {
  readonly version: CriVersion | undefined;
  readonly status: CriStatus | undefined;
  readonly images: readonly CriImage[];
  /** Why the runtime does not answer; '' when it does. */
  readonly error: string;
}

export interface NodeStatusInput {
  readonly identity: NodeIdentity;
  readonly machine: MachineFacts;
  /** What the node is short of. */
  readonly pressures: ReadonlySet<string>;
  readonly amounts: NodeAmounts;
  readonly runtime: RuntimeView;
  readonly previous: NodeStatus | undefined;
  /** RFC 3339. */
  readonly now: string;
  /** Of the list of images, largest first; -1 = all. Default 50. */
  readonly imagesMax?: number;
  /** The machine goes down. */
  readonly isShuttingDown?: boolean;
}

export function newNode(identity: NodeIdentity, machine: MachineFacts, status: NodeStatus): NewObject<Node> {
  const { name, podCidrs, providerId, taints } = identity;
  const { operatingSystem: os, architecture: arch } = machine;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': arch,
        'beta.kubernetes.io/os': os,
        'kubernetes.io/arch': arch,
        'kubernetes.io/hostname': identity.hostname,
        'kubernetes.io/os': os,
        ...identity.labels,
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      ...(podCidrs.length === 0 ? {} : { podCIDR: podCidrs[0] as string, podCIDRs: podCidrs }),
      ...(providerId === undefined ? {} : { providerID: providerId }),
      ...(taints.length === 0 ? {} : { taints }),
    },
    status,
  };
}

export function nodeStatus(input: NodeStatusInput): NodeStatus {
  const { identity, machine, runtime } = input;
  const addresses: NodeAddress[] = [
    ...identity.ips.map((address) => ({ type: 'InternalIP', address })),
    { type: 'Hostname', address: identity.hostname },
  ];
  const { version, status } = runtime;
  return {
    capacity: input.amounts.capacity,
    allocatable: input.amounts.allocatable,
    addresses,
    conditions: conditions(input),
    daemonEndpoints: { kubeletEndpoint: { Port: identity.port } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion:
        version === undefined ? 'unknown' : `${version.runtimeName}://${version.runtimeVersion.replace(/^v/, '')}`,
      kubeletVersion: identity.version,
      kubeProxyVersion: '',
      operatingSystem: machine.operatingSystem,
      architecture: machine.architecture,
      ...(machine.swapBytes ? { swap: { capacity: machine.swapBytes } } : {}),
    },
    images: imageList(runtime.images, input.imagesMax ?? 50),
    ...(status?.handlers.length
      ? {
          runtimeHandlers: status.handlers.map(({ name, recursiveReadOnlyMounts, userNamespaces }) => ({
            name,
            features: { recursiveReadOnlyMounts, userNamespaces },
          })),
        }
      : {}),
    declaredFeatures: DECLARED_FEATURES,
    ...(status === undefined ? {} : { features: { supplementalGroupsPolicy: status.supplementalGroupsPolicy } }),
  };
}

function imageList(images: readonly CriImage[], imagesMax: number): readonly ContainerImage[] {
  const largestFirst = images.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  const shown = imagesMax < 0 ? largestFirst : largestFirst.slice(0, imagesMax);
  return shown.map(({ repoDigests, repoTags, sizeBytes }) => ({
    names: [...repoDigests, ...repoTags].slice(0, IMAGE_NAMES_MAX),
    sizeBytes,
  }));
}

type Verdict = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditions(input: NodeStatusInput): readonly NodeCondition[] {
  const { previous, now, pressures } = input;
  const memory = pressures.has('MemoryPressure');
  const disk = pressures.has('DiskPressure');
  const pids = pressures.has('PIDPressure');
  const verdicts: Verdict[] = [
    memory
      ? {
          type: 'MemoryPressure',
          status: 'True',
          reason: 'KubeletHasInsufficientMemory',
          message: 'kubelet has insufficient memory available',
        }
      : {
          type: 'MemoryPressure',
          status: 'False',
          reason: 'KubeletHasSufficientMemory',
          message: 'kubelet has sufficient memory available',
        },
    disk
      ? { type: 'DiskPressure', status: 'True', reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' }
      : {
          type: 'DiskPressure',
          status: 'False',
          reason: 'KubeletHasNoDiskPressure',
          message: 'kubelet has no disk pressure',
        },
    pids
      ? {
          type: 'PIDPressure',
          status: 'True',
          reason: 'KubeletHasInsufficientPID',
          message: 'kubelet has insufficient PID available',
        }
      : {
          type: 'PIDPressure',
          status: 'False',
          reason: 'KubeletHasSufficientPID',
          message: 'kubelet has sufficient PID available',
        },
    readyVerdict(input.runtime, input.isShuttingDown === true),
  ];
  return verdicts.map((verdict) => {
    const old = previous?.conditions?.find(({ type }) => type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status ? (old.lastTransitionTime ?? now) : now;
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime };
  });
}

function readyVerdict({ status, error }: RuntimeView, isShuttingDown: boolean): Verdict {
  const problems = error === '' ? [] : [`container runtime is down: ${error}`];
  for (const type of ['RuntimeReady', 'NetworkReady']) {
    const found = status?.conditions.find((condition) => condition.type === type);
    if (status === undefined || found?.status === true) continue;
    const what = type === 'RuntimeReady' ? 'container runtime not ready' : 'container runtime network not ready';
    problems.push(`${what}: ${type}=false reason:${found?.reason ?? 'Unknown'} message:${found?.message ?? ''}`);
  }
  if (isShuttingDown) problems.push('node is shutting down');
  if (problems.length === 0) {
    return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };
  }
  const message = problems.length === 1 ? (problems[0] as string) : `[${problems.join(', ')}]`;
  return { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message };
}

/** Everything but the times of heartbeats. */
export function withoutHeartbeats(status: NodeStatus): NodeStatus {
  const bare = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...rest }) => rest);
  return { ...status, conditions: bare };
}
