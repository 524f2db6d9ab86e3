/** What the runtime is told about a sandbox or container. Source: cri-api api.proto; names camelCase, wire-compatible. */
import type { StringMap } from './cri.ts';

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export interface IdMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

export interface NamespaceOption {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  readonly targetId?: string;
  readonly usernsOptions?: {
    readonly mode: NamespaceMode;
    readonly uids: readonly IdMapping[];
    readonly gids: readonly IdMapping[];
  };
}

export interface SecurityProfile {
  readonly profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost';
  readonly localhostRef?: string;
}

export interface Int64Value {
  readonly value: number;
}

export interface SandboxSecurityContext {
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: Int64Value;
  readonly runAsGroup?: Int64Value;
  readonly supplementalGroups?: readonly number[];
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly privileged: boolean;
  readonly seccomp: SecurityProfile;
}

export interface RuntimeResources {
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds a period; -1 or 0 = unlimited. */
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitInBytes?: number;
  readonly oomScoreAdj?: number;
  readonly memorySwapLimitInBytes?: number;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: StringMap;
  /** `0-1,4`. */
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp: string;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PodSandboxConfig {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly attempt: number;
  };
  /** Absent with host network: the runtime would try to set it. */
  readonly hostname?: string;
  readonly logDirectory: string;
  readonly dnsConfig: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly linux: {
    readonly cgroupParent: string;
    readonly sysctls: StringMap;
    readonly securityContext: SandboxSecurityContext;
    readonly resources?: RuntimeResources;
    readonly overhead?: RuntimeResources;
  };
}

export interface ImageSpec {
  readonly image: string;
  readonly userSpecifiedImage?: string;
}

export interface MountConfig {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly recursiveReadOnly?: boolean;
  readonly propagation: 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';
  readonly image?: ImageSpec;
  readonly imageSubPath?: string;
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

export interface ContainerSecurityContext {
  readonly capabilities?: { readonly addCapabilities: readonly string[]; readonly dropCapabilities: readonly string[] };
  readonly privileged: boolean;
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: Int64Value;
  readonly runAsGroup?: Int64Value;
  readonly runAsUsername?: string;
  readonly readonlyRootfs: boolean;
  readonly supplementalGroups: readonly number[];
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly noNewPrivs: boolean;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly seccomp: SecurityProfile;
}

export interface DeviceConfig {
  readonly containerPath: string;
  /** A device, or a link to one. */
  readonly hostPath: string;
  /** Of `r`, `w` and `m`. */
  readonly permissions: string;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number };
  readonly image: ImageSpec;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly MountConfig[];
  readonly devices?: readonly DeviceConfig[];
  /** Written as the protocol has it. */
  readonly CDIDevices?: readonly { readonly name: string }[];
  readonly labels: StringMap;
  readonly annotations: StringMap;
  /** Relative to the sandbox's log directory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly stopSignal?: string;
  readonly linux: {
    readonly resources: RuntimeResources;
    readonly securityContext: ContainerSecurityContext;
  };
}
