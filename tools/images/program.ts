/** Programs out of Debian packages, kept as single files: nothing is installed. */
import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { openApt } from './apt.ts';
import { resolveIn } from './tree.ts';

export interface ProgramOptions {
  readonly package: string;
  /** In the package: `/usr/bin/kubectl`. It must be static, or need only what every Debian has. */
  readonly path: string;
  readonly suite?: string;
  readonly cacheDir: string;
  /** Called with the path of a new copy before it is taken into use; throws when it will not do. */
  readonly accept?: (path: string) => Promise<void>;
}

/** `<cacheDir>/bin/<name>`; fetched the first time. */
export async function debianProgram(options: ProgramOptions): Promise<string> {
  const { cacheDir, suite, accept } = options;
  const path = `${cacheDir}/bin/${basename(options.path)}`;
  if ((await stat(path).catch(() => undefined)) !== undefined) return path;
  const apt = await openApt({ cacheDir, ...(suite === undefined ? {} : { suite }) });
  const tree = await apt.unpackOnly([options.package]);
  const temporary = `${path}.${randomUUID()}.tmp`;
  await mkdir(`${cacheDir}/bin`, { recursive: true });
  try {
    await copyFile(resolveIn(tree, options.path), temporary);
    await chmod(temporary, 0o755);
    await accept?.(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}
