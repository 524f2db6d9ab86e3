/** /metrics/resource: what metrics-server reads. Source: kubernetes pkg/kubelet/metrics/collectors/resource_metrics.go. */
import { createMetricsRegistry, type MetricsRegistry, parseTime } from '@kapella/base';
import type { NodeStats, PodStats, Summary } from '../stats/summary.ts';

const NANOS = 1e9;

export function resourceMetricsText({ node, pods }: Summary): string {
  const r = createMetricsRegistry();
  nodeSeries(r, node);
  podSeries(r, pods);
  containerSeries(r, pods);
  const failed = '1 if there was an error while getting container metrics, 0 otherwise';
  for (const name of ['resource_scrape_error', 'scrape_error']) r.gauge(name, failed, []).set([], 0);
  return r.text();
}

function nodeSeries(r: MetricsRegistry, { cpu, memory, swap }: NodeStats): void {
  const cpuHelp = 'Cumulative cpu time consumed by the node in core-seconds';
  const swapHelp = 'Current swap usage of the node in bytes. Reported only on non-windows systems';
  if (cpu !== undefined) {
    const seconds = cpu.usageCoreNanoSeconds / NANOS;
    r.gauge('node_cpu_usage_seconds_total', cpuHelp, [], 'counter').set([], seconds);
  }
  if (memory !== undefined) {
    const help = 'Current working set of the node in bytes';
    r.gauge('node_memory_working_set_bytes', help, []).set([], memory.workingSetBytes);
  }
  if (swap?.swapUsageBytes !== undefined) r.gauge('node_swap_usage_bytes', swapHelp, []).set([], swap.swapUsageBytes);
}

function podSeries(r: MetricsRegistry, pods: readonly PodStats[]): void {
  const labels = ['pod', 'namespace'];
  const cpuHelp = 'Cumulative cpu time consumed by the pod in core-seconds';
  const cpu = r.gauge('pod_cpu_usage_seconds_total', cpuHelp, labels, 'counter');
  const memory = r.gauge('pod_memory_working_set_bytes', 'Current working set of the pod in bytes', labels);
  const swapHelp = 'Current amount of the pod swap usage in bytes. Reported only on non-windows systems';
  const swap = r.gauge('pod_swap_usage_bytes', swapHelp, labels);
  for (const pod of pods) {
    const of = [pod.podRef.name, pod.podRef.namespace];
    if (pod.cpu !== undefined) cpu.set(of, pod.cpu.usageCoreNanoSeconds / NANOS);
    if (pod.memory !== undefined) memory.set(of, pod.memory.workingSetBytes);
    if (pod.swap?.swapUsageBytes !== undefined) swap.set(of, pod.swap.swapUsageBytes);
  }
}

function containerSeries(r: MetricsRegistry, pods: readonly PodStats[]): void {
  const labels = ['container', 'pod', 'namespace'];
  const cpuHelp = 'Cumulative cpu time consumed by the container in core-seconds';
  const cpu = r.gauge('container_cpu_usage_seconds_total', cpuHelp, labels, 'counter');
  const memoryHelp = 'Current working set of the container in bytes';
  const memory = r.gauge('container_memory_working_set_bytes', memoryHelp, labels);
  const startHelp = 'Start time of the container since unix epoch in seconds';
  const start = r.gauge('container_start_time_seconds', startHelp, labels);
  for (const { podRef, containers } of pods) {
    for (const one of containers) {
      // A container without both was read in the midst of its start or end.
      if (one.cpu === undefined || one.memory === undefined) continue;
      const of = [one.name, podRef.name, podRef.namespace];
      cpu.set(of, one.cpu.usageCoreNanoSeconds / NANOS);
      memory.set(of, one.memory.workingSetBytes);
      start.set(of, (parseTime(one.startTime) ?? 0) / 1000);
    }
  }
}
