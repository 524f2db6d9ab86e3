/** `kapella down`: ends processes and containers; all data stays. */
import type { Ctx } from '@kapella/base';
import { withClusterLock } from '../../cluster/node/lock.ts';
import { takeDown } from '../../cluster/node/take-down.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';
import { requireRoot } from './up.command.ts';

const GRACE_SECONDS = 10;

export async function down({ given, flags, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  requireRoot('down');
  const { options } = await findCluster(given);
  const { name, dataDir } = options;
  const graceMs = Number(flags.get('--grace') ?? GRACE_SECONDS) * 1000;
  await withClusterLock(name, ctx, () => takeDown({ options, graceMs }, reporter, ctx));
  const again = name === 'kapella' ? 'kapella up' : `kapella up --name ${name}`;
  reporter.result({ name, dataDir }, `Cluster ${name} is stopped. Its data is in ${dataDir}; bring it back: ${again}`);
  return 0;
}
