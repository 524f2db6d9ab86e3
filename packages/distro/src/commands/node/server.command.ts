/** `kapella server`: the control plane in this process, until it is told to end. */
import { mkdir } from 'node:fs/promises';
import type { Ctx } from '@kapella/base';
import { runServer } from '../../server/node/run-server.ts';
import { toGiven } from '../../cluster/record.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';

export async function server({ given, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const saved = await lookUpCluster(given);
  const options = unrecordedOptions({ ...(saved === undefined ? {} : toGiven(saved.options)), ...given }, saved !== undefined);
  await mkdir(options.dataDir, { recursive: true });
  const onReady = ({ url }: { readonly url: string }) => {
    const readyMs = Math.round(performance.now()); // since this process began
    reporter.result({ server: url, readyMs }, `API server ready in ${readyMs} ms at ${url}`);
  };
  await runServer(options, { onReady }, ctx);
  return 0;
}
