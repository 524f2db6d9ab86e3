/** Puts a cluster into the user's kubeconfig, and takes it out again. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CliError, type Reporter } from '@kapella/cli';
import { readText, writeFileAtomic } from '../../host/node/files.ts';
import { mergeKubeconfig, removeFromKubeconfig } from '../../cluster/kubeconfig-merge.ts';
import { clusterFiles } from '../../cluster/node/parts.ts';
import type { Program } from '../../cluster/node/program.ts';
import { saveRecord } from '../../cluster/node/registry.ts';
import type { ClusterRecord } from '../../cluster/record.ts';

/** Where kubectl itself would write: the first of $KUBECONFIG, else the one of the home directory. */
export function userConfigPath({ env }: Program): string {
  const first = (env['KUBECONFIG'] ?? '').split(delimiter).find((path) => path !== '');
  if (first !== undefined) return first;
  if (env['HOME'] === undefined) throw new CliError('Usage', 'HOME is not set', 'Say which file: KUBECONFIG=FILE');
  return join(env['HOME'], '.kube/config');
}

/** Also remembers it, so that `reset` takes it out again. */
export async function mergeIntoUserConfig(record: ClusterRecord, program: Program, reporter: Reporter): Promise<void> {
  const { name, dataDir } = record.options;
  const step = reporter.step('kubeconfig', `context ${name}`);
  const target = userConfigPath(program);
  const { kubeconfig } = clusterFiles(name, dataDir);
  try {
    const entry = renamed(readFileSync(kubeconfig, 'utf8'), name);
    await change(target, (text) => mergeKubeconfig(text, entry, name));
  } catch (error) {
    step.failed(error instanceof Error ? error.message : String(error));
    throw error;
  }
  await saveRecord({ ...record, mergedInto: target });
  step.done(`in ${target}`);
}

/** True when something was taken out. A file that is gone or not to be understood is left alone. */
export async function removeFromUserConfig(path: string, name: string): Promise<boolean> {
  const text = await readText(path);
  if (text === undefined) return false;
  try {
    const changed = removeFromKubeconfig(text, name);
    if (changed === undefined) await rm(path);
    else if (changed === text) return false;
    else await writeFileAtomic(path, changed, 0o600);
    return true;
  } catch {
    return false;
  }
}

async function change(path: string, edit: (text: string) => string): Promise<void> {
  const text = (await readText(path)) ?? '';
  let changed: string;
  try {
    changed = edit(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(
      'Failed',
      `${path} was not changed: ${reason}`,
      'Mend the file, or name another: KUBECONFIG=FILE',
      cause,
    );
  }
  if (changed !== text) await writeFileAtomic(path, changed, 0o600);
}

/** The server names the entries after the cluster; a file of an unrecorded one may not. */
function renamed(text: string, name: string): string {
  const current = /^current-context: (\S+)$/m.exec(text)?.[1];
  if (current === undefined || current === name) return text;
  const from = new RegExp(`^(.*\\b(?:name|cluster|user|current-context): )${escapeRegExp(current)}$`, 'gm');
  return text.replace(from, `$1${name}`);
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
