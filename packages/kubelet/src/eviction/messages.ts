/** What users read about an eviction. Source: kubernetes pkg/kubelet/eviction/helpers.go (evictionMessage). */
import { Quantity } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ContainerStats, PodStats } from '../stats/summary.ts';
import type { Observations, Starved } from './plan-eviction.ts';
import { resourceOf, type StarvedResource, type Threshold, thresholdAmount } from './thresholds.ts';

export interface EvictionText {
  readonly message: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const bytes = (amount: number) => Quantity.of(Math.max(0, Math.floor(amount)), 'BinarySI').toString();

const amountText = (resource: StarvedResource, amount: number) =>
  resource === 'memory' || resource === 'ephemeral-storage'
    ? bytes(amount)
    : Quantity.of(Math.floor(amount)).toString();

export function pressureText(
  { resource }: Starved,
  pod: Pod,
  stats: PodStats | undefined,
  met: readonly Threshold[],
  observations: Observations,
): EvictionText {
  let message = `The node was low on resource: ${resource}. `;
  const threshold = met.find(({ signal }) => resourceOf(signal) === resource);
  const seen = threshold === undefined ? undefined : observations.get(threshold.signal);
  if (threshold !== undefined && seen !== undefined) {
    const wanted = thresholdText(threshold, resource, seen.capacity);
    message += `Threshold quantity: ${wanted}, available: ${amountText(resource, seen.available)}. `;
  }
  if (stats === undefined) return { message, annotations: {} };
  const offenders = offendersOf(resource, pod, stats);
  for (const { name, usage, request } of offenders) {
    message += `Container ${name} was using ${usage}, request is ${request}, has larger consumption of ${resource}. `;
  }
  return {
    message,
    annotations: {
      offending_containers: offenders.map(({ name }) => name).join(','),
      offending_containers_usage: offenders.map(({ usage }) => usage).join(','),
      starved_resource: resource,
    },
  };
}

const thresholdText = ({ value }: Threshold, resource: StarvedResource, capacity: number) =>
  amountText(resource, thresholdAmount(value, capacity));

function offendersOf(resource: StarvedResource, { spec }: Pod, stats: PodStats) {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  return stats.containers.flatMap((one) => {
    const container = containers.find(({ name }) => name === one.name);
    const usage = usageOf(resource, one);
    if (container === undefined || usage === undefined) return [];
    const text = container.resources?.requests?.[resource] ?? '0';
    const request = Quantity.parse(text);
    if (Quantity.of(Math.floor(usage)).compare(request) <= 0) return [];
    return [{ name: one.name, usage: bytes(usage), request: request.toString() }];
  });
}

function usageOf(resource: StarvedResource, { memory, rootfs, logs }: ContainerStats): number | undefined {
  if (resource === 'memory') return memory?.workingSetBytes;
  if (resource !== 'ephemeral-storage' || rootfs?.usedBytes === undefined || logs?.usedBytes === undefined) {
    return undefined;
  }
  return rootfs.usedBytes + logs.usedBytes;
}
