/** What the agent's /metrics says of Pods and volumes when it is asked. Source: kubernetes pkg/kubelet/metrics/collectors. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { MetricsRegistry } from '@kapella/base';
import { isStatic } from '../lifecycle/priority.ts';
import type { ObservedPod } from '../lifecycle/observed.ts';
import type { VolumeStats } from '../stats/summary.ts';

export interface MeteredWorker {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly phase: string;
  readonly isActive: boolean;
}

export interface NodeMetricsDeps {
  readonly nodeName: string;
  readonly cgroupVersion: 1 | 2;
  readonly version: string;
  workers(): readonly MeteredWorker[];
  /** As last measured. */
  claims(): readonly VolumeStats[];
}

const LIFECYCLE: Readonly<Record<string, string>> = {
  running: 'sync',
  terminating: 'terminating',
  finished: 'terminated',
  gone: 'terminated',
};

const STATES = ['created', 'running', 'exited', 'unknown'] as const;

export function addNodeMetrics(r: MetricsRegistry, deps: NodeMetricsDeps): void {
  const { workers } = deps;
  const count = (pick: (worker: MeteredWorker) => boolean) => workers().filter(pick).length;
  r.gauge('kubelet_node_name', "The node's name. The count is always 1.", ['node']).set([deps.nodeName], 1);
  r.readGauge('kubelet_cgroup_version', 'cgroup version on the hosts.', () => deps.cgroupVersion);
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(deps.version) ?? [];
  const build = "A metric with a constant '1' value labeled by major, minor and git version.";
  r.gauge('kubernetes_build_info', build, ['git_version', 'major', 'minor']).set([deps.version, major, minor], 1);
  r.readGauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox', () =>
    count(({ observed }) => observed.sandboxes.some(({ ready }) => ready)),
  );
  r.readEach(
    'kubelet_running_containers',
    'Number of containers currently running',
    'gauge',
    ['container_state'],
    () => {
      const containers = workers().flatMap(({ observed }) => observed.containers);
      return STATES.map((state) => [[state], containers.filter((one) => one.state === state).length] as const);
    },
  );
  const byStatic = (pick: (worker: MeteredWorker) => boolean) => () =>
    [true, false].map((fixed) => [[String(fixed || '')], count((w) => isStatic(w.pod) === fixed && pick(w))] as const);
  r.readEach(
    'kubelet_active_pods',
    'The number of pods the kubelet considers active and which are being considered when admitting ' +
      'new pods. static is true if the pod is not from the apiserver.',
    'gauge',
    ['static'],
    byStatic(({ isActive }) => isActive),
  );
  r.readEach(
    'kubelet_desired_pods',
    'The number of pods the kubelet is being instructed to run. static is true if the pod is not ' +
      'from the apiserver.',
    'gauge',
    ['static'],
    byStatic(({ pod }) => pod.metadata.deletionTimestamp === undefined),
  );
  r.readEach(
    'kubelet_working_pods',
    'Number of pods the kubelet is actually running, broken down by lifecycle phase, whether the pod ' +
      'is desired, orphaned, or runtime only (also orphaned), and whether the pod is static. An ' +
      'orphaned pod has been removed from local configuration or force deleted in the API and consumes ' +
      'resources that are not otherwise visible.',
    'gauge',
    ['lifecycle', 'config', 'static'],
    () => {
      const tallies = new Map<string, number>();
      for (const { phase, pod } of workers()) {
        const key = `${LIFECYCLE[phase] ?? phase}\0desired\0${isStatic(pod) ? 'true' : ''}`;
        tallies.set(key, (tallies.get(key) ?? 0) + 1);
      }
      return [...tallies].map(([key, value]) => [key.split('\0'), value] as const);
    },
  );
  addVolumeMetrics(r, deps);
}

function addVolumeMetrics(r: MetricsRegistry, { claims }: NodeMetricsDeps): void {
  const add = (name: string, help: string, read: (stats: VolumeStats) => number | undefined) =>
    r.readEach(`kubelet_volume_stats_${name}`, help, 'gauge', ['namespace', 'persistentvolumeclaim'], () => {
      const rows = new Map<string, number>();
      for (const stats of claims()) {
        const value = read(stats);
        if (stats.pvcRef === undefined || value === undefined) continue;
        rows.set(`${stats.pvcRef.namespace}\0${stats.pvcRef.name}`, value); // several Pods may use one claim
      }
      return [...rows].map(([key, value]) => [key.split('\0'), value] as const);
    });
  add('capacity_bytes', 'Capacity in bytes of the volume', (s) => s.capacityBytes);
  add('available_bytes', 'Number of available bytes in the volume', (s) => s.availableBytes);
  add('used_bytes', 'Number of used bytes in the volume', (s) => s.usedBytes);
  add('inodes', 'Maximum number of inodes in the volume', (s) => s.inodes);
  add('inodes_free', 'Number of free inodes in the volume', (s) => s.inodesFree);
  add('inodes_used', 'Number of used inodes in the volume', (s) => s.inodesUsed);
}
