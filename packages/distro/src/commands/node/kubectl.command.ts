/** `kapella kubectl …`: this process becomes the system's kubectl, with the cluster's kubeconfig. */
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { clusterFiles } from '../../cluster/node/parts.ts';
import { readText } from '../../host/node/files.ts';
import { findCommand } from '../../host/node/run.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';

export async function kubectl({ given, args, program }: CommandInput, _ctx: Ctx): Promise<number> {
  const { name, dataDir } = (await findCluster(given)).options;
  const { kubeconfig } = clusterFiles(name, dataDir);
  if ((await readText(kubeconfig)) === undefined) {
    const fix = process.getuid?.() === 0 ? `kapella up --name ${name}` : 'Run it as root: sudo kapella kubectl';
    throw new CliError('Host', `${kubeconfig} cannot be read`, fix);
  }
  const command = findCommand('kubectl');
  if (command === undefined) {
    const fix = 'Install kubectl 1.36: https://kubernetes.io/docs/tasks/tools/ (or Debian 14: apt-get install kubectl)';
    throw new CliError('Host', 'there is no kubectl on this machine', fix);
  }
  const env = Object.fromEntries(
    Object.entries(program.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  if (process.execve === undefined)
    throw new CliError('Host', 'this Node cannot become another program', 'Use the pinned Node: ./kapella');
  process.execve(command, ['kubectl', ...args], { ...env, KUBECONFIG: kubeconfig });
  return 0;
}
