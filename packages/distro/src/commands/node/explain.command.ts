/** `kapella explain`: why an object is not as it should be, read through the API with the rights of who asks. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Ctx } from '@kapella/base';
import { describeError } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { createClient } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import { clusterFiles } from '../../cluster/node/parts.ts';
import { renderFindings } from '../../explain/findings.ts';
import { findResource } from '../../explain/node/find-resource.ts';
import { answerQuestion } from '../../explain/node/gather.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster } from './find-cluster.ts';

const ROWS_MAX = 20;

export async function explain(input: CommandInput, ctx: Ctx): Promise<number> {
  const { args, flags, reporter } = input;
  const [word = '', second, third] = args;
  const [resource = '', inlined] = word.split('/');
  const name = inlined ?? second;
  const field = inlined === undefined ? third : second;
  if (name === undefined) throw new CliError('Usage', `explain ${word}: which one?`, `kapella explain ${word} NAME`);
  const { transport, namespace } = await kubeconfigOf(input);
  const client = createClient(createHttpsTransport(transport), { userAgent: `kapella-explain/${KUBERNETES_VERSION}` });
  try {
    const kind = await findResource(resource, client, ctx);
    const where = kind.namespaced ? (flags.get('--namespace') ?? namespace) : undefined;
    const findings = await answerQuestion({ kind, name, namespace: where, field }, client, ctx);
    const subject = `${kind.kind} ${where === undefined ? '' : `${where}/`}${name}`;
    const rowsMax = flags.get('--all') === undefined ? ROWS_MAX : Number.POSITIVE_INFINITY;
    reporter.result({ subject, ...findings }, renderFindings(subject, findings, rowsMax));
    return 0;
  } finally {
    await client.transport.close();
  }
}

/** --kubeconfig, $KUBECONFIG, the cluster of this machine, ~/.kube/config: the first that is there. */
async function kubeconfigOf({ flags, given, program }: CommandInput) {
  const named = flags.get('--kubeconfig') ?? program.env['KUBECONFIG']?.split(':')[0];
  const cluster = named === undefined ? await lookUpCluster(given) : undefined;
  const own =
    cluster === undefined ? undefined : clusterFiles(cluster.options.name, cluster.options.dataDir).kubeconfig;
  const home = join(homedir(), '.kube/config');
  const path = named || [own, home].find((file) => file !== undefined && existsSync(file));
  if (!path) {
    const fix = 'Give --kubeconfig FILE, set KUBECONFIG, or start a cluster: sudo kapella up';
    throw new CliError('Usage', 'no kubeconfig', fix);
  }
  try {
    return await loadKubeconfig(path, flags.get('--context'));
  } catch (error) {
    throw new CliError('Usage', describeError(error), 'Give --kubeconfig FILE, or another --context.', error);
  }
}
