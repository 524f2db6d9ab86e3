/** Reads and writes the sysctls of a node. */
import { writeFile } from 'node:fs/promises';
import { isSatisfied, NODE_SYSCTLS, type Sysctl, sysctlPath } from '../kernel.ts';
import { HostError } from '../step.ts';
import { readText } from './files.ts';

export async function missingSysctls(): Promise<readonly Sysctl[]> {
  const current = await Promise.all(NODE_SYSCTLS.map(({ name }) => readText(sysctlPath(name))));
  return NODE_SYSCTLS.filter((sysctl, i) => !isSatisfied(sysctl, current[i]));
}

export async function writeSysctls(sysctls: readonly Sysctl[]): Promise<void> {
  for (const { name, value } of sysctls) {
    try {
      await writeFile(sysctlPath(name), value);
    } catch (cause) {
      throw new HostError(
        'Unsupported',
        `sysctl ${name} cannot be written`,
        `sysctl -w ${name}=${value} on the host`,
        cause,
      );
    }
  }
}
