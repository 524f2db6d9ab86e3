/** Removes what Pod networking left on this host, and says what. For `reset`, after the sandboxes are gone. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ctx, describeError } from '@kapella/base';
import { type Cleanup, planCleanup } from '../plan-cleanup.ts';
import { runCommand } from './command.ts';

/** libcni's directory of results, shared by all runtimes of a host; the files carry the network's name. */
export const CNI_CACHE_DIR = '/var/lib/cni/results';

export interface CleanupOptions {
  readonly clusterName: string;
  readonly podCIDRs: readonly string[];
  readonly cacheDir?: string;
  readonly commandPrefix?: readonly string[];
  /** Only lists. */
  readonly dryRun?: boolean;
}

/** Never throws for one thing that cannot be removed: the rest still goes, and the log says why. */
export async function cleanUpPodNetwork(options: CleanupOptions, ctx: Ctx): Promise<Cleanup> {
  const { clusterName, podCIDRs, cacheDir = CNI_CACHE_DIR, commandPrefix = [] } = options;
  const run = (...command: readonly string[]) => runCommand([...commandPrefix, ...command], ctx);
  const attempt = async <T>(what: string, work: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      ctx.log.warn('pod network clean-up step failed', { what, reason: describeError(error) });
      return otherwise;
    }
  };
  const plan = planCleanup(clusterName, podCIDRs, {
    routes: [
      ...JSON.parse((await attempt('routes', run('ip', '-j', 'route'), '[]')) || '[]'),
      ...(podCIDRs.some((cidr) => cidr.includes(':'))
        ? JSON.parse((await attempt('routes', run('ip', '-6', '-j', 'route'), '[]')) || '[]')
        : []),
    ],
    nftTables: (await attempt('tables', run('nft', 'list', 'tables'), '')).split('\n'),
    cachedResults: await readdir(cacheDir).catch(() => []),
  });
  if (options.dryRun === true) return plan;
  for (const name of plan.interfaces) await attempt(name, run('ip', 'link', 'del', name), '');
  for (const table of plan.tables) await attempt(table, run('nft', 'delete', 'table', ...table.split(' ')), '');
  for (const name of plan.cachedResults) await attempt(name, rm(join(cacheDir, name), { force: true }), undefined);
  return plan;
}
