/** What the Pod workers ask of the probe engine. Source: kubernetes pkg/kubelet/prober. The engine is in src/probes. */
import type { Container, Pod } from '@kapella/api/types/core-v1';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';
export type ProbeResult = 'success' | 'failure';

export interface ProbedContainer {
  readonly spec: Container;
  /** The runtime's id without scheme. A new id means a new instance: its results start afresh. */
  readonly containerId: string;
  readonly startedAtMs: number;
}

export interface ProbeTarget {
  readonly pod: Pod;
  /** '' until the sandbox has one; the node's own with host network. */
  readonly podIp: string;
  /** Running containers (sidecars too) that have a probe; ephemeral ones never. */
  readonly containers: readonly ProbedContainer[];
}

/**
 * Runs the probes. Liveness and readiness start only when the startup probe (if any) has succeeded.
 * It records the `Unhealthy` and `ProbeWarning` events itself; the workers record `Killing`.
 */
export interface Prober {
  /** The whole truth about one Pod: starts what is new, goes on with what is known, stops what is gone. Idempotent, quick. */
  sync(target: ProbeTarget): void;
  /** While a Pod terminates only its readiness is of interest. */
  stopLivenessAndStartup(podUid: string): void;
  remove(podUid: string): void;
  /** After thresholds; undefined = not probed yet in this process (or no such probe). Synchronous. */
  result(containerId: string, kind: ProbeKind): ProbeResult | undefined;
  /** `fn` is called after any result changed. */
  onChange(fn: (podUid: string) => void): void;
}

/** For nodes whose containers are not probed (tests, hollow nodes): everything with a probe passes at once. */
export const passingProber: Prober = {
  sync: () => {},
  stopLivenessAndStartup: () => {},
  remove: () => {},
  result: () => 'success',
  onChange: () => {},
};
