/** What the node agent's HTTPS server (src/server) needs of the Pod manager. Source: kubernetes pkg/kubelet/server. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';

export interface ContainerLogLocation {
  /** Absolute path of the CRI log file; rotated pieces lie beside it (`0.log.<time>[.gz]`). */
  readonly path: string;
  readonly containerId: string;
  readonly running: boolean;
}

export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Throws ApiError with upstream's wording (NotFound, BadRequest). Containers may be init or ephemeral ones. */
export interface NodeServerSource {
  /** Pods bound to this node, with the status as last computed here. */
  pods(): readonly Pod[];
  /** `uid` '' = any. */
  podByName(namespace: string, name: string, uid: string): Pod | undefined;
  containerLog(
    namespace: string,
    pod: string,
    container: string,
    previous: boolean,
    ctx: Ctx,
  ): Promise<ContainerLogLocation>;
  /** Runs to the end and answers its output (the `run` endpoint). */
  runInContainer(
    namespace: string,
    pod: string,
    container: string,
    cmd: readonly string[],
    ctx: Ctx,
  ): Promise<Uint8Array>;
  /** URLs of the runtime's streaming server (on this node's loopback). `container` '' = the only or default one. */
  execUrl(
    namespace: string,
    pod: string,
    container: string,
    cmd: readonly string[],
    o: StreamOptions,
    ctx: Ctx,
  ): Promise<string>;
  attachUrl(namespace: string, pod: string, container: string, options: StreamOptions, ctx: Ctx): Promise<string>;
  portForwardUrl(namespace: string, pod: string, ports: readonly number[], ctx: Ctx): Promise<string>;
}
