/** Several sources in one directory; among them the service account's token. Source: kubernetes pkg/volume/projected. */
import type { Pod, VolumeProjection } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Payload } from '../atomic-writer.ts';
import { writeContent } from '../content.ts';
import { configMapFiles, downwardFiles, FILE_MODE, type Files, secretFiles, tokenFiles } from '../payload.ts';
import type { VolumeDeps, VolumePlugin } from '../volume.ts';

interface Projection {
  readonly files: Payload;
  readonly refreshAtMs?: number;
}

export const projectedVolume: VolumePlugin = {
  name: 'projected',
  live: true,
  supports: (volume) => volume.projected !== undefined,
  async mount(request, deps, ctx) {
    const { sources = [], defaultMode = FILE_MODE } = request.volume.projected ?? {};
    const payload: Files = new Map();
    let refreshAtMs: number | undefined;
    const parts = await Promise.all(sources.map((source) => project(source, defaultMode, request.pod, deps, ctx)));
    for (const part of parts) {
      for (const [path, file] of part.files) payload.set(path, file);
      if (part.refreshAtMs !== undefined) refreshAtMs = Math.min(refreshAtMs ?? part.refreshAtMs, part.refreshAtMs);
    }
    const mounted = await writeContent(request, request.memoryDir, payload, deps);
    return refreshAtMs === undefined ? mounted : { ...mounted, refreshAtMs };
  },
};

async function project(
  source: VolumeProjection,
  mode: number,
  pod: Pod,
  deps: VolumeDeps,
  ctx: Ctx,
): Promise<Projection> {
  if (source.configMap !== undefined) return { files: await configMapFiles(source.configMap, mode, pod, deps, ctx) };
  if (source.secret !== undefined) return { files: await secretFiles(source.secret, mode, pod, deps, ctx) };
  if (source.downwardAPI !== undefined) {
    return { files: downwardFiles(source.downwardAPI.items ?? [], mode, pod, deps) };
  }
  if (source.serviceAccountToken !== undefined) {
    return await tokenFiles(source.serviceAccountToken, mode, pod, deps, ctx);
  }
  throw new Error('a projected volume source of this kind is not supported');
}
