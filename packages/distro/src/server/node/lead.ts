/** Scheduler and controllers of several servers over one etcd: one of them runs each, the others stand by. */
import { hostname } from 'node:os';
import type { ApiServer } from '@kapella/apiserver';
import { type Ctx, describeError, sleep } from '@kapella/base';
import { runAsLeader } from '@kapella/client';
import { clientFor, type ComponentOptions, MASTER, runComponents, standIn } from '@kapella/control-plane';

const AGAIN_MS = 1_000;
/** Names of upstream's leases. */
const LEASES = { scheduler: 'kube-scheduler', controllers: 'kube-controller-manager' } as const;

/** Runs until `ctx` aborts. Who loses the lease stops, and stands by again. */
export async function runElected(parts: ComponentOptions, ctx: Ctx): Promise<void> {
  const roles = (['scheduler', 'controllers'] as const).filter((role) => parts.roles[role]);
  const leave = standIn(parts.server, parts.roles);
  await Promise.all(
    roles.map((role) => {
      const only = { scheduler: role === 'scheduler', controllers: role === 'controllers' };
      const work = (leading: Ctx) => runComponents({ ...parts, roles: only }, leading);
      return standBy(parts.server, LEASES[role], work, ctx);
    }),
  ).finally(leave);
}

async function standBy(server: ApiServer, name: string, work: (ctx: Ctx) => Promise<void>, ctx: Ctx): Promise<void> {
  const client = clientFor(server, MASTER, 'kapella-leader-election');
  const identity = `${hostname()}_${ctx.random.uuid()}`;
  const lease = { namespace: 'kube-system', name, identity, releaseOnCancel: true };
  while (!ctx.signal.aborted) {
    try {
      await runAsLeader(client, lease, work, ctx);
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('leadership lost', { lease: name, error: describeError(error) });
      await sleep(AGAIN_MS, ctx).catch(() => {});
    }
  }
}
