/** What a node has and what Pods may have of it. Source: kubernetes pkg/kubelet/cm/node_container_manager_linux.go. */
import { Quantity } from '@kapella/api';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { parseThresholds, type Signal, thresholdAmount } from '../eviction/thresholds.ts';
import { parseCpuSet } from '../cpus/cpu-set.ts';
import type { MachineFacts } from './node-object.ts';

type Amounts = Readonly<Record<string, string>>;

export interface NodeAmounts {
  readonly capacity: Amounts;
  readonly allocatable: Amounts;
}

/** Of devices and the like: added to what the machine itself has. */
export type ExtraAmounts = ReadonlyMap<string, { readonly capacity: number; readonly allocatable: number }>;

const kibi = (bytes: number) => `${Math.floor(bytes / 1024)}Ki`;

/** Capacity, less what is kept for the system and what eviction keeps free; never below zero. */
export function nodeAmounts(
  machine: MachineFacts,
  config: KubeletConfig,
  podsMax: number,
  extra: ExtraAmounts = new Map(),
): NodeAmounts {
  const huge = Object.fromEntries(machine.hugepages.map(({ size, bytes }) => [`hugepages-${size}`, bytesText(bytes)]));
  const cpuMilli = allocatableCpuMilli(machine, config);
  const more = (kind: 'capacity' | 'allocatable') =>
    Object.fromEntries([...extra].map(([name, amounts]) => [name, String(amounts[kind])]));
  return {
    capacity: {
      cpu: String(machine.cpuCount),
      memory: kibi(machine.memoryBytes),
      'ephemeral-storage': kibi(machine.diskBytes),
      ...huge,
      pods: String(podsMax),
      ...more('capacity'),
    },
    allocatable: {
      cpu: Quantity.ofMilli(cpuMilli).toString(),
      memory: kibi(allocatableMemoryBytes(machine, config)),
      'ephemeral-storage': String(allocatableDiskBytes(machine, config)),
      ...huge,
      pods: String(podsMax),
      ...more('allocatable'),
    },
  };
}

const bytesText = (bytes: number) => Quantity.of(bytes, 'BinarySI').toString();

function reserved({ kubeReserved, systemReserved }: KubeletConfig, name: string): Quantity {
  return [kubeReserved, systemReserved]
    .map((amounts) => (Object.hasOwn(amounts, name) ? Quantity.parse(amounts[name] as string) : Quantity.zero))
    .reduce((sum, one) => sum.add(one));
}

function kept(config: KubeletConfig, signal: Signal, capacity: number): number {
  const hard = parseThresholds(config).find((one) => one.signal === signal && one.gracePeriodMs === 0);
  return hard === undefined ? 0 : thresholdAmount(hard.value, capacity);
}

export const allocatableCpuMilli = ({ cpuCount }: MachineFacts, config: KubeletConfig): number =>
  Math.max(0, cpuCount * 1000 - reservedCpuMilli(config));

/** A list of processors says it instead of an amount. */
export const reservedCpuMilli = (config: KubeletConfig): number =>
  config.reservedSystemCPUs === ''
    ? reserved(config, 'cpu').milliValue()
    : parseCpuSet(config.reservedSystemCPUs).size * 1000;

/** Places for Pods. */
export const podPlaces = (
  { cpuCount }: Pick<MachineFacts, 'cpuCount'>,
  { maxPods, podsPerCore }: KubeletConfig,
): number => (podsPerCore > 0 ? Math.min(maxPods, cpuCount * podsPerCore) : maxPods);

/** What all Pods together may use, as their common control group enforces it. */
export const podsMemoryBytes = ({ memoryBytes }: MachineFacts, config: KubeletConfig): number =>
  Math.max(0, memoryBytes - reserved(config, 'memory').value());

/** What is reserved, and what eviction keeps free. */
export const keptMemoryBytes = (memoryBytes: number, config: KubeletConfig): number =>
  reserved(config, 'memory').value() + kept(config, 'memory.available', memoryBytes);

export function allocatableMemoryBytes({ memoryBytes, hugepages }: MachineFacts, config: KubeletConfig): number {
  const huge = hugepages.reduce((sum, { bytes }) => sum + bytes, 0);
  return Math.max(0, memoryBytes - huge - keptMemoryBytes(memoryBytes, config));
}

export function allocatableDiskBytes({ diskBytes }: MachineFacts, config: KubeletConfig): number {
  const held = reserved(config, 'ephemeral-storage').value() + kept(config, 'nodefs.available', diskBytes);
  return Math.max(0, diskBytes - held);
}
