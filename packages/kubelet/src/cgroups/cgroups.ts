/** The tree of control groups of a node's Pods. Source: kubernetes pkg/kubelet/cm. cgroupfs names, v1 and v2 alike. */
import type { Pod, PodQOSClass } from '@kapella/api/types/core-v1';
import { milliToQuota, milliToShares } from '../container/resources.ts';
import { podAmounts, qosOf } from '../lifecycle/qos.ts';

export interface CgroupLimits {
  readonly cpuShares?: number;
  /** Microseconds per 100 ms; 0 or absent = unlimited. */
  readonly cpuQuotaUs?: number;
  readonly memoryBytes?: number;
  readonly pidsMax?: number;
}

/** Names are paths below the mount points: `/kapella-one/kubepods/burstable/pod<uid>`. */
export interface CgroupDriver {
  /** Creates it where missing and writes the limits. */
  apply(name: string, limits: CgroupLimits): Promise<void>;
  exists(name: string): Promise<boolean>;
  /** Direct children. */
  children(name: string): Promise<readonly string[]>;
  /** With everything below; processes that still run in it are killed first. */
  remove(name: string): Promise<void>;
}

export interface PodCgroups {
  /** The three groups of the node; call once at start. */
  setUp(): Promise<void>;
  /** What the runtime is told as cgroup parent. */
  parentOf(pod: Pod): string;
  ensure(pod: Pod): Promise<void>;
  remove(pod: Pod): Promise<void>;
  /** Uids that have a group. */
  uids(): Promise<ReadonlySet<string>>;
  removeUid(uid: string): Promise<void>;
}

export interface PodCgroupOptions {
  /** `/kapella-<name>/kubepods`. */
  readonly root: string;
  readonly nodeCpuMilli: number;
  readonly podPidsMax: number;
  /** Of all Pods together; absent = no limit. */
  readonly memoryBytes?: number;
  /** false: limits on CPU time are not enforced. Default: they are. */
  readonly cpuQuota?: boolean;
}

const QOS_DIRS: Readonly<Record<PodQOSClass, string>> = {
  Guaranteed: '',
  Burstable: '/burstable',
  BestEffort: '/besteffort',
};

export function createPodCgroups(driver: CgroupDriver, options: PodCgroupOptions): PodCgroups {
  const { root } = options;
  const parentOf = (pod: Pod) => `${root}${QOS_DIRS[qosOf(pod)]}/pod${pod.metadata.uid}`;
  const burstable = new Map<string, number>();
  /** The burstable group as a whole weighs what its Pods ask for. */
  const weighBurstable = () => {
    const milli = [...burstable.values()].reduce((sum, n) => sum + n, 0);
    return driver.apply(`${root}/burstable`, { cpuShares: milliToShares(milli) });
  };
  return {
    async setUp() {
      const { nodeCpuMilli, memoryBytes } = options;
      await driver.apply(root, {
        cpuShares: milliToShares(nodeCpuMilli),
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
      });
      await driver.apply(`${root}/burstable`, { cpuShares: milliToShares(0) });
      await driver.apply(`${root}/besteffort`, { cpuShares: milliToShares(0) });
    },
    parentOf,
    async ensure(pod) {
      const { cpuRequestMilli, cpuLimitMilli, memoryLimitBytes } = podAmounts(pod.spec);
      await driver.apply(parentOf(pod), {
        cpuShares: milliToShares(cpuRequestMilli),
        ...(cpuLimitMilli === undefined || options.cpuQuota === false
          ? {}
          : { cpuQuotaUs: milliToQuota(cpuLimitMilli) }),
        ...(memoryLimitBytes === undefined ? {} : { memoryBytes: memoryLimitBytes }),
        pidsMax: options.podPidsMax,
      });
      if (qosOf(pod) !== 'Burstable' || burstable.get(pod.metadata.uid) === cpuRequestMilli) return;
      burstable.set(pod.metadata.uid, cpuRequestMilli);
      await weighBurstable();
    },
    async remove(pod) {
      await driver.remove(parentOf(pod));
      if (burstable.delete(pod.metadata.uid)) await weighBurstable();
    },
    async uids() {
      const found = new Set<string>();
      for (const dir of Object.values(QOS_DIRS)) {
        for (const name of await driver.children(root + dir)) if (name.startsWith('pod')) found.add(name.slice(3));
      }
      return found;
    },
    async removeUid(uid) {
      for (const dir of Object.values(QOS_DIRS)) await driver.remove(`${root}${dir}/pod${uid}`);
      if (burstable.delete(uid)) await weighBurstable();
    },
  };
}

/** For nodes without a kernel: tests, hollow nodes. */
export function createMemoryCgroups(): CgroupDriver & { readonly groups: ReadonlyMap<string, CgroupLimits> } {
  const groups = new Map<string, CgroupLimits>();
  return {
    groups,
    async apply(name, limits) {
      groups.set(name, { ...groups.get(name), ...limits });
    },
    exists: async (name) => groups.has(name),
    async children(name) {
      const below = [...groups.keys()].filter((other) => other.startsWith(`${name}/`));
      return below.map((other) => other.slice(name.length + 1)).filter((rest) => !rest.includes('/'));
    },
    async remove(name) {
      for (const other of [...groups.keys()]) if (other === name || other.startsWith(`${name}/`)) groups.delete(other);
    },
  };
}
