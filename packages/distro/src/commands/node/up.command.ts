/** `kapella up`: options, then the machine, then the processes, then how to go on. */
import type { Ctx } from '@kapella/base';
import { CliError, type ClusterOptions, type GivenOptions } from '@kapella/cli';
import { bringUp } from '../../cluster/bring-up.ts';
import { chooseOptions, type OtherCluster } from '../../cluster/choose-options.ts';
import { withClusterLock } from '../../cluster/node/lock.ts';
import { readMachineNetwork } from '../../cluster/node/machine-network.ts';
import { clusterFiles, createMachine } from '../../cluster/node/parts.ts';
import { foreignEntries, listRecords, saveRecord } from '../../cluster/node/registry.ts';
import { apiServerUrl, type ClusterRecord } from '../../cluster/record.ts';
import { daemonPid } from '../../host/node/daemon.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster } from './find-cluster.ts';
import { countOf, wishHollow } from './hollow.command.ts';
import { mergeIntoUserConfig } from './merge-kubeconfig.ts';

export async function up(input: CommandInput, ctx: Ctx): Promise<number> {
  requireRoot('up');
  const name = input.given.name ?? 'kapella';
  return withClusterLock(name, ctx, () => upLocked(input, ctx));
}

/** Whatever starts or ends processes of a cluster. */
export function requireRoot(command: string): void {
  if (process.getuid?.() === 0) return;
  throw new CliError(
    'Host',
    `${command} needs root: it mounts, makes interfaces and cgroups`,
    `sudo kapella ${command}`,
  );
}

async function upLocked({ given, flags, reporter, program }: CommandInput, ctx: Ctx): Promise<number> {
  const saved = await lookUpCluster(given);
  const { options, isNew } = await settleOptions(given, saved, (note) =>
    reporter.step('options', 'options').done(note),
  );
  await refuseOtherSettings(options, saved);
  const record: ClusterRecord = { keep: isNew ? await foreignEntries(options.dataDir) : (saved?.keep ?? []), options };
  const machine = createMachine(options, program);
  const files = clusterFiles(options.name, options.dataDir);
  const bring = {
    mayAsk: program.isInteractive && !program.json && flags.get('--yes') === undefined,
    wait: flags.get('--no-wait') === undefined,
    ask: async (question: string) => !/^n/i.test((await program.ask(question)).trim()),
    /** Once nothing stands in the way any more, so that a refused start leaves no trace. */
    beforeStart: () =>
      saveRecord({ ...record, ...(saved?.mergedInto === undefined ? {} : { mergedInto: saved.mergedInto }) }),
  };
  const started = await bringUp(machine, bring, reporter, ctx).finally(() => machine.close());
  const hollowNodes = flags.get('--hollow-nodes');
  if (hollowNodes !== undefined) await wishHollow(options, countOf(hollowNodes), undefined, ctx);
  if (flags.get('--merge-kubeconfig') !== undefined) {
    await mergeIntoUserConfig({ ...record, ...saved, options }, program, reporter);
  }
  const isMerged = flags.get('--merge-kubeconfig') !== undefined || saved?.mergedInto !== undefined;
  const { name, dataDir } = options;
  reporter.result(
    { name, dataDir, started, server: apiServerUrl(options), kubeconfig: files.kubeconfig, nodeName: options.nodeName },
    nextSteps(options, started.length > 0, isMerged, files.kubeconfig),
  );
  return 0;
}

async function settleOptions(
  given: GivenOptions,
  saved: ClusterRecord | undefined,
  note: (text: string) => void,
): Promise<{ readonly options: ClusterOptions; readonly isNew: boolean }> {
  const name = saved?.options.name ?? given.name ?? 'kapella';
  const records = (await listRecords()).filter(({ options }) => options.name !== name);
  const others = await Promise.all(
    records.map(async ({ options }): Promise<OtherCluster> => {
      const { pidFile } = clusterFiles(options.name, options.dataDir);
      const pids = await Promise.all([daemonPid(pidFile.server), daemonPid(pidFile.node)]);
      return { options, isRunning: pids.some((pid) => pid !== undefined) };
    }),
  );
  const { options, notes } = chooseOptions(given, saved?.options, others, await readMachineNetwork());
  for (const text of notes) note(text);
  return { options, isNew: saved === undefined };
}

/** A running server does not move to another port. */
async function refuseOtherSettings(options: ClusterOptions, saved: ClusterRecord | undefined): Promise<void> {
  if (saved === undefined) return;
  const { apiPort, bindAddress } = saved.options;
  if (options.apiPort === apiPort && options.bindAddress === bindAddress) return;
  const { pidFile } = clusterFiles(options.name, options.dataDir);
  if ((await daemonPid(pidFile.server)) === undefined && (await daemonPid(pidFile.node)) === undefined) return;
  const message = `cluster ${options.name} runs on ${bindAddress}:${apiPort}; that changes only when it is stopped`;
  throw new CliError('Usage', message, `kapella down --name ${options.name}, then up again`);
}

function nextSteps(options: ClusterOptions, isStarted: boolean, isMerged: boolean, kubeconfig: string): string {
  const own = options.name === 'kapella' ? '' : ` --name ${options.name}`;
  const merge = `kapella kubeconfig${own} --merge`;
  return [
    '',
    `Cluster ${options.name} ${isStarted ? 'is up' : 'was up already'}: ${apiServerUrl(options)}`,
    '',
    'Next:',
    `  kapella${own} kubectl get nodes`,
    `  kapella${own} kubectl create deployment web --image=nginx:stable`,
    `  export KUBECONFIG=${kubeconfig}`,
    isMerged
      ? `  kubectl --context ${options.name} get pods -A`
      : `  ${merge.padEnd(40)}  # adds the context ${options.name} to your kubeconfig`,
    '',
    `Stop it: kapella down${own}    Remove it: kapella reset${own} --yes`,
  ].join('\n');
}
