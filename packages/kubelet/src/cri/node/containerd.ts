/** The Cri interface over a runtime's unix socket. Source: cri-api v0.36.3; tried with containerd 1.6 and 2.1. */
import type { Ctx } from '@kapella/base';
import type { PodSandboxConfig } from '../config.ts';
import { type Cri, type CriAuth, type CriImage, CriError, isCriError, type SandboxFilter } from '../cri.ts';
import {
  decodeContainer,
  decodeContainerStats,
  decodeContainerStatus,
  decodeFsUsage,
  decodeImage,
  decodeSandbox,
  decodeSandboxStatus,
} from './decode.ts';
import { createGrpcService, type GrpcService, loadProto, type Wire } from './grpc.ts';
import { watchRuntime } from './watch.ts';

const CALL_MS = 120_000; // upstream's runtimeRequestTimeout
const SANDBOX_MS = 240_000; // CNI may be slow: upstream doubles it

const POD_UID_LABEL = 'io.kubernetes.pod.uid';

export interface CriDriverOptions {
  /** Absolute path of the unix socket. */
  readonly socket: string;
}

/** Connects lazily: creating it never fails, calls throw `unavailable` while nothing listens. */
export function createCri({ socket }: CriDriverOptions): Cri {
  const api = loadProto('./api.proto') as Wire;
  const containerd = loadProto('./events.proto') as Wire;
  const runtime = createGrpcService(api.runtime.v1.RuntimeService, socket);
  const images = createGrpcService(api.runtime.v1.ImageService, socket);
  const events = createGrpcService(containerd.containerd.services.events.v1.Events, socket);
  return {
    ...sandboxCalls(runtime),
    ...containerCalls(runtime),
    ...streamingCalls(runtime),
    ...imageCalls(images),
    watch: (onEvent, onGap, ctx) => watchRuntime({ runtime, events, subjectOf: subjectOfEvent }, onEvent, onGap, ctx),
    close() {
      runtime.close();
      images.close();
      events.close();
    },
  };
}

/**
 * The container that a task or container event of containerd is about: field 1 in all of them; '' = about none, which is
 * so for the exit of a process that was only executed in a container (field 2 names that process).
 */
export function subjectOfEvent(topic: string, bytes: Uint8Array): string {
  if (bytes[0] !== 0x0a) return '';
  const text = new TextDecoder();
  const end = 2 + (bytes[1] ?? 0); // ids are shorter than 128 bytes
  const subject = text.decode(bytes.subarray(2, end));
  if (topic !== '/tasks/exit' || bytes[end] !== 0x12) return subject;
  const process = text.decode(bytes.subarray(end + 2, end + 2 + (bytes[end + 1] ?? 0)));
  return process === subject ? subject : '';
}

const filterOf = ({ podUid }: SandboxFilter) =>
  podUid === undefined ? {} : { labelSelector: { [POD_UID_LABEL]: podUid } };

async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isCriError(error, 'notFound')) throw error;
  }
}

async function undefinedIfMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isCriError(error, 'notFound')) return undefined;
    throw error;
  }
}

function sandboxCalls(s: GrpcService) {
  return {
    async version(ctx: Ctx) {
      const r = await s.unary('Version', {}, CALL_MS, ctx);
      return {
        runtimeName: r.runtimeName,
        runtimeVersion: r.runtimeVersion,
        runtimeApiVersion: r.runtimeApiVersion,
      };
    },
    async status(ctx: Ctx) {
      const r = await s.unary('Status', {}, CALL_MS, ctx);
      return {
        conditions: (r.status?.conditions ?? []).map((c: Wire) => ({
          type: c.type,
          status: c.status,
          reason: c.reason,
          message: c.message,
        })),
        handlers: (r.runtimeHandlers ?? []).map((h: Wire) => ({
          name: h.name,
          recursiveReadOnlyMounts: h.features?.recursiveReadOnlyMounts ?? false,
          userNamespaces: h.features?.userNamespaces ?? false,
        })),
        supplementalGroupsPolicy: r.features?.supplementalGroupsPolicy ?? false,
      };
    },
    async runPodSandbox(config: PodSandboxConfig, runtimeHandler: string, ctx: Ctx) {
      return (await s.unary('RunPodSandbox', { config, runtimeHandler }, SANDBOX_MS, ctx)).podSandboxId as string;
    },
    stopPodSandbox: (id: string, ctx: Ctx) =>
      ignoreMissing(s.unary('StopPodSandbox', { podSandboxId: id }, CALL_MS, ctx)),
    removePodSandbox: (id: string, ctx: Ctx) =>
      ignoreMissing(s.unary('RemovePodSandbox', { podSandboxId: id }, CALL_MS, ctx)),
    async podSandboxStatus(id: string, ctx: Ctx) {
      const r = await undefinedIfMissing(s.unary('PodSandboxStatus', { podSandboxId: id }, CALL_MS, ctx));
      return r?.status ? decodeSandboxStatus(r.status) : undefined;
    },
    async listPodSandboxes(filter: SandboxFilter, ctx: Ctx) {
      const r = await s.unary('ListPodSandbox', { filter: filterOf(filter) }, CALL_MS, ctx);
      return (r.items as Wire[]).map(decodeSandbox);
    },
  };
}

function containerCalls(s: GrpcService) {
  return {
    async createContainer(sandboxId: string, config: Wire, sandboxConfig: PodSandboxConfig, ctx: Ctx) {
      const envs = config.envs.map((e: Wire) => ({ key: e.key, value: Buffer.from(e.value) }));
      const request = { podSandboxId: sandboxId, config: { ...config, envs }, sandboxConfig };
      return (await s.unary('CreateContainer', request, CALL_MS, ctx)).containerId as string;
    },
    async startContainer(id: string, ctx: Ctx) {
      await s.unary('StartContainer', { containerId: id }, CALL_MS, ctx);
    },
    stopContainer: (id: string, timeoutSeconds: number, ctx: Ctx) =>
      ignoreMissing(
        s.unary('StopContainer', { containerId: id, timeout: timeoutSeconds }, CALL_MS + timeoutSeconds * 1000, ctx),
      ),
    removeContainer: (id: string, ctx: Ctx) =>
      ignoreMissing(s.unary('RemoveContainer', { containerId: id }, CALL_MS, ctx)),
    async listContainers(filter: SandboxFilter, ctx: Ctx) {
      const r = await s.unary('ListContainers', { filter: filterOf(filter) }, CALL_MS, ctx);
      return (r.containers as Wire[]).map(decodeContainer);
    },
    async containerStatus(id: string, ctx: Ctx) {
      const r = await undefinedIfMissing(s.unary('ContainerStatus', { containerId: id }, CALL_MS, ctx));
      return r?.status ? decodeContainerStatus(r.status) : undefined;
    },
    async updateContainerResources(id: string, linux: object, ctx: Ctx) {
      await s.unary('UpdateContainerResources', { containerId: id, linux }, CALL_MS, ctx);
    },
    async reopenContainerLog(id: string, ctx: Ctx) {
      await s.unary('ReopenContainerLog', { containerId: id }, CALL_MS, ctx);
    },
    async execSync(id: string, cmd: readonly string[], timeoutSeconds: number, ctx: Ctx) {
      // The runtime ends the command at its own time-out; ours is a little later, so that its answer is the one seen.
      const deadlineMs = timeoutSeconds === 0 ? 0 : timeoutSeconds * 1000 + 5000;
      const r = await s.unary('ExecSync', { containerId: id, cmd, timeout: timeoutSeconds }, deadlineMs, ctx);
      return { stdout: r.stdout as Uint8Array, stderr: r.stderr as Uint8Array, exitCode: r.exitCode as number };
    },
    async checkpointContainer(containerId: string, location: string, timeout: number, ctx: Ctx) {
      await s.unary('CheckpointContainer', { containerId, location, timeout }, CALL_MS, ctx);
    },
    async listContainerStats(ctx: Ctx) {
      const r = await s.unary('ListContainerStats', { filter: {} }, CALL_MS, ctx);
      return (r.stats as Wire[]).map(decodeContainerStats);
    },
  };
}

function streamingCalls(s: GrpcService) {
  const url = async (method: string, request: object, ctx: Ctx) => {
    const answer = await s.unary(method, request, CALL_MS, ctx);
    if (!answer.url) throw new CriError('unknown', 'Internal', `the runtime answered ${method} without a URL`);
    return answer.url as string;
  };
  return {
    exec: (request: object, ctx: Ctx) => url('Exec', request, ctx),
    attach: (request: object, ctx: Ctx) => url('Attach', request, ctx),
    portForward: (sandboxId: string, ports: readonly number[], ctx: Ctx) =>
      url('PortForward', { podSandboxId: sandboxId, port: ports }, ctx),
  };
}

function imageCalls(s: GrpcService) {
  return {
    async listImages(ctx: Ctx): Promise<readonly CriImage[]> {
      return ((await s.unary('ListImages', {}, CALL_MS, ctx)).images as Wire[]).map(decodeImage);
    },
    async imageStatus(image: string, ctx: Ctx) {
      const r = await s.unary('ImageStatus', { image: { image } }, CALL_MS, ctx);
      return r.image ? decodeImage(r.image) : undefined;
    },
    async pullImage(image: string, auth: CriAuth | undefined, sandboxConfig: PodSandboxConfig | undefined, ctx: Ctx) {
      const request = { image: { image }, ...(auth && { auth }), ...(sandboxConfig && { sandboxConfig }) };
      return (await s.unary('PullImage', request, 0, ctx)).imageRef as string;
    },
    async removeImage(image: string, ctx: Ctx) {
      await s.unary('RemoveImage', { image: { image } }, CALL_MS, ctx);
    },
    async imageFsInfo(ctx: Ctx) {
      return ((await s.unary('ImageFsInfo', {}, CALL_MS, ctx)).imageFilesystems as Wire[]).map(decodeFsUsage);
    },
  };
}
