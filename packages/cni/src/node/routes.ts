/** Keeps the kernel's routes to the Pods of neighbouring nodes. */
import { type Ctx, describeError } from '@kapella/base';
import type { NodeRoute } from '../plan-routes.ts';
import { runCommand } from './command.ts';

/** Told from all other routes of the machine by this. */
const PROTOCOL = '112';

export interface RouteKeeper {
  /** Makes the kernel's routes these. One call at a time: the newest wins. */
  want(routes: readonly NodeRoute[]): void;
}

export function createRouteKeeper(ctx: Ctx): RouteKeeper {
  let wanted: readonly NodeRoute[] | undefined;
  let isAtWork = false;
  const work = async () => {
    isAtWork = true;
    while (wanted !== undefined && !ctx.signal.aborted) {
      const routes = wanted;
      wanted = undefined;
      await sync(routes, ctx).catch((error: unknown) => {
        if (!ctx.signal.aborted) ctx.log.warn('routes to other nodes not set', { reason: describeError(error) });
      });
    }
    isAtWork = false;
  };
  return {
    want(routes) {
      wanted = routes;
      if (!isAtWork) void work();
    },
  };
}

interface RouteRow {
  readonly dst?: string;
  readonly gateway?: string;
}

async function sync(routes: readonly NodeRoute[], ctx: Ctx): Promise<void> {
  const there = JSON.parse((await runCommand(['ip', '-j', 'route', 'show', 'proto', PROTOCOL], ctx)) || '[]');
  const old = new Map((there as readonly RouteRow[]).map(({ dst, gateway }) => [dst ?? '', gateway ?? '']));
  for (const { cidr, via } of routes) {
    if (old.get(cidr) === via || !(await isNeighbour(via, ctx))) continue;
    await runCommand(['ip', 'route', 'replace', cidr, 'via', via, 'proto', PROTOCOL], ctx);
    ctx.log.info('route to pods of another node', { podCidr: cidr, via });
  }
  const kept = new Set(routes.map(({ cidr }) => cidr));
  for (const cidr of old.keys()) {
    if (!kept.has(cidr)) await runCommand(['ip', 'route', 'del', cidr, 'proto', PROTOCOL], ctx);
  }
}

/** A node behind a gateway is left to the gateway, which knows the way or does not. */
async function isNeighbour(address: string, ctx: Ctx): Promise<boolean> {
  const [row] = JSON.parse((await runCommand(['ip', '-j', 'route', 'get', address], ctx)) || '[]') as RouteRow[];
  return row !== undefined && row.gateway === undefined;
}
