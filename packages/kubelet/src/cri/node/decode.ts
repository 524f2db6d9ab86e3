/** Protobuf answers of the runtime into the types of cri.ts: nanoseconds (64-bit, as text) become milliseconds. */
import type {
  CriContainer,
  CriContainerStats,
  CriContainerStatus,
  CriFsUsage,
  CriImage,
  CriSandbox,
  CriSandboxStatus,
  RuntimeContainerState,
} from '../cri.ts';
import type { Wire } from './grpc.ts';

const CONTAINER_STATES: Readonly<Record<string, RuntimeContainerState>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
};

/** `1700000000123456789` to 1700000000123: a number cannot hold nanoseconds. */
export const nanosToMs = (nanos: string | undefined): number =>
  nanos === undefined || nanos === '0' ? 0 : Number(nanos.slice(0, -6));

const count = (value: Wire): number => (value === null || value === undefined ? 0 : Number(value.value));

export function decodeSandbox(w: Wire): CriSandbox {
  return {
    id: w.id,
    podUid: w.metadata?.uid ?? '',
    podName: w.metadata?.name ?? '',
    podNamespace: w.metadata?.namespace ?? '',
    attempt: w.metadata?.attempt ?? 0,
    state: w.state === 'SANDBOX_READY' ? 'ready' : 'notReady',
    createdAtMs: nanosToMs(w.createdAt),
    labels: w.labels ?? {},
    annotations: w.annotations ?? {},
  };
}

export function decodeSandboxStatus(w: Wire): CriSandboxStatus {
  const primary: string = w.network?.ip ?? '';
  const others: string[] = (w.network?.additionalIps ?? []).map((entry: Wire) => entry.ip);
  return {
    ...decodeSandbox(w),
    ips: primary === '' ? [] : [primary, ...others],
    hostNetwork: w.linux?.namespaces?.options?.network === 'NODE',
  };
}

export function decodeContainer(w: Wire): CriContainer {
  return {
    id: w.id,
    sandboxId: w.podSandboxId,
    name: w.metadata?.name ?? '',
    state: CONTAINER_STATES[w.state] ?? 'unknown',
    createdAtMs: nanosToMs(w.createdAt),
    labels: w.labels ?? {},
    annotations: w.annotations ?? {},
  };
}

export function decodeContainerStatus(w: Wire): CriContainerStatus {
  const user = w.user?.linux;
  return {
    id: w.id,
    name: w.metadata?.name ?? '',
    attempt: w.metadata?.attempt ?? 0,
    state: CONTAINER_STATES[w.state] ?? 'unknown',
    createdAtMs: nanosToMs(w.createdAt),
    startedAtMs: nanosToMs(w.startedAt),
    finishedAtMs: nanosToMs(w.finishedAt),
    exitCode: w.exitCode ?? 0,
    image: w.image?.userSpecifiedImage || w.image?.image || '',
    imageRef: w.imageRef ?? '',
    reason: w.reason ?? '',
    message: w.message ?? '',
    labels: w.labels ?? {},
    annotations: w.annotations ?? {},
    mounts: (w.mounts ?? []).map((m: Wire) => ({ containerPath: m.containerPath, hostPath: m.hostPath })),
    logPath: w.logPath ?? '',
    ...(user
      ? {
          user: {
            uid: Number(user.uid),
            gid: Number(user.gid),
            supplementalGroups: (user.supplementalGroups ?? []).map(Number),
          },
        }
      : {}),
  };
}

export function decodeImage(w: Wire): CriImage {
  return {
    id: w.id,
    repoTags: w.repoTags ?? [],
    repoDigests: w.repoDigests ?? [],
    sizeBytes: Number(w.size ?? 0),
    ...(w.uid ? { uid: Number(w.uid.value) } : {}),
    username: w.username ?? '',
    pinned: w.pinned ?? false,
  };
}

export function decodeFsUsage(w: Wire): CriFsUsage {
  return { mountpoint: w.fsId?.mountpoint ?? '', usedBytes: count(w.usedBytes), inodesUsed: count(w.inodesUsed) };
}

export function decodeContainerStats(w: Wire): CriContainerStats {
  const { cpu, memory } = w;
  return {
    id: w.attributes?.id ?? '',
    name: w.attributes?.metadata?.name ?? '',
    labels: w.attributes?.labels ?? {},
    ...(cpu
      ? {
          cpu: {
            timestampMs: nanosToMs(cpu.timestamp),
            usageCoreNanoSeconds: String(cpu.usageCoreNanoSeconds?.value ?? '0'),
            ...(cpu.usageNanoCores ? { usageNanoCores: count(cpu.usageNanoCores) } : {}),
          },
        }
      : {}),
    ...(memory
      ? {
          memory: {
            timestampMs: nanosToMs(memory.timestamp),
            workingSetBytes: count(memory.workingSetBytes),
            usageBytes: count(memory.usageBytes),
            rssBytes: count(memory.rssBytes),
            pageFaults: count(memory.pageFaults),
            majorPageFaults: count(memory.majorPageFaults),
          },
        }
      : {}),
    ...(w.writableLayer ? { writableLayer: decodeFsUsage(w.writableLayer) } : {}),
  };
}
