/** What happens in one run, as plain data: it can be printed, shortened and run again. */
import type { Random } from '@kapella/base';

/** Something a user does. */
export interface Step {
  readonly atMs: number;
  readonly op: string;
  readonly [argument: string]: string | number | boolean;
}

/** Something that goes wrong; ended by `forMs`. */
export interface FaultStep {
  readonly atMs: number;
  readonly fault: FaultKind;
  readonly forMs: number;
  readonly target: string;
  readonly amount: number;
}

export const FAULT_KINDS = [
  'latency',
  'lose-requests',
  'lose-answers',
  'partition',
  'drop-watches',
  'cut-watches',
  'server-errors',
  'api-crash',
  'api-crash-mid-write',
  'component-crash',
  'component-crash-mid-request',
  'node-agent-restart',
  'slow-disk',
  'full-disk',
  'compact',
  'clock-skew',
  'stale-reads',
  'lagging-watches',
  'late-answers',
  'repeated-reads',
  'api-crash-any-await',
  'component-crash-any-await',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];
/** Those that seeds of the scenario `mixed` draw from: more would make other plans of seeds that once found something. */
export const FIRST_FAULT_KINDS = FAULT_KINDS.slice(0, 17);

export interface Plan {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  /** Steps and faults lie within it; what follows is the time to come to rest. */
  readonly durationMs: number;
  readonly steps: readonly Step[];
  readonly faults: readonly FaultStep[];
  /** false: only checkers that look on are there, not those that ask the server all the time. Absent: all. */
  readonly actors?: boolean;
}

const TARGETS = ['kube-scheduler', 'kube-controller-manager'];

/** `count` faults spread over `durationMs`, each over within a tenth of it. */
export function planFaults(
  count: number,
  durationMs: number,
  nodes: number,
  random: Random,
  kinds: readonly FaultKind[] = FAULT_KINDS,
): FaultStep[] {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.float() * items.length)] as T;
  const faults = Array.from({ length: count }, (): FaultStep => {
    const fault = pick(kinds);
    const node = `hollow-${Math.floor(random.float() * nodes)}`;
    const target = fault === 'node-agent-restart' ? node : pick([...TARGETS, node]);
    return {
      atMs: Math.floor(random.float() * durationMs * 0.9),
      fault,
      forMs: Math.floor(1_000 + random.float() * Math.min(durationMs * 0.1, 30_000)),
      target,
      amount: Math.floor(random.float() * 1000) / 1000,
    };
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}
