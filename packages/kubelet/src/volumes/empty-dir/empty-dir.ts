/** Scratch space that lives as long as the Pod. Source: kubernetes pkg/volume/emptydir. */
import { quantityValue } from '@kapella/api';
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
    if (medium === 'Memory') {
      const mounted = known && (await files.mountsUnder(dir)).includes(dir);
      if (mounted) return { hostPath: dir, readOnly: false };
      await files.mkdir(dir, DIR_MODE);
      await files.mount('tmpfs', dir, 'tmpfs', [`size=${memorySizeBytes(request, node.memoryBytes)}`]);
    } else if (medium.startsWith('HugePages')) {
      throw new Error(`medium ${medium} of an emptyDir is not supported`);
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
