/** How full CSI volumes are, as their drivers say. Source: kubernetes pkg/volume/csi/csi_metrics.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { VolumeStats } from '@kapella/csi';
import type { VolumeUsage } from '../volumes/volume.ts';
import type { CsiVolume } from './csi-volume.ts';
import type { CsiVolumes } from './csi-volumes.ts';

const KEPT_MS = 60_000; // upstream's volumeStatsAggPeriod
const KEPT_MAX = 1_000;

/** Pure. */
export function usageOf({ usage }: VolumeStats): VolumeUsage | undefined {
  const bytes = usage.find(({ unit }) => unit === 'BYTES');
  const inodes = usage.find(({ unit }) => unit === 'INODES');
  if (bytes === undefined && inodes === undefined) return undefined;
  return {
    ...(bytes && { availableBytes: bytes.available, capacityBytes: bytes.total, usedBytes: bytes.used }),
    ...(inodes && { inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used }),
  };
}

export function createMeter(volumes: CsiVolumes) {
  const kept = new Map<string, { readonly atMs: number; readonly usage: VolumeUsage | undefined }>();
  return async (pod: Pod, volume: CsiVolume, ctx: Ctx): Promise<VolumeUsage | undefined> => {
    const driver = volumes.drivers.find(volume.driver);
    if (driver?.capabilities.has('GET_VOLUME_STATS') !== true) return undefined;
    const { target, staging } = volumes.pathsOf(pod.metadata.uid, volume);
    const nowMs = ctx.clock.monotonicMs();
    const known = kept.get(target);
    if (known !== undefined && nowMs - known.atMs < KEPT_MS) return known.usage;
    let usage: VolumeUsage | undefined;
    try {
      usage = usageOf(await driver.service.stats(volume.handle, target, staging, ctx));
    } catch (error) {
      ctx.log.info('volume not measured', { volume: volume.specName, error: describeError(error) });
    }
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(target, { atMs: nowMs, usage });
    return usage;
  };
}
