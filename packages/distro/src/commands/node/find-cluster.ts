/** The cluster a command is about: by its name, or by its data directory. */
import { CliError, type ClusterOptions, type GivenOptions, resolveOptions } from '@kapella/cli';
import { findRecord, listRecords, readRecord } from '../../cluster/node/registry.ts';
import type { ClusterRecord } from '../../cluster/record.ts';
import { hostname } from 'node:os';

/** Undefined when there is none. */
export async function lookUpCluster(given: GivenOptions): Promise<ClusterRecord | undefined> {
  if (given.dataDir === undefined) return findRecord(given.name ?? 'kapella');
  const record = await readRecord(given.dataDir);
  if (record === undefined || given.name === undefined || record.options.name === given.name) return record;
  const message = `${given.dataDir} belongs to cluster ${record.options.name}, not ${given.name}`;
  throw new CliError('Usage', message, `Give --name ${record.options.name}, or another --data-dir.`);
}

/** Throws CliError Failed naming the clusters there are. */
export async function findCluster(given: GivenOptions): Promise<ClusterRecord> {
  const record = await lookUpCluster(given);
  if (record !== undefined) return record;
  const names = (await listRecords()).map(({ options }) => options.name);
  const what =
    given.dataDir === undefined
      ? `no cluster ${given.name ?? 'kapella'} on this machine`
      : `no cluster in ${given.dataDir}`;
  const fix = names.length === 0 ? 'Start one: sudo kapella up' : `There are: ${names.join(', ')}. Give --name.`;
  throw new CliError('Failed', what, fix);
}

/** Of a cluster that is not recorded: `kapella server` alone, or leftovers. */
export function unrecordedOptions(given: GivenOptions, withNode: boolean): ClusterOptions {
  return resolveOptions(given, { hostName: hostname(), withNode });
}
