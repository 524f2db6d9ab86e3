/** The file system of an image, read-only; the runtime mounts it. Source: kubernetes pkg/volume/image. */
import type { VolumePlugin } from '../volume.ts';

export const imageVolume: VolumePlugin = {
  name: 'image',
  supports: (volume) => volume.image !== undefined,
  mount: async ({ volume: { image } }) => ({
    hostPath: '',
    readOnly: true,
    image: { reference: image?.reference ?? '', policy: image?.pullPolicy ?? 'IfNotPresent' },
  }),
};
