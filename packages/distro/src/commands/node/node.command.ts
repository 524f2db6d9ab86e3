/** `kapella node`: the node agent in this process, until it is told to end. Containers go on. */
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { toGiven } from '../../cluster/record.ts';
import { memberAt } from '../../cluster/members.ts';
import { whileSupervising } from '../../cluster/node/supervise.ts';
import { isContainerdRunning } from '../../host/node/containerd.ts';
import { runNodeAgent } from '../../node-agent/node/run-node-agent.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';
import { requireRoot } from './up.command.ts';

export async function node(input: CommandInput, ctx: Ctx): Promise<number> {
  if (input.args[0] === 'join') return (await import('./join.ts')).join(input, ctx);
  const { given, flags, program, reporter } = input;
  requireRoot('node');
  const saved = await lookUpCluster(given);
  const options = unrecordedOptions({ ...(saved === undefined ? {} : toGiven(saved.options)), ...given }, true);
  const member = memberAt(options, Number(flags.get('--member') ?? 1));
  const { runtime, nodeName } = member;
  if (!(await isContainerdRunning(runtime))) {
    throw new CliError(
      'Runtime',
      `containerd does not answer on ${runtime.socket}`,
      `kapella up --name ${options.name}`,
    );
  }
  const onReady = ({ address }: { readonly address: string }) => {
    const readyMs = Math.round(performance.now());
    reporter.result(
      { node: nodeName, address, readyMs },
      `node ${nodeName} takes Pods after ${readyMs} ms at ${address}`,
    );
  };
  const running = runNodeAgent(options, member, { onReady }, ctx);
  if (flags.get('--supervise') === undefined) await running;
  else await whileSupervising('node', options, program, running, ctx);
  return 0;
}
