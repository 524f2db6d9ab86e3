/** Scratch space that lives as long as the Pod. Source: kubernetes pkg/volume/emptydir. */
import { quantityValue } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { podAmounts } from '../../lifecycle/qos.ts';
import { applyFsGroup } from '../ownership.ts';
import type { VolumePlugin, VolumeRequest } from '../volume.ts';

const DIR_MODE = 0o777;

export const emptyDirVolume: VolumePlugin = {
  name: 'empty-dir',
  supports: (volume) => volume.emptyDir !== undefined,
  async mount(request, { files, node }) {
    const { dir, pod, volume } = request;
    const medium = volume.emptyDir?.medium ?? '';
    const known = (await files.lstat(dir)) !== undefined;
    if (medium !== '') {
      const mounted = known && (await files.mountsUnder(dir)).includes(dir);
      if (mounted) return { hostPath: dir, readOnly: false };
      await files.mkdir(dir, DIR_MODE);
      if (medium === 'Memory') {
        await files.mount('tmpfs', dir, 'tmpfs', [`size=${memorySizeBytes(request, node.memoryBytes)}`]);
      } else {
        await files.mount('nodev', dir, 'hugetlbfs', [`pagesize=${pageSize(pod, medium)}`]);
      }
    } else if (known) {
      return { hostPath: dir, readOnly: false };
    } else {
      await files.mkdir(dir, DIR_MODE);
    }
    await files.chmod(dir, DIR_MODE);
    await applyFsGroup(pod, dir, false, files);
    return { hostPath: dir, readOnly: false };
  },
};

/** The least of what the node has, what the Pod may use and what the volume may hold. */
function memorySizeBytes({ pod, volume }: VolumeRequest, nodeBytes: number): number {
  const limit = podAmounts(pod.spec).memoryLimitBytes ?? nodeBytes;
  const own = volume.emptyDir?.sizeLimit;
  const wanted = own === undefined ? 0 : quantityValue(own);
  return Math.min(nodeBytes, limit, wanted > 0 ? wanted : nodeBytes);
}

const HUGE_PAGES = 'HugePages';
const RESOURCE_PREFIX = 'hugepages-';

/** Of `HugePages-2Mi`, or the only size that the Pod's containers ask for. Throws with upstream's text. Exported for its test. */
export function pageSize({ spec }: Pod, medium: string): string {
  const requested = new Set(
    [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? resources?.limits ?? {}).filter((name) => name.startsWith(RESOURCE_PREFIX)),
    ),
  );
  if (medium !== HUGE_PAGES) {
    const size = medium.slice(HUGE_PAGES.length + 1);
    if (!medium.startsWith(`${HUGE_PAGES}-`)) throw new Error(`unknown storage medium "${medium}"`);
    if (requested.has(RESOURCE_PREFIX + size)) return size;
    throw new Error(`medium "${medium}" of an emptyDir: no container of the Pod requests ${RESOURCE_PREFIX}${size}`);
  }
  const [only, ...others] = requested;
  if (only === undefined)
    throw new Error('hugePages storage requested, but there is no resource request for huge pages.');
  if (others.length > 0)
    throw new Error('medium HugePages can be used only if container requests use only one huge page size');
  return only.slice(RESOURCE_PREFIX.length);
}
