/** Keeps the kernel's routes to the Pods of neighbouring nodes. */
import type { Ctx } from '@kapella/base';
import type { NodeRoute } from '../plan-routes.ts';
import { ROUTE_PROTOCOL } from '../render-tunnel.ts';
import { runCommand } from './command.ts';
import { newestWins } from './newest.ts';

export interface RouteKeeper {
  /** Makes the kernel's routes these. One call at a time: the newest wins. */
  want(routes: readonly NodeRoute[]): void;
}

export function createRouteKeeper(
  families: readonly ('IPv4' | 'IPv6')[],
  ctx: Ctx,
  commandPrefix: readonly string[] = [],
): RouteKeeper {
  const run = (...words: readonly string[]) => runCommand([...commandPrefix, 'ip', ...words], ctx);
  const sync = async (routes: readonly NodeRoute[]) => {
    for (const family of families) {
      const flag = family === 'IPv6' ? '-6' : '-4';
      const own = routes.filter(({ cidr }) => cidr.includes(':') === (family === 'IPv6'));
      await syncFamily(own, (...words) => run(flag, ...words), ctx);
    }
  };
  return { want: newestWins('routes to other nodes not set', sync, ctx) };
}

interface RouteRow {
  readonly dst?: string;
  readonly gateway?: string;
}

type Ip = (...words: readonly string[]) => Promise<string>;

async function syncFamily(routes: readonly NodeRoute[], ip: Ip, ctx: Ctx): Promise<void> {
  const there = JSON.parse((await ip('-j', 'route', 'show', 'proto', ROUTE_PROTOCOL)) || '[]');
  const old = new Map((there as readonly RouteRow[]).map(({ dst, gateway }) => [dst ?? '', gateway ?? '']));
  for (const { cidr, via } of routes) {
    if (old.get(cidr) === via || !(await isNeighbour(via, ip))) continue;
    await ip('route', 'replace', cidr, 'via', via, 'proto', ROUTE_PROTOCOL);
    ctx.log.info('route to pods of another node', { podCidr: cidr, via });
  }
  const kept = new Set(routes.map(({ cidr }) => cidr));
  for (const cidr of old.keys()) {
    if (!kept.has(cidr)) await ip('route', 'del', cidr, 'proto', ROUTE_PROTOCOL);
  }
}

/** A node behind a gateway is left to the gateway, which knows the way or does not. */
async function isNeighbour(address: string, ip: Ip): Promise<boolean> {
  const [row] = JSON.parse((await ip('-j', 'route', 'get', address)) || '[]') as RouteRow[];
  return row !== undefined && row.gateway === undefined;
}
