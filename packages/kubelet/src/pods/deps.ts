/** What the Pod workers stand on. The composition root makes it once. */
import type { Service } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { PodCgroups } from '../cgroups/cgroups.ts';
import type { NodeAllocatable } from '../container/field-path.ts';
import type { ResourceLimits } from '../container/resources.ts';
import type { DnsConfig } from '../cri/config.ts';
import type { Cri } from '../cri/cri.ts';
import type { GrantManager } from '../grants/grants.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { ImageManager } from '../images/image-manager.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import type { ObjectCache } from '../objects/object-cache.ts';
import type { Prober } from '../prober.ts';
import type { UserNamespaces } from '../userns/user-namespaces.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import type { AllocationStore } from './allocation-store.ts';
import type { HttpHook } from './hooks.ts';
import type { StatusWriter } from './status-writer.ts';

export interface NodeSettings {
  readonly nodeName: string;
  /** The primary one first. */
  readonly hostIps: readonly string[];
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Of the node's resolv.conf. */
  readonly hostDns: DnsConfig;
  /** `<dir>/<uid>`: volumes, hosts file, termination messages. */
  readonly podsDir: string;
  /** `<dir>/<namespace>_<name>_<uid>/<container>/<n>.log`. */
  readonly logsDir: string;
  readonly seccompDir: string;
  readonly seccompDefault?: boolean;
  readonly limits: ResourceLimits;
  readonly allocatable: NodeAllocatable;
  readonly podsMax: number;
  /** Longest pause before an ended container starts again; default upstream's five minutes. */
  readonly crashLoopMaxMs?: number;
  /** Scheme of container ids. */
  readonly runtimeName: string;
  readonly recursiveReadOnly: boolean;
  /** The runtime can mount images as volumes. */
  readonly imageVolumes: boolean;
}

export interface PodDeps {
  readonly settings: NodeSettings;
  readonly cri: Cri;
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly prober: Prober;
  readonly volumes: VolumeManager;
  readonly images: ImageManager;
  readonly cgroups: PodCgroups;
  readonly files: HostFiles;
  readonly objects: ObjectCache;
  readonly status: StatusWriter;
  readonly httpHook: HttpHook;
  /** Devices, claims and exclusive CPUs. Absent: none. */
  readonly grants?: GrantManager;
  /** What Pods were given, over restarts. Absent: their statuses tell. */
  readonly allocations?: AllocationStore;
  /** Absent: none. */
  readonly userNamespaces?: UserNamespaces;
  /** Absent where nobody reads them. */
  readonly metrics?: KubeletMetrics;
  /** All Services, waiting for the first list. */
  services(ctx: Ctx): Promise<readonly Service[]>;
  /** Names of pull secrets of the Pod's service account beyond those in its spec are put there by admission. */
  runtimeHandler(runtimeClass: string | undefined, ctx: Ctx): Promise<string>;
}
