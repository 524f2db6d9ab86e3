/** `started` and `ready` of each container. Source: kubernetes pkg/kubelet/prober/prober_manager.go (UpdatePodStatus). */
import type { ContainerStatus, Probe } from '@kapella/api/types/core-v1';
import type { ContainerKind } from './observed.ts';
import { type AnyContainer, isSidecar } from './observed.ts';
import type { ProbeResults } from './plan.ts';

export function withReadiness(
  kind: ContainerKind,
  container: AnyContainer,
  status: ContainerStatus,
  old: ContainerStatus | undefined,
  probes: ProbeResults,
): ContainerStatus {
  if (kind === 'ephemeral') return status;
  // Results do not survive a restart of the agent: until the first probe what was reported of this instance stays.
  const kept = old !== undefined && old.containerID === status.containerID ? old : undefined;
  const running = status.state?.running !== undefined;
  const id = bareId(status.containerID);
  const passes = (probe: Probe | undefined, which: 'startup' | 'readiness', before: boolean | undefined) =>
    probe === undefined || (probes(id, which) ?? (before === true ? 'success' : 'failure')) === 'success';
  const started = running && passes(container.startupProbe, 'startup', kept?.started);
  if (kind === 'init' && !isSidecar(container)) {
    return { ...status, started, ready: status.state?.terminated?.exitCode === 0 };
  }
  return { ...status, started, ready: started && passes(container.readinessProbe, 'readiness', kept?.ready) };
}

/** `containerd://abc` to `abc`. */
export const bareId = (containerID: string | undefined): string =>
  containerID === undefined ? '' : containerID.slice(containerID.indexOf('://') + 3);
