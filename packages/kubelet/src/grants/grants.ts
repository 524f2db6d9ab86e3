/** What managers of the node's resources give to one container, beyond what its spec says. */
import type { Pod, ResourceStatus } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { DeviceConfig, MountConfig } from '../cri/config.ts';
import type { Rejection } from '../lifecycle/admission.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';

export interface ContainerGrants {
  readonly envs: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly MountConfig[];
  readonly devices: readonly DeviceConfig[];
  /** Fully qualified: `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  /** `0-1,4`; '' = no choice was made. */
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
}

export const noGrants: ContainerGrants = {
  ...{ envs: {}, annotations: {}, mounts: [], devices: [], cdiDevices: [], cpusetCpus: '', cpusetMems: '' },
};

/** One kind of resource. Idempotent: an agent that begins anew asks again for Pods that run. */
export interface GrantManager {
  /** Before anything of the Pod is started. An answer rejects it for good; throwing means try again. */
  admit(pod: Pod, ctx: Ctx): Promise<Rejection | undefined>;
  /** Before each start of a container. Throws an Error whose text goes into its event. */
  grantsOf(pod: Pod, container: AnyContainer, ctx: Ctx): Promise<Partial<ContainerGrants>>;
  /** Nothing of the Pod runs any more. Throws while what it had cannot be given back. */
  release(podUid: string, ctx: Ctx): Promise<void>;
  /** How what the container has is, for its status. Absent: nothing is known. */
  healthOf?(pod: Pod, container: AnyContainer): readonly ResourceStatus[];
  /** Uids of Pods that hold something. */
  holders(): readonly string[];
}

export function mergeGrants(parts: readonly Partial<ContainerGrants>[]): ContainerGrants {
  return parts.reduce<ContainerGrants>(
    (all, part) => ({
      envs: { ...all.envs, ...part.envs },
      annotations: { ...all.annotations, ...part.annotations },
      mounts: [...all.mounts, ...(part.mounts ?? [])],
      devices: [...all.devices, ...(part.devices ?? [])],
      cdiDevices: [...new Set([...all.cdiDevices, ...(part.cdiDevices ?? [])])],
      cpusetCpus: part.cpusetCpus || all.cpusetCpus,
      cpusetMems: part.cpusetMems || all.cpusetMems,
    }),
    noGrants,
  );
}

/** Several kinds as one. */
export function combineManagers(managers: readonly GrantManager[]): GrantManager {
  return {
    async admit(pod, ctx) {
      for (const manager of managers) {
        const rejection = await manager.admit(pod, ctx);
        if (rejection === undefined) continue;
        for (const other of managers) await other.release(pod.metadata.uid, ctx);
        return rejection;
      }
      return undefined;
    },
    ...combineGrants(managers),
  };
}

/** All but the admission. */
export function combineGrants(managers: readonly Omit<GrantManager, 'admit'>[]): Omit<GrantManager, 'admit'> {
  return {
    async grantsOf(pod, container, ctx) {
      const parts: Partial<ContainerGrants>[] = [];
      for (const manager of managers) parts.push(await manager.grantsOf(pod, container, ctx));
      return mergeGrants(parts);
    },
    async release(podUid, ctx) {
      for (const manager of managers) await manager.release(podUid, ctx);
    },
    healthOf: (pod, container) => managers.flatMap((manager) => manager.healthOf?.(pod, container) ?? []),
    holders: () => [...new Set(managers.flatMap((manager) => manager.holders()))],
  };
}
