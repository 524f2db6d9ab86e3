/** When a node is short of something. Source: kubernetes pkg/kubelet/eviction/helpers.go, types.go. */
import { parseDurationMs, quantityValue } from '@kapella/api';
import type { KubeletConfig } from '../config/kubelet-config.ts';

export const SIGNALS = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'containerfs.available',
  'containerfs.inodesFree',
  'pid.available',
  'allocatableMemory.available',
] as const;
export type Signal = (typeof SIGNALS)[number];

/** What is reclaimed, by the name that messages have. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

export const resourceOf = (signal: Signal): StarvedResource => {
  if (signal === 'memory.available' || signal === 'allocatableMemory.available') return 'memory';
  if (signal === 'pid.available') return 'pids';
  return signal.endsWith('inodesFree') ? 'inodes' : 'ephemeral-storage';
};

export const conditionOf = (signal: Signal): PressureCondition => {
  const resource = resourceOf(signal);
  if (resource === 'memory') return 'MemoryPressure';
  return resource === 'pids' ? 'PIDPressure' : 'DiskPressure';
};

/** An amount, or a share of the capacity. */
export type ThresholdValue = { readonly amount: number } | { readonly fraction: number };

export interface Threshold {
  readonly signal: Signal;
  readonly value: ThresholdValue;
  /** 0 = hard: Pods are ended at once. */
  readonly gracePeriodMs: number;
  readonly minReclaim?: ThresholdValue;
}

export const thresholdAmount = (value: ThresholdValue, capacity: number): number =>
  'amount' in value ? value.amount : Math.floor(capacity * value.fraction);

type Texts = Readonly<Record<string, string>>;

/** Throws an Error that names what is wrong. */
export function parseThresholds(config: KubeletConfig): readonly Threshold[] {
  const reclaims = new Map(
    Object.entries(config.evictionMinimumReclaim).map(([s, v]) => [signalOf(s), amountIn(s, v)]),
  );
  const graces = new Map(Object.entries(config.evictionSoftGracePeriod).map(([s, v]) => [signalOf(s), graceOf(s, v)]));
  const read = (texts: Texts, grace: (signal: Signal) => number): Threshold[] =>
    Object.entries(texts).flatMap(([name, text]) => {
      const signal = signalOf(name);
      const value = amountIn(name, text);
      // 0 % and 100 % mean that the signal is not to count.
      if ('fraction' in value && (value.fraction === 0 || value.fraction === 1)) return [];
      const minReclaim = reclaims.get(signal);
      return [{ signal, value, gracePeriodMs: grace(signal), ...(minReclaim === undefined ? {} : { minReclaim }) }];
    });
  const hard = read(config.evictionHard, () => 0);
  const soft = read(config.evictionSoft, (signal) => {
    const grace = graces.get(signal);
    if (grace === undefined)
      throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`);
    return grace;
  });
  const memory = hard.filter(({ signal }) => signal === 'memory.available');
  const enforced = config.enforceNodeAllocatable.includes('pods');
  const allocatable = enforced ? memory.map((one) => ({ ...one, signal: 'allocatableMemory.available' as const })) : [];
  return [...hard, ...soft, ...allocatable];
}

function signalOf(name: string): Signal {
  const known = SIGNALS.find((signal) => signal === name);
  if (known === undefined) throw new Error(`unsupported eviction signal ${name}`);
  return known;
}

function amountIn(signal: string, text: string): ThresholdValue {
  if (text.endsWith('%')) {
    const percent = Number(text.slice(0, -1));
    if (!(percent >= 0 && percent <= 100))
      throw new Error(`eviction percentage threshold ${signal} must be >= 0% and <= 100%`);
    return { fraction: percent / 100 };
  }
  const amount = quantityValue(text);
  if (amount < 0) throw new Error(`eviction threshold ${signal} must not be negative`);
  return { amount };
}

function graceOf(signal: string, text: string): number {
  const grace = parseDurationMs(text);
  if (grace === undefined || grace < 0) throw new Error(`invalid eviction grace period specified: ${signal}=${text}`);
  return grace;
}
