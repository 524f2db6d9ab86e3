/** `kapella hollow scale N`: how many hollow nodes the cluster has. */
import { readFile } from 'node:fs/promises';
import { type Ctx, describeError } from '@kapella/base';
import { CliError, type ClusterOptions } from '@kapella/cli';
import { createClient } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import { HOLLOW_NODES_MAX, writeWish } from '../../hollow/wish.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';

export async function hollow({ given, flags, args, reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const count = countOf(args[1] ?? '');
  const saved = await lookUpCluster(given);
  const options = saved?.options ?? unrecordedOptions(given, false);
  const file = flags.get('--stages');
  await wishHollow(options, count, file === undefined ? undefined : await readStages(file), ctx);
  reporter.result({ count }, `The server brings the cluster to ${count} hollow nodes: kubectl get nodes -w`);
  return 0;
}

/** Checked before it is written, so that what is wrong is told here and not in the server's log. */
async function readStages(file: string): Promise<string> {
  const { parseStages } = await import('@kapella/simulator');
  try {
    const text = await readFile(file, 'utf8');
    parseStages(text);
    return text;
  } catch (cause) {
    throw new CliError('Usage', `--stages ${file}: ${describeError(cause)}`, 'See docs/how-to/hollow-nodes.md.', cause);
  }
}

export function countOf(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= HOLLOW_NODES_MAX) return count;
  throw new CliError('Usage', `${JSON.stringify(text)} hollow nodes`, `Give a number from 0 to ${HOLLOW_NODES_MAX}.`);
}

/** Writes the wish as the cluster's administrator. */
export async function wishHollow(
  { dataDir }: ClusterOptions,
  count: number,
  stages: string | undefined,
  ctx: Ctx,
): Promise<void> {
  const { transport } = await loadKubeconfig(`${dataDir}/admin.kubeconfig`);
  const https = createHttpsTransport(transport);
  try {
    await writeWish(createClient(https, { userAgent: 'kapella-hollow' }), count, stages, ctx);
  } finally {
    await https.close();
  }
}
