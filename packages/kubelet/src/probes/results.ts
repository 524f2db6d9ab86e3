/** From single probe outcomes to the result that counts: thresholds and initial states. Source: …/prober/worker.go. */
import type { Probe } from '@kapella/api/types/core-v1';
import type { ProbeKind, ProbeResult } from '../prober.ts';

export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export function timingOf(probe: Probe): ProbeTiming {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds ?? 10) * 1000,
    timeoutMs: (probe.timeoutSeconds ?? 1) * 1000,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}

/** A container is taken for not ready and not started, but alive, until probed. */
export const INITIAL_RESULT: Readonly<Record<ProbeKind, ProbeResult | undefined>> = {
  readiness: 'failure',
  liveness: 'success',
  startup: undefined,
};

export interface Tally {
  readonly result: ProbeResult | undefined;
  readonly last: ProbeResult | undefined;
  /** How often in a row the last outcome came. */
  readonly run: number;
}

/** The next tally; its `result` changes only when the outcome's threshold is reached. */
export function tally(before: Tally, outcome: ProbeResult, timing: ProbeTiming): Tally {
  const run = before.last === outcome ? before.run + 1 : 1;
  const threshold = outcome === 'success' ? timing.successThreshold : timing.failureThreshold;
  return { result: run >= threshold ? outcome : before.result, last: outcome, run };
}

const TITLES: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

/** Message of the `Unhealthy` event. */
export function unhealthyMessage(kind: ProbeKind, output: string, isError: boolean): string {
  return isError
    ? `${TITLES[kind]} probe errored and resulted in unknown state: ${output}`
    : `${TITLES[kind]} probe failed: ${output}`;
}
