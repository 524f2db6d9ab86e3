/** Certificates of a node beside its server: signed with the cluster's own key, which lies on the same disk. */
import type { Ctx } from '@kapella/base';
import type { ClusterOptions } from '@kapella/cli';
import { ensureClusterPki } from '../../pki/node/cluster-pki.ts';
import { type AgentCredentials, keepRenewed, livePair } from './credentials.ts';

export async function memberCredentials(
  { dataDir }: ClusterOptions,
  nodeName: string,
  addresses: readonly string[],
  ctx: Ctx,
): Promise<AgentCredentials> {
  const issue = async () => {
    const pki = await ensureClusterPki({ directory: `${dataDir}/pki`, apiServerHosts: [], nowMs: ctx.clock.nowMs() });
    return { ca: pki.ca.cert, ...(await pki.node(nodeName, [...addresses, '127.0.0.1'])) };
  };
  const first = await issue();
  const client = livePair(first.client);
  const network = livePair(first.network);
  const serving = livePair(first.server);
  return {
    ...{ ca: first.ca, client, network, serving },
    async run(inner) {
      await Promise.all([
        keepRenewed('client', client, async () => (await issue()).client, inner),
        keepRenewed('network', network, async () => (await issue()).network, inner),
        keepRenewed('serving', serving, async () => (await issue()).server, inner),
      ]);
    },
  };
}
