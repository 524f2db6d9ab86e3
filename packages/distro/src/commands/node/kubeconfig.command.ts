/** `kapella kubeconfig`: prints it, or merges it. */
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { clusterFiles } from '../../cluster/node/parts.ts';
import { readText } from '../../host/node/files.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';
import { mergeIntoUserConfig } from './merge-kubeconfig.ts';

export async function kubeconfig({ given, flags, reporter, program }: CommandInput, _ctx: Ctx): Promise<number> {
  const record = await findCluster(given);
  const { name, dataDir } = record.options;
  const path = clusterFiles(name, dataDir).kubeconfig;
  const text = await readText(path);
  if (text === undefined) {
    const isThere = process.getuid?.() === 0;
    const fix = isThere
      ? `Start the cluster: kapella up --name ${name}`
      : 'Only root may read it: sudo kapella kubeconfig';
    throw new CliError(isThere ? 'Failed' : 'Host', `${path} cannot be read`, fix);
  }
  if (flags.get('--merge') === undefined) {
    if (program.json) reporter.result({ name, path, kubeconfig: text }, '');
    else program.write(text);
    return 0;
  }
  await mergeIntoUserConfig(record, program, reporter);
  reporter.result({ name, context: name }, `kubectl --context ${name} get nodes`);
  return 0;
}
