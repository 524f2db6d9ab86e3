/** Facts about the Pod as files. Source: kubernetes pkg/volume/downwardapi. */
import { writeContent } from '../content.ts';
import { downwardFiles, FILE_MODE } from '../payload.ts';
import type { VolumePlugin } from '../volume.ts';

export const downwardApiVolume: VolumePlugin = {
  name: 'downward-api',
  live: true,
  supports: (volume) => volume.downwardAPI !== undefined,
  async mount(request, deps) {
    const { items = [], defaultMode } = request.volume.downwardAPI ?? {};
    const payload = downwardFiles(items, defaultMode ?? FILE_MODE, request.pod, deps);
    return await writeContent(request, request.memoryDir, payload, deps);
  },
};
