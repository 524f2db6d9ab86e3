/** ConfigMap as files. Source: kubernetes pkg/volume/configmap. */
import { writeContent } from '../content.ts';
import { configMapFiles, FILE_MODE } from '../payload.ts';
import type { VolumePlugin } from '../volume.ts';

export const configMapVolume: VolumePlugin = {
  name: 'configmap',
  live: true,
  supports: (volume) => volume.configMap !== undefined,
  async mount(request, deps, ctx) {
    const source = request.volume.configMap ?? {};
    const payload = await configMapFiles(source, source.defaultMode ?? FILE_MODE, request.pod, deps, ctx);
    return await writeContent(request, request.dir, payload, deps);
  },
};
