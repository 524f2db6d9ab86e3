/** `kapella server`: the control plane in this process, until it is told to end. */
import { mkdir } from 'node:fs/promises';
import { type Ctx, describeError } from '@kapella/base';
import { runServer } from '../../server/node/run-server.ts';
import { whileSupervising } from '../../cluster/node/supervise.ts';
import { toGiven } from '../../cluster/record.ts';
import type { CommandInput } from './command.ts';
import { countOf, wishHollow } from './hollow.command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';

export async function server({ given, flags, program, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const saved = await lookUpCluster(given);
  const options = unrecordedOptions(
    { ...(saved === undefined ? {} : toGiven(saved.options)), ...given },
    saved !== undefined,
  );
  await mkdir(options.dataDir, { recursive: true });
  const hollowNodes = flags.get('--hollow-nodes');
  const onReady = ({ url }: { readonly url: string }) => {
    const readyMs = Math.round(performance.now()); // since this process began
    if (hollowNodes !== undefined) {
      wishHollow(options, countOf(hollowNodes), undefined, ctx).catch((error: unknown) => {
        ctx.log.error('hollow nodes not asked for', { error: describeError(error) });
      });
    }
    reporter.result({ server: url, readyMs }, `API server ready in ${readyMs} ms at ${url}`);
  };
  const running = runServer(options, { onReady }, ctx);
  if (flags.get('--supervise') === undefined) await running;
  else await whileSupervising('server', options, program, running, ctx);
  return 0;
}
