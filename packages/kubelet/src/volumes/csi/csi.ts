/** A CSI volume that the Pod itself describes and that lives as long as it. Source: kubernetes pkg/volume/csi. */
import { inlineCsiVolume } from '../../csi/csi-volume.ts';
import type { VolumePlugin } from '../volume.ts';

export const inlineCsi: VolumePlugin = {
  name: 'csi',
  supports: (volume) => volume.csi !== undefined,
  async mount({ pod, volume }, { csi }, ctx) {
    const inline = inlineCsiVolume(pod, volume);
    if (inline === undefined || csi === undefined) throw new Error('kubernetes.io/csi: this node takes no CSI drivers');
    const { hostPath, refreshAtMs } = await csi.volumes.mount(pod, inline, ctx);
    return { hostPath, readOnly: inline.readOnly, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
  },
};
