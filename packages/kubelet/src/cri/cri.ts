/** The container runtime as the node agent sees it. Source: k8s.io/cri-api runtime/v1 api.proto, camelCase names. */
import type { Ctx } from '@kapella/base';
import type { ContainerConfig, PodSandboxConfig, RuntimeResources } from './config.ts';

export type SandboxState = 'ready' | 'notReady';
export type RuntimeContainerState = 'created' | 'running' | 'exited' | 'unknown';
export type StringMap = Readonly<Record<string, string>>;

export interface CriVersion {
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** Of the interface: `v1`. */
  readonly runtimeApiVersion: string;
}

export interface CriRuntimeCondition {
  /** `RuntimeReady`, `NetworkReady`. */
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface CriRuntimeHandler {
  /** '' is the default handler. */
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface CriStatus {
  readonly conditions: readonly CriRuntimeCondition[];
  readonly handlers: readonly CriRuntimeHandler[];
  readonly supplementalGroupsPolicy: boolean;
}

export interface CriSandbox {
  readonly id: string;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly attempt: number;
  readonly state: SandboxState;
  readonly createdAtMs: number;
  readonly labels: StringMap;
  readonly annotations: StringMap;
}

export interface CriSandboxStatus extends CriSandbox {
  /** First the primary one; empty with host network. */
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
}

export interface CriContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly state: RuntimeContainerState;
  readonly createdAtMs: number;
  readonly labels: StringMap;
  readonly annotations: StringMap;
}

export interface CriMount {
  readonly containerPath: string;
  readonly hostPath: string;
}

export interface CriContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
}

export interface CriContainerStatus extends Omit<CriContainer, 'sandboxId'> {
  readonly attempt: number;
  /** 0 until started. */
  readonly startedAtMs: number;
  /** 0 until exited. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** The name the image was asked for by. */
  readonly image: string;
  /** Digested reference. */
  readonly imageRef: string;
  readonly reason: string;
  readonly message: string;
  readonly mounts: readonly CriMount[];
  readonly logPath: string;
  readonly user?: CriContainerUser;
}

export interface CriImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** Numeric user of the image's config. */
  readonly uid?: number;
  readonly username: string;
  readonly pinned: boolean;
}

export interface CriAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface CriExecResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

export interface CriFsUsage {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

export interface CriCpuUsage {
  readonly timestampMs: number;
  readonly usageCoreNanoSeconds: string;
  readonly usageNanoCores?: number;
}

export interface CriMemoryUsage {
  readonly timestampMs: number;
  readonly workingSetBytes: number;
  readonly usageBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
}

export interface CriContainerStats {
  readonly id: string;
  readonly name: string;
  readonly labels: StringMap;
  readonly cpu?: CriCpuUsage;
  readonly memory?: CriMemoryUsage;
  readonly writableLayer?: CriFsUsage;
}

export interface CriExecRequest {
  readonly containerId: string;
  readonly cmd: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export type CriAttachRequest = Omit<CriExecRequest, 'cmd'>;

/** Something about a container or sandbox changed: look again. */
export interface CriEvent {
  /** Container or sandbox id. */
  readonly id: string;
  readonly type: 'created' | 'started' | 'stopped' | 'deleted' | 'unknown';
  /** Where the runtime says it; '' = unknown. */
  readonly podUid: string;
}

export interface SandboxFilter {
  readonly podUid?: string;
}

/** Every call throws CriError. Reads answer undefined for what does not exist; stops and removals of such succeed. */
export interface Cri {
  version(ctx: Ctx): Promise<CriVersion>;
  status(ctx: Ctx): Promise<CriStatus>;
  runPodSandbox(config: PodSandboxConfig, runtimeHandler: string, ctx: Ctx): Promise<string>;
  stopPodSandbox(id: string, ctx: Ctx): Promise<void>;
  removePodSandbox(id: string, ctx: Ctx): Promise<void>;
  podSandboxStatus(id: string, ctx: Ctx): Promise<CriSandboxStatus | undefined>;
  listPodSandboxes(filter: SandboxFilter, ctx: Ctx): Promise<readonly CriSandbox[]>;
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig, ctx: Ctx): Promise<string>;
  startContainer(id: string, ctx: Ctx): Promise<void>;
  /** SIGTERM (or the stop signal), then SIGKILL after `timeoutSeconds`; settles when the container is gone. */
  stopContainer(id: string, timeoutSeconds: number, ctx: Ctx): Promise<void>;
  removeContainer(id: string, ctx: Ctx): Promise<void>;
  /** Writes the state of a running container to `location`, a file on the runtime's host. `timeoutSeconds` 0 = its own. */
  checkpointContainer(id: string, location: string, timeoutSeconds: number, ctx: Ctx): Promise<void>;
  listContainers(filter: SandboxFilter, ctx: Ctx): Promise<readonly CriContainer[]>;
  containerStatus(id: string, ctx: Ctx): Promise<CriContainerStatus | undefined>;
  updateContainerResources(id: string, resources: RuntimeResources, ctx: Ctx): Promise<void>;
  reopenContainerLog(id: string, ctx: Ctx): Promise<void>;
  /** `timeoutSeconds` 0 = none. A time-out is CriError `deadlineExceeded`. */
  execSync(id: string, cmd: readonly string[], timeoutSeconds: number, ctx: Ctx): Promise<CriExecResult>;
  /** URLs of the runtime's own streaming server. */
  exec(request: CriExecRequest, ctx: Ctx): Promise<string>;
  attach(request: CriAttachRequest, ctx: Ctx): Promise<string>;
  portForward(sandboxId: string, ports: readonly number[], ctx: Ctx): Promise<string>;
  listImages(ctx: Ctx): Promise<readonly CriImage[]>;
  imageStatus(image: string, ctx: Ctx): Promise<CriImage | undefined>;
  /** Answers the reference of what was pulled. */
  pullImage(image: string, auth: CriAuth | undefined, sandbox: PodSandboxConfig | undefined, ctx: Ctx): Promise<string>;
  removeImage(image: string, ctx: Ctx): Promise<void>;
  imageFsInfo(ctx: Ctx): Promise<readonly CriFsUsage[]>;
  listContainerStats(ctx: Ctx): Promise<readonly CriContainerStats[]>;
  /**
   * Calls `onEvent` for each change until `ctx` aborts; resumes by itself. `onGap` is called when events may have been
   * missed (first connection, reconnection, or each relist period where the runtime has no events): list everything then.
   */
  watch(onEvent: (event: CriEvent) => void, onGap: () => void, ctx: Ctx): Promise<void>;
  close(): void;
}

export type CriErrorCode =
  | 'notFound'
  | 'alreadyExists'
  | 'deadlineExceeded'
  | 'unavailable'
  | 'unimplemented'
  | 'cancelled'
  | 'unknown';

export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code: CriErrorCode;
  /** gRPC's name of the code: upstream prints it in events. */
  readonly grpcCode: string;
  /** The runtime's words alone. */
  readonly description: string;

  constructor(code: CriErrorCode, grpcCode: string, description: string, cause?: unknown) {
    super(`rpc error: code = ${grpcCode} desc = ${description}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.grpcCode = grpcCode;
    this.description = description;
  }
}

export const isCriError = (error: unknown, ...codes: readonly CriErrorCode[]): error is CriError =>
  error instanceof CriError && (codes.length === 0 || codes.includes(error.code));
