/** Stats, image collection and eviction, put together over the Pod manager. */
import type { Ctx } from '@kapella/base';
import type { EventRecorder } from '@kapella/client';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { createEvictionManager, type EvictionManager } from '../eviction/eviction-manager.ts';
import { createImageGc, type ImageGc } from '../images/image-gc.ts';
import type { PodDeps } from '../pods/deps.ts';
import type { AdmissionGate, PodManager } from '../pods/pod-manager.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import { nodeSubject } from '../registration/node-reporter.ts';
import type { HostStats } from '../stats/readings.ts';
import { createStatsProvider, type StatsProvider } from '../stats/stats-provider.ts';

export interface PressureOptions {
  readonly nodeName: string;
  readonly cgroupRoot: string;
  readonly dataDir: string;
  readonly imageDir: string;
  readonly keptImages: readonly string[];
  readonly config: KubeletConfig;
  readonly host: HostStats;
  readonly recorder: EventRecorder;
  readonly metrics: KubeletMetrics;
  onConditions?(): void;
}

export interface Pressure {
  readonly stats: StatsProvider;
  readonly eviction: EvictionManager;
  readonly images: ImageGc;
  readonly gate: AdmissionGate;
}

/** `manager`: known only later, as the Pods' admission asks for the pressure. */
export function createPressure(options: PressureOptions, deps: PodDeps, manager: () => PodManager): Pressure {
  const { nodeName, recorder, config } = options;
  const subject = nodeSubject(nodeName);
  const { podsDir, logsDir } = deps.settings;
  const stats = createStatsProvider({
    ...{ host: options.host, cri: deps.cri, nodeName, podsDir, logsDir },
    ...{ cgroupRoot: options.cgroupRoot, dataDir: options.dataDir, imageDir: options.imageDir },
    subjects: () => manager().workers(),
    cgroupOf: (pod) => deps.cgroups.parentOf(pod),
  });
  const images = createImageGc({
    ...{ cri: deps.cri, policy: config, recorder, subject, keptImages: options.keptImages },
    usedImages: () =>
      new Set(
        manager()
          .workers()
          .flatMap(({ observed }) => observed.containers.flatMap((c) => [c.image, c.imageRef])),
      ),
    onRemoved: (reason) => options.metrics.imageCollected(reason),
    imageFs: async (ctx) => (await stats.node(ctx)).runtime?.imageFs,
  });
  const eviction = createEvictionManager({
    ...{ config, stats, recorder, subject },
    candidates: () =>
      manager()
        .workers()
        .filter(({ isActive }) => isActive)
        .map((worker) => ({
          pod: worker.pod,
          evict: (verdict) => worker.fail(verdict),
          isCleanedUp: () => worker.phase === 'finished' || worker.phase === 'gone',
        })),
    async reclaimDisk(ctx: Ctx) {
      for (const worker of manager().workers()) await worker.releaseRuntime();
      await images.removeUnused(ctx);
    },
    onEvicted: (signal) => options.metrics.evicted(signal),
    ...(options.onConditions === undefined ? {} : { onConditions: options.onConditions }),
  });
  return {
    ...{ stats, eviction, images },
    gate(pod) {
      const message = eviction.judge(pod);
      return message === undefined ? undefined : { reason: 'Evicted', message };
    },
  };
}
