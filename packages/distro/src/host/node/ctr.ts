/** Images of a cluster's containerd, through the `ctr` that came with it. */
import { basename } from 'node:path';
import { type ImageRow, importedNames, parseImageTable } from '../image-table.ts';
import type { RuntimePaths } from '../paths.ts';
import { HostError } from '../step.ts';
import { hostEnv, type RunResult, tryRun } from './run.ts';
import { readRuntimeFacts } from './facts.ts';

/** The namespace in which the CRI plugin looks. */
const NAMESPACE = 'k8s.io';

export interface CtrOptions {
  readonly paths: RuntimePaths;
  /** Where `ctr` is when it is not on the path. */
  readonly binDir?: string;
  readonly signal?: AbortSignal;
}

/** Loads an image tar (OCI layout or `docker save`), unpacks it, and returns the names that it brought. */
export async function importImage(tarPath: string, options: CtrOptions): Promise<readonly string[]> {
  const { hasOverlay } = await readRuntimeFacts();
  const snapshotter = hasOverlay ? 'overlayfs' : 'native';
  const result = await ctr(['images', 'import', '--snapshotter', snapshotter, tarPath], options);
  if (result.code !== 0) {
    const fix = `Check that ${basename(tarPath)} is an OCI or docker archive for this machine's architecture.`;
    throw new HostError('CommandFailed', `image ${tarPath} was not loaded: ${result.stderr.trim()}`, fix);
  }
  return importedNames(result.stdout);
}

/** Every image that has a name, sorted. */
export async function listImages(options: CtrOptions): Promise<readonly ImageRow[]> {
  return parseImageTable((await mustCtr(['images', 'ls'], options)).stdout);
}

/** Absent images are no error. */
export async function removeImages(names: readonly string[], options: CtrOptions): Promise<void> {
  if (names.length > 0) await mustCtr(['images', 'rm', '--sync', ...names], options);
}

async function mustCtr(args: readonly string[], options: CtrOptions): Promise<RunResult> {
  const result = await ctr(args, options);
  if (result.code === 0) return result;
  const what = `ctr ${args.slice(0, 2).join(' ')}: ${result.stderr.trim()}`;
  throw new HostError('CommandFailed', what, 'Check that the cluster runs: kapella status');
}

function ctr(args: readonly string[], { paths, binDir, signal }: CtrOptions): Promise<RunResult> {
  const env: Record<string, string> = binDir === undefined ? {} : { PATH: `${binDir}:${hostEnv()['PATH'] ?? ''}` };
  const command = binDir === undefined ? 'ctr' : `${binDir}/ctr`;
  return tryRun(command, ['-a', paths.socket, '-n', NAMESPACE, ...args], {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
}
