/** The KubeletConfiguration file of this machine's node agents. */
import { readFileSync } from 'node:fs';
import { parseYaml } from '@kapella/api';
import { CliError } from '@kapella/cli';
import { type KubeletConfig, parseKubeletConfig } from '@kapella/kubelet';

/** `path` '' = upstream's defaults. Throws CliError Usage that names file and field. */
export function readKubeletConfig(path: string): KubeletConfig {
  if (path === '') return parseKubeletConfig(undefined);
  try {
    return parseKubeletConfig(parseYaml(readFileSync(path, 'utf8')).value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('Usage', `--kubelet-config ${path}: ${why}`, 'Mend the file, or leave the flag out.', cause);
  }
}
