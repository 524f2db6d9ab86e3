/** `kapella reset --yes`: removes every trace of a cluster, and says what. Works on leftovers of any kind. */
import { existsSync } from 'node:fs';
import type { Ctx } from '@kapella/base';
import { CliError, networksOf, type Reporter } from '@kapella/cli';
import { cleanUpPodNetwork } from '@kapella/cni/node';
import { withClusterLock } from '../../cluster/node/lock.ts';
import { members } from '../../cluster/members.ts';
import { clusterFiles } from '../../cluster/node/parts.ts';
import { findRecord, foreignEntries, removeData } from '../../cluster/node/registry.ts';
import { takeDown } from '../../cluster/node/take-down.ts';
import type { ClusterRecord } from '../../cluster/record.ts';
import { cgroupMounts } from '../../host/mounts.ts';
import { readText } from '../../host/node/files.ts';
import { removeCgroup, removeRuntimeData, unmountUnder } from '../../host/node/teardown.ts';
import { KUBELET_DIR, releaseKubeletDir } from '../../node-agent/node/kubelet-dir.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';
import { removeFromUserConfig } from './merge-kubeconfig.ts';
import { requireRoot } from './up.command.ts';

export async function reset({ given, flags, reporter, program }: CommandInput, ctx: Ctx): Promise<number> {
  requireRoot('reset');
  const record = (await lookUpCluster(given)) ?? (await leftovers(given));
  const { name, dataDir } = record.options;
  // The name may belong to data elsewhere, which could not be found any more without its processes.
  const namesake = await findRecord(name);
  const records = namesake === undefined || namesake.options.dataDir === dataDir ? [record] : [record, namesake];
  if (flags.get('--yes') === undefined) {
    const question = `Remove the cluster ${name} with all of its data in ${dataDir}? [y/N] `;
    const isSure = program.isInteractive && !program.json && /^y/i.test((await program.ask(question)).trim());
    if (!isSure)
      throw new CliError(
        'Usage',
        `reset removes the cluster ${name} and all of its data`,
        'Say so: kapella reset --yes',
      );
  }
  const removed = await withClusterLock(name, ctx, async () => {
    const lines: string[] = [];
    for (const each of records) lines.push(...(await removeAll(each, reporter, ctx)));
    return lines;
  });
  const text = [`Removed of cluster ${name}:`, ...removed.map((line) => `  ${line}`)].join('\n');
  reporter.result({ name, removed }, removed.length === 0 ? `There was nothing of cluster ${name}.` : text);
  return 0;
}

/** Without a record: the directory, as given or by default, and whatever bears the name. */
async function leftovers(given: CommandInput['given']): Promise<ClusterRecord> {
  const options = unrecordedOptions(given, true);
  return { options, keep: await foreignEntries(options.dataDir) };
}

async function removeAll(
  { options, keep, mergedInto }: ClusterRecord,
  reporter: Reporter,
  ctx: Ctx,
): Promise<string[]> {
  const { name, dataDir, podCidr } = options;
  const files = clusterFiles(name, dataDir);
  const removed = await takeDown({ options, graceMs: 0 }, reporter, ctx);
  const network = await inStep(reporter, 'network', 'interfaces and rules', () =>
    cleanUpPodNetwork({ clusterName: name, podCIDRs: networksOf(podCidr) }, ctx),
  );
  removed.push(...network.interfaces.map((device) => `interface ${device}`));
  removed.push(...network.tables.map((table) => `nftables table ${table}`));
  const mounts = await inStep(reporter, 'mounts', 'mounts', () => unmountUnder([dataDir, files.runtime.runDir]));
  if (mounts > 0) removed.push(`${mounts} mounts`);
  const cgroup = `/kapella-${name}`;
  const hasCgroup = await cgroupExists(cgroup);
  await inStep(reporter, 'cgroups', 'cgroups', () => removeCgroup(cgroup, ctx));
  if (hasCgroup) removed.push(`cgroup ${cgroup}`);
  await inStep(reporter, 'files', 'files', async () => {
    const hadRunDir = existsSync(files.runtime.runDir);
    for (const { runtime, dataDir: ofNode } of members(options).toReversed()) {
      await removeRuntimeData(runtime);
      if (await releaseKubeletDir(ofNode)) removed.push(KUBELET_DIR);
    }
    if (hadRunDir) removed.push(files.runtime.runDir);
    removed.push(...(await removeData(name, dataDir, keep)));
  });
  if (mergedInto !== undefined && (await removeFromUserConfig(mergedInto, name))) {
    removed.push(`context ${name} in ${mergedInto}`);
  }
  return removed;
}

async function inStep<T>(reporter: Reporter, name: string, text: string, work: () => Promise<T>): Promise<T> {
  const step = reporter.step(name, text);
  try {
    const result = await work();
    step.done();
    return result;
  } catch (error) {
    step.failed(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

async function cgroupExists(path: string): Promise<boolean> {
  const mounts = cgroupMounts((await readText('/proc/self/mountinfo')) ?? '');
  return mounts.some((mount) => existsSync(`${mount}${path}`));
}
