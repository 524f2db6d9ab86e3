/** One image with Debian's Prometheus and node exporter: no registry is needed. */
import { buildLayer, hostArch } from '@kapella/distro/host/node';
import {
  type BuiltImage,
  busyboxEntries,
  cachedImage,
  DEFAULT_CACHE_DIR,
  openApt,
  programEntries,
} from '@kapella/tools/images';

export const IMAGE = 'prometheus.test/prometheus:debian';
const PROGRAMS = ['/usr/bin/prometheus', '/usr/bin/prometheus-node-exporter'];
/** Counted up when the recipe below changes. */
const RECIPE_VERSION = 1;

export function buildImage(): Promise<BuiltImage> {
  const cacheDir = DEFAULT_CACHE_DIR;
  return cachedImage(IMAGE, RECIPE_VERSION, cacheDir, async () => {
    const apt = await openApt({ cacheDir });
    const tree = await apt.unpackOnly(['prometheus', 'prometheus-node-exporter', 'libc6']);
    const layers = [await busyboxEntries(cacheDir), await programEntries(tree, PROGRAMS)];
    return {
      name: IMAGE,
      arch: hostArch(),
      layers: await Promise.all(layers.map((layer) => buildLayer(layer, 'zstd'))),
      config: { cmd: ['prometheus'] },
    };
  });
}
