/** Builds each image once: the tar is kept under a key of all that went into it. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Image, ociLayoutTar, writeFileAtomic } from '@kapella/distro/host/node';

/** Of this repository; ignored by git. */
export const DEFAULT_CACHE_DIR = fileURLToPath(new URL('../../.cache', import.meta.url));

export interface BuiltImage {
  /** As a manifest writes it. */
  readonly name: string;
  readonly tarPath: string;
  readonly cached: boolean;
  readonly buildMs: number;
}

/** `inputs`: everything of which a change must give another image, in any JSON form. */
export async function cachedImage(
  name: string,
  inputs: unknown,
  cacheDir: string,
  build: () => Promise<Image>,
): Promise<BuiltImage> {
  const start = performance.now();
  const key = createHash('sha256')
    .update(JSON.stringify([name, process.arch, inputs]))
    .digest('hex')
    .slice(0, 16);
  const tarPath = `${cacheDir}/images/${name.replaceAll(/[/:]/g, '_')}-${key}.tar`;
  const cached = (await stat(tarPath).catch(() => undefined)) !== undefined;
  if (!cached) await writeFileAtomic(tarPath, ociLayoutTar(await build()));
  return { name, tarPath, cached, buildMs: Math.round(performance.now() - start) };
}

export const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
