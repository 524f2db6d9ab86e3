/** Keeps the kernel's VXLAN device, and what is known behind it. */
import type { Ctx } from '@kapella/base';
import { type Tunnel, tunnelAlias } from '../plan-tunnel.ts';
import { linkCommands, ROUTE_PROTOCOL, renderTunnel, type TunnelListing } from '../render-tunnel.ts';
import { runCommand } from './command.ts';
import { newestWins } from './newest.ts';

export interface TunnelKeeper {
  /** Makes the kernel's tunnel this one. One call at a time: the newest wins. */
  want(tunnel: Tunnel): void;
}

export function createTunnelKeeper(ctx: Ctx, commandPrefix: readonly string[] = []): TunnelKeeper {
  const run = (words: readonly string[], stdin = '') => runCommand([...commandPrefix, ...words], ctx, stdin);
  const sync = async (tunnel: Tunnel) => {
    await ensureLink(tunnel, run);
    const { ip, bridge } = renderTunnel(tunnel, await list(tunnel, run));
    if (bridge.length > 0) await run(['bridge', '-batch', '-'], asText(bridge));
    if (ip.length > 0) await run(['ip', '-batch', '-'], asText(ip));
    ctx.log.info('tunnel to pods of other nodes', { device: tunnel.device, peers: tunnel.peers.length });
  };
  return { want: newestWins('tunnel to other nodes not set', sync, ctx) };
}

/** With a device go its routes. Answers the names of those that there were. */
export async function removeTunnels(
  clusterName: string,
  ctx: Ctx,
  commandPrefix: readonly string[] = [],
): Promise<readonly string[]> {
  const run = (...words: readonly string[]) => runCommand([...commandPrefix, 'ip', ...words], ctx);
  const rows = JSON.parse((await run('-j', '-d', 'link', 'show', 'type', 'vxlan')) || '[]') as readonly LinkRow[];
  const names = rows.filter(({ ifalias }) => ifalias === tunnelAlias(clusterName)).map(({ ifname = '' }) => ifname);
  for (const name of names) await run('link', 'del', 'dev', name);
  return names;
}

type Run = (words: readonly string[], stdin?: string) => Promise<string>;

const asText = (lines: readonly string[]) => `${lines.join('\n')}\n`;

interface LinkRow {
  readonly ifname?: string;
  readonly ifalias?: string;
  readonly address?: string;
  readonly mtu?: number;
  readonly linkinfo?: {
    readonly info_data?: { readonly id?: number; readonly port?: number; readonly local?: string };
  };
}

/** One with other parameters, as after the node's address changed, is made anew. */
async function ensureLink(tunnel: Tunnel, run: Run): Promise<void> {
  const text = await run(['ip', '-j', '-d', 'link', 'show', 'dev', tunnel.device]).catch(() => '');
  const [row] = JSON.parse(text || '[]') as readonly LinkRow[];
  const { id, port, local } = row?.linkinfo?.info_data ?? {};
  const isSame = id === tunnel.id && port === tunnel.port && local === tunnel.address && row?.address === tunnel.mac;
  if (isSame && row?.mtu === tunnel.mtuBytes) return;
  if (row !== undefined) await run(['ip', 'link', 'del', 'dev', tunnel.device]);
  await run(['ip', '-batch', '-'], asText(linkCommands(tunnel)));
}

async function list({ device, addresses }: Tunnel, run: Run): Promise<TunnelListing> {
  const flags = addresses.some((address) => address.includes(':')) ? ['-4', '-6'] : ['-4'];
  const rows = async (words: readonly string[]) => JSON.parse((await run(words)) || '[]') as Record<string, string>[];
  const routes: string[] = [];
  const neighbours: string[] = [];
  for (const flag of flags) {
    const over = ['dev', device];
    routes.push(
      ...(await rows(['ip', flag, '-j', 'route', 'show', ...over, 'proto', ROUTE_PROTOCOL])).map(({ dst = '' }) => dst),
    );
    const lasting = ['ip', flag, '-j', 'neigh', 'show', ...over, 'nud', 'permanent'];
    neighbours.push(...(await rows(lasting)).map(({ dst = '' }) => dst));
  }
  const forwarding = (await rows(['bridge', '-j', 'fdb', 'show', 'dev', device])).flatMap(({ mac, dst }) =>
    mac === undefined || dst === undefined ? [] : [{ mac, dst }],
  );
  return { routes, neighbours, forwarding };
}
