/** `kapella node join`: this machine becomes a node of a server elsewhere. Runs until it is told to end. */
import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { prepareMachine } from '../../cluster/bring-up.ts';
import { memberAt } from '../../cluster/members.ts';
import { containerdPart } from '../../cluster/node/parts.ts';
import { machineSteps } from '../../host/node/runtime-steps.ts';
import { joinCluster } from '../../join/node/joined-credentials.ts';
import { machineAddresses } from '../../node-agent/node/host-address.ts';
import { runAgentAt } from '../../node-agent/node/run-node-agent.ts';
import type { CommandInput } from './command.ts';
import { unrecordedOptions } from './find-cluster.ts';
import { requireRoot } from './up.command.ts';

export async function join({ given, flags, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  requireRoot('node join');
  const server = flags.get('--server');
  if (server === undefined)
    throw new CliError('Usage', 'node join needs --server', 'kapella token create, on the server');
  const nodeName = given.nodeName ?? hostname().toLowerCase();
  const place = unrecordedOptions({ ...given, nodeName }, true);
  const member = memberAt(place, 1);
  const mayAsk = flags.get('--yes') === undefined && process.stdin.isTTY === true;
  await prepareMachine(machineSteps(), { mayAsk, ask }, reporter, ctx);
  const containerd = containerdPart(member);
  if (!(await containerd.isRunning())) await containerd.start(ctx);
  await containerd.ready(ctx, () => {});
  const addresses = await machineAddresses();
  const [address] = addresses;
  const step = reporter.step('join', server);
  const { credentials, settings } = await joinCluster(
    {
      ...{ server, nodeName, addresses },
      directory: `${place.dataDir}/node/pki`,
      token: flags.get('--token') ?? '',
      caCertHash: pinOf(flags),
    },
    ctx,
  );
  step.done(`as ${nodeName}`);
  const { podCidr, serviceCidr, clusterDomain } = settings;
  const podNetwork = settings.podNetwork === 'vxlan' ? ('vxlan' as const) : ('routes' as const);
  const options = { ...place, podCidr, serviceCidr, podNetwork, clusterDomain };
  const onReady = () => reporter.result({ node: nodeName, address }, `node ${nodeName} takes Pods at ${address}`);
  await runAgentAt({ server, addresses, credentials }, options, member, { onReady }, ctx);
  return 0;
}

function pinOf(flags: CommandInput['flags']): string {
  const pin = flags.get('--ca-cert-hash');
  if (pin !== undefined) return pin;
  if (flags.get('--token') === undefined || flags.get('--skip-ca-verification') !== undefined) return '';
  const message = 'a first join needs --ca-cert-hash, so that no other machine can pass for the server';
  throw new CliError('Usage', message, 'kapella token create, on the server, says it; or give --skip-ca-verification');
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return !/^n/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
