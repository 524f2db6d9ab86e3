/** /metrics/cadvisor: containers by the names that dashboards know. Source: google/cadvisor metrics/prometheus.go. */
import { quantityMilli, quantityValue } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { createMetricsRegistry, type Gauge, parseTime } from '@kapella/base';
import { CPU_PERIOD_US, milliToQuota, milliToShares } from '../container/resources.ts';
import type { ObservedPod } from '../lifecycle/observed.ts';
import { findContainer, latest } from '../lifecycle/observed.ts';
import type { CpuStats, FsStats, MemoryStats, NetworkStats, PsiStats, Summary } from '../stats/summary.ts';

const NANOS = 1e9;
const LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const;

export interface CadvisorInput {
  readonly summary: Summary;
  /** Its Pods, by uid. */
  readonly pods: ReadonlyMap<string, { readonly pod: Pod; readonly observed: ObservedPod }>;
  cgroupOf(pod: Pod): string;
  readonly machine: { readonly cpuCount: number; readonly memoryBytes: number; readonly machineId: string };
  readonly nowMs: number;
  readonly version: string;
}

export function cadvisorMetricsText(input: CadvisorInput): string {
  const series = createSeries();
  const { node, pods } = input.summary;
  const root = ['', '/', '', '', '', ''];
  series.seen(root, input.nowMs, parseTime(node.startTime));
  series.usage(root, node.cpu, node.memory);
  series.network(root, node.network);
  series.disk(root, node.fs);
  for (const stats of pods) {
    const found = input.pods.get(stats.podRef.uid);
    if (found === undefined) continue;
    const { name, namespace } = stats.podRef;
    const cgroup = input.cgroupOf(found.pod);
    const ofPod = ['', cgroup, '', '', namespace, name];
    series.seen(ofPod, input.nowMs, parseTime(stats.startTime));
    series.usage(ofPod, stats.cpu, stats.memory);
    series.network(ofPod, stats.network);
    if (stats.process_stats !== undefined) series.processes.set(ofPod, stats.process_stats.process_count);
    for (const one of stats.containers) {
      const seen = latest(found.observed, one.name);
      const labels = [one.name, `${cgroup}/${seen?.id ?? ''}`, seen?.image ?? '', seen?.id ?? '', namespace, name];
      series.seen(labels, input.nowMs, parseTime(one.startTime));
      series.usage(labels, one.cpu, one.memory);
      series.disk(labels, one.rootfs);
      series.limits(labels, findContainer(found.pod.spec, one.name)?.container.resources);
    }
  }
  return series.text(input);
}

type Labels = readonly string[];

function createSeries() {
  const r = createMetricsRegistry();
  const gauge = (name: string, help: string, more: readonly string[] = []) => r.gauge(name, help, [...LABELS, ...more]);
  const counter = (name: string, help: string, more: readonly string[] = []) =>
    r.gauge(name, help, [...LABELS, ...more], 'counter');
  const usage = usageSeries(gauge, counter);
  const lastSeen = gauge('container_last_seen', 'Last time a container was seen by the exporter');
  const startTime = gauge('container_start_time_seconds', 'Start time of the container since unix epoch in seconds.');
  const fsUsage = gauge(
    'container_fs_usage_bytes',
    'Number of bytes that are consumed by the container on this filesystem.',
    ['device'],
  );
  const fsLimit = gauge(
    'container_fs_limit_bytes',
    'Number of bytes that can be consumed by the container on this filesystem.',
    ['device'],
  );
  const inodesFree = gauge('container_fs_inodes_free', 'Number of available Inodes', ['device']);
  const inodes = gauge('container_fs_inodes_total', 'Number of Inodes', ['device']);
  return {
    ...usage,
    ...networkSeries(counter),
    ...limitSeries(gauge),
    processes: gauge('container_processes', 'Number of processes running inside the container.'),
    seen(labels: Labels, nowMs: number, startMs: number | undefined) {
      lastSeen.set(labels, Math.floor(nowMs / 1000));
      if (startMs !== undefined) startTime.set(labels, startMs / 1000);
    },
    disk(labels: Labels, fs: FsStats | undefined) {
      if (fs === undefined) return;
      const of = [...labels, ''];
      if (fs.usedBytes !== undefined) fsUsage.set(of, fs.usedBytes);
      if (fs.capacityBytes !== undefined) fsLimit.set(of, fs.capacityBytes);
      if (fs.inodesFree !== undefined) inodesFree.set(of, fs.inodesFree);
      if (fs.inodes !== undefined) inodes.set(of, fs.inodes);
    },
    text({ machine, version }: CadvisorInput) {
      const of = [machine.machineId];
      r.gauge('machine_cpu_cores', 'Number of logical CPU cores.', ['machine_id']).set(of, machine.cpuCount);
      r.gauge('machine_memory_bytes', 'Amount of memory installed on the machine.', ['machine_id']).set(
        of,
        machine.memoryBytes,
      );
      const info =
        "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.";
      r.gauge('cadvisor_version_info', info, ['cadvisorVersion']).set([version], 1);
      return r.text();
    },
  };
}

type Make = (name: string, help: string, more?: readonly string[]) => Gauge;

function usageSeries(gauge: Make, counter: Make) {
  const cpu = counter('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', ['cpu']);
  const usageBytes = gauge(
    'container_memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
  );
  const workingSet = gauge('container_memory_working_set_bytes', 'Current working set in bytes.');
  const rss = gauge('container_memory_rss', 'Size of RSS in bytes.');
  const failures = counter('container_memory_failures_total', 'Cumulative count of memory allocation failures.', [
    'failure_type',
    'scope',
  ]);
  const pressure = (what: string) => ({
    waiting: counter(
      `container_pressure_${what}_waiting_seconds_total`,
      `Total time duration tasks in the container have waited due to ${what} congestion.`,
    ),
    stalled: counter(
      `container_pressure_${what}_stalled_seconds_total`,
      `Total time duration no tasks in the container could make progress due to ${what} congestion.`,
    ),
  });
  const pressures = { cpu: pressure('cpu'), memory: pressure('memory') };
  const setPressure = (of: (typeof pressures)['cpu'], labels: Labels, psi: PsiStats | undefined) => {
    if (psi === undefined) return;
    of.waiting.set(labels, psi.some.total / NANOS);
    of.stalled.set(labels, psi.full.total / NANOS);
  };
  return {
    usage(labels: Labels, cpuStats: CpuStats | undefined, memory: MemoryStats | undefined) {
      if (cpuStats !== undefined) cpu.set([...labels, 'total'], cpuStats.usageCoreNanoSeconds / NANOS);
      setPressure(pressures.cpu, labels, cpuStats?.psi);
      if (memory === undefined) return;
      setPressure(pressures.memory, labels, memory.psi);
      workingSet.set(labels, memory.workingSetBytes);
      if (memory.usageBytes !== undefined) usageBytes.set(labels, memory.usageBytes);
      if (memory.rssBytes !== undefined) rss.set(labels, memory.rssBytes);
      if (memory.pageFaults !== undefined) failures.set([...labels, 'pgfault', 'hierarchy'], memory.pageFaults);
      if (memory.majorPageFaults !== undefined) {
        failures.set([...labels, 'pgmajfault', 'hierarchy'], memory.majorPageFaults);
      }
    },
  };
}

function networkSeries(counter: Make) {
  const make = (name: string, help: string) => counter(`container_network_${name}`, help, ['interface']);
  const rxBytes = make('receive_bytes_total', 'Cumulative count of bytes received');
  const rxErrors = make('receive_errors_total', 'Cumulative count of errors encountered while receiving');
  const txBytes = make('transmit_bytes_total', 'Cumulative count of bytes transmitted');
  const txErrors = make('transmit_errors_total', 'Cumulative count of errors encountered while transmitting');
  return {
    network(labels: Labels, stats: NetworkStats | undefined) {
      for (const one of stats?.interfaces ?? []) {
        const of = [...labels, one.name];
        rxBytes.set(of, one.rxBytes);
        rxErrors.set(of, one.rxErrors);
        txBytes.set(of, one.txBytes);
        txErrors.set(of, one.txErrors);
      }
    },
  };
}

type Resources = {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
};

function limitSeries(gauge: Make) {
  const memoryLimit = gauge('container_spec_memory_limit_bytes', 'Memory limit for the container.');
  const period = gauge('container_spec_cpu_period', 'CPU period of the container.');
  const quota = gauge('container_spec_cpu_quota', 'CPU quota of the container.');
  const shares = gauge('container_spec_cpu_shares', 'CPU share of the container.');
  return {
    limits(labels: Labels, resources: Resources | undefined) {
      const { limits = {}, requests = {} } = resources ?? {};
      const milli = (of: Readonly<Record<string, string>>) => (of['cpu'] === undefined ? 0 : quantityMilli(of['cpu']));
      memoryLimit.set(labels, limits['memory'] === undefined ? 0 : quantityValue(limits['memory']));
      period.set(labels, CPU_PERIOD_US);
      shares.set(labels, milliToShares(milli(requests) || milli(limits)));
      if (milli(limits) > 0) quota.set(labels, milliToQuota(milli(limits)));
    },
  };
}
