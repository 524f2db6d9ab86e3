/** One image with Prometheus, from its Go module (Debian's knows nothing of Kubernetes), and Debian's node exporter. */
import { buildLayer, hostArch } from '@kapella/distro/host/node';
import {
  type BuiltImage,
  busyboxEntries,
  cachedImage,
  DEFAULT_CACHE_DIR,
  fileEntry,
  openApt,
  programEntries,
} from '@kapella/tools/images';
import { upstreamProgram } from '../support/programs.ts';

export const IMAGE = 'prometheus.test/prometheus:debian';
const EXPORTER = '/usr/bin/prometheus-node-exporter';
/** Counted up when the recipe below changes. */
const RECIPE_VERSION = 2;

export function buildImage(): Promise<BuiltImage> {
  const cacheDir = DEFAULT_CACHE_DIR;
  return cachedImage(IMAGE, RECIPE_VERSION, cacheDir, async () => {
    const apt = await openApt({ cacheDir });
    const tree = await apt.unpackOnly(['prometheus-node-exporter', 'libc6']);
    const prometheus = fileEntry('usr/bin/prometheus', await upstreamProgram('prometheus'));
    const layers = [await busyboxEntries(cacheDir), [...(await programEntries(tree, [EXPORTER])), prometheus]];
    return {
      name: IMAGE,
      arch: hostArch(),
      layers: await Promise.all(layers.map((layer) => buildLayer(layer, 'zstd'))),
      config: { cmd: ['prometheus'] },
    };
  });
}
