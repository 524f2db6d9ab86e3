/** A configuration file that is looked at again and again. Links are followed: a mounted ConfigMap changes by its link. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { type ConfigurationSource, type FileKind, type KubeconfigTarget, readKubeconfig } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';

const POLL_MS = 1_000;

/** Throws CliError for a file that cannot be read now. `flag`: what the user gave it with. */
export function watchedFile(path: string, flag: string): ConfigurationSource {
  return { text: readConfiguration(path, flag), follow: (onText, ctx) => poll(path, onText, ctx) };
}

/** Small files: reading costs less than finding out by times and sizes, which a quick change leaves as they are. */
function poll(path: string, onText: (text: string) => void, ctx: Ctx): void {
  ctx.clock.setTimer(POLL_MS, () => {
    if (ctx.signal.aborted) return;
    try {
      onText(readFileSync(path, 'utf8'));
    } catch (error) {
      ctx.log.error('configuration file not read', { path, error: (error as Error).message });
    }
    poll(path, onText, ctx);
  });
}

/** Throws CliError Usage. */
export function readConfiguration(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError('Usage', `${flag} ${path}: ${(error as Error).message}`, 'Give a file that can be read.', error);
  }
}

/** Where a webhook's kubeconfig leads. Throws CliError Usage. */
export function kubeconfigTarget(path: string, flag: string): KubeconfigTarget {
  const text = readConfiguration(path, flag);
  const readFile = (name: string) => readFileSync(isAbsolute(name) ? name : join(dirname(path), name), 'utf8');
  try {
    return readKubeconfig(text, readFile);
  } catch (error) {
    const fix = 'Mend the kubeconfig: one cluster with server, one user, current-context.';
    throw new CliError('Usage', `${flag} ${path}: ${(error as Error).message}`, fix, error);
  }
}

export const fileKind: FileKind = (path) => {
  try {
    return statSync(path).isFile() ? 'file' : 'other';
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { error: isMissing ? `stat ${path}: no such file or directory` : (error as Error).message };
  }
};
