/** The table of volume kinds. */
import { configMapVolume } from './config-map/config-map.ts';
import { inlineCsi } from './csi/csi.ts';
import { downwardApiVolume } from './downward-api/downward-api.ts';
import { emptyDirVolume } from './empty-dir/empty-dir.ts';
import { hostPathVolume } from './host-path/host-path.ts';
import { imageVolume } from './image/image.ts';
import { nfsVolume } from './nfs/nfs.ts';
import { persistentVolumeClaim } from './persistent-volume-claim/persistent-volume-claim.ts';
import { projectedVolume } from './projected/projected.ts';
import { secretVolume } from './secret/secret.ts';
import type { VolumePlugin } from './volume.ts';

export const volumePlugins: readonly VolumePlugin[] = [
  projectedVolume,
  configMapVolume,
  secretVolume,
  emptyDirVolume,
  hostPathVolume,
  persistentVolumeClaim,
  downwardApiVolume,
  imageVolume,
  inlineCsi,
  nfsVolume,
];
