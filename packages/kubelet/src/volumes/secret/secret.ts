/** Secret as files, in memory only. Source: kubernetes pkg/volume/secret. */
import { writeContent } from '../content.ts';
import { FILE_MODE, secretFiles } from '../payload.ts';
import type { VolumePlugin } from '../volume.ts';

export const secretVolume: VolumePlugin = {
  name: 'secret',
  live: true,
  supports: (volume) => volume.secret !== undefined,
  async mount(request, deps, ctx) {
    const { secretName, items, optional, defaultMode } = request.volume.secret ?? {};
    const source = { name: secretName, items, optional };
    const payload = await secretFiles(source, defaultMode ?? FILE_MODE, request.pod, deps, ctx);
    return await writeContent(request, request.memoryDir, payload, deps);
  },
};
