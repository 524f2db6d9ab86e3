/** The whole `status` of a Pod. Source: kubernetes pkg/kubelet/kubelet_pods.go (generateAPIPodStatus). */
import type { ContainerStatus, Pod, PodStatus } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import type { PendingResize, ResizeInProgress } from './allocation.ts';
import { podConditions } from './conditions.ts';
import { containerStatuses, type StatusInput } from './container-status.ts';
import type { ContainerKind } from './observed.ts';
import { phaseOf } from './phase.ts';
import { computeQos } from './qos.ts';
import { withReadiness } from './readiness.ts';

export interface PodStatusInput extends StatusInput {
  readonly nowMs: number;
  /** Everything has been stopped for good. */
  readonly terminal: boolean;
  /** Addresses of the node, the primary one first. */
  readonly hostIps: readonly string[];
  /** Set when the agent itself ends the Pod: deadline, eviction, rejection. */
  readonly verdict?: { readonly reason: string; readonly message: string };
  /** What the spec asks for and the node does not give: `pod` has what it gives. */
  readonly pendingResize?: PendingResize;
  readonly resizeInProgress?: ResizeInProgress;
  /** The agent ends the Pod for the node's sake. */
  readonly disruption?: string;
  /** A container may still run: the phase must not become terminal yet. */
  readonly mayRun: boolean;
}

const isOver = (phase: PodStatus['phase']) => phase === 'Succeeded' || phase === 'Failed';

export interface ComposedStatus {
  readonly status: PodStatus;
  /** The containers have come to their end, even if the phase does not say so yet. */
  readonly over: boolean;
}

export function composePodStatus(input: PodStatusInput): ComposedStatus {
  const { pod, previous } = input;
  const now = formatTime(input.nowMs);
  const init = readyStatuses('init', input);
  const main = readyStatuses('main', input);
  const ephemeral = readyStatuses('ephemeral', input);
  const statuses = [...init, ...main];
  const { phase, reason, message, over } = decidePhase(input, statuses);
  const generation = pod.metadata.generation;
  const status: PodStatus = {
    ...(generation === undefined || generation === 0 ? {} : { observedGeneration: generation }),
    phase,
    conditions: podConditions({
      pod,
      observed: input.observed,
      statuses,
      phase: phase ?? 'Pending',
      previous: previous?.conditions ?? [],
      now,
      ...(input.pendingResize === undefined ? {} : { pendingResize: input.pendingResize }),
      ...(input.resizeInProgress === undefined ? {} : { resizeInProgress: input.resizeInProgress }),
      ...(input.disruption === undefined ? {} : { disruption: input.disruption }),
    }),
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    ...addresses(input, isOver(phase)),
    startTime: pod.status?.startTime ?? previous?.startTime ?? now,
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
    qosClass: pod.status?.qosClass ?? computeQos(pod.spec),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    ...kept(pod),
  };
  return { status, over };
}

/** Fields of others that a whole-status comparison must not lose. */
function kept({ status }: Pod): Partial<PodStatus> {
  const { resourceClaimStatuses, nominatedNodeName, extendedResourceClaimStatus } = status ?? {};
  return {
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(extendedResourceClaimStatus === undefined ? {} : { extendedResourceClaimStatus }),
  };
}

function readyStatuses(kind: ContainerKind, input: PodStatusInput): readonly ContainerStatus[] {
  const { pod, previous } = input;
  const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers, ...(pod.spec.ephemeralContainers ?? [])];
  const old = [...(previous?.initContainerStatuses ?? []), ...(previous?.containerStatuses ?? [])];
  return containerStatuses(kind, input).map((status) => {
    const container = spec.find(({ name }) => name === status.name);
    if (container === undefined) return status;
    const before = old.find(({ name }) => name === status.name);
    return withReadiness(kind, container, status, before, input.probes);
  });
}

type PhaseVerdict = Pick<PodStatus, 'phase' | 'reason' | 'message'> & { readonly over: boolean };

function decidePhase(input: PodStatusInput, statuses: readonly ContainerStatus[]): PhaseVerdict {
  const { pod, previous, verdict, observed } = input;
  const mains = new Set(pod.spec.containers.map(({ name }) => name));
  const sandboxId = observed.sandboxes[0]?.id;
  const initialized = observed.containers.some((c) => c.sandboxId === sandboxId && mains.has(c.name));
  let phase = phaseOf({ pod, statuses, terminal: input.terminal, initialized });
  if (verdict !== undefined) phase = 'Failed';
  const before = [previous?.phase, pod.status?.phase].find(isOver);
  if (before !== undefined) phase = before;
  // Who sees a Pod as over may reuse what it had exclusively: not before its last process has gone.
  const over = isOver(phase);
  if (over && before === undefined && input.mayRun) {
    return { phase: previous?.phase ?? 'Pending', ...reasonOf(previous), over };
  }
  if (verdict !== undefined) return { phase, ...verdict, over };
  return phase === previous?.phase ? { phase, ...reasonOf(previous), over } : { phase, over };
}

function reasonOf(status: PodStatus | undefined): Pick<PodStatus, 'reason' | 'message'> {
  return {
    ...(status?.reason === undefined ? {} : { reason: status.reason }),
    ...(status?.message === undefined ? {} : { message: status.message }),
  };
}

function addresses({ pod, observed, hostIps, previous }: PodStatusInput, over: boolean): Partial<PodStatus> {
  const [hostIP] = hostIps;
  const host = hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((ip) => ({ ip })) };
  const ips = podIpsOf(pod, observed.sandboxes[0]?.ips ?? [], hostIps);
  if (ips.length > 0) return { ...host, podIP: ips[0] as string, podIPs: ips.map((ip) => ({ ip })) };
  // A Pod that is over had an address: it stays readable after the sandbox is gone.
  if ((over || pod.metadata.deletionTimestamp !== undefined) && previous?.podIP !== undefined) {
    return { ...host, podIP: previous.podIP, ...(previous.podIPs === undefined ? {} : { podIPs: previous.podIPs }) };
  }
  return host;
}

export const podIpsOf = (pod: Pod, sandboxIps: readonly string[], hostIps: readonly string[]): readonly string[] =>
  pod.spec.hostNetwork === true ? hostIps : sandboxIps;
