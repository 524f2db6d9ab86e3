/** The KubeletConfiguration file of this machine's node agents, and what they do without one. */
import { readFileSync } from 'node:fs';
import { parseYaml } from '@kapella/api';
import { CliError } from '@kapella/cli';
import { KUBELET_CONFIG_DEFAULTS, type KubeletConfig, readConfig } from '@kapella/kubelet';

/**
 * Upstream's defaults are for a machine that is a node and nothing else. This one is also somebody's workstation: a disk
 * that is 85 % full for other reasons must not take its Pods, nor images that were loaded by hand and that no registry has.
 * (5 % is k3s's choice, no collection of images kind's.) Nor is its swap a reason not to start.
 */
const MACHINE_DEFAULTS: KubeletConfig = {
  ...KUBELET_CONFIG_DEFAULTS,
  evictionHard: { ...KUBELET_CONFIG_DEFAULTS.evictionHard, 'nodefs.available': '5%', 'imagefs.available': '5%' },
  imageGCHighThresholdPercent: 100,
  failSwapOn: false,
};

/** `path` '' = all defaults. `warn` is told of fields without an effect. Throws CliError Usage that names file and field. */
export function readKubeletConfig(path: string, warn: (text: string) => void = () => {}): KubeletConfig {
  if (path === '') return MACHINE_DEFAULTS;
  try {
    const { config, warnings } = readConfig(parseYaml(readFileSync(path, 'utf8')).value, MACHINE_DEFAULTS);
    for (const warning of warnings) warn(warning);
    return config;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('Usage', `--kubelet-config ${path}: ${why}`, 'Mend the file, or leave the flag out.', cause);
  }
}
