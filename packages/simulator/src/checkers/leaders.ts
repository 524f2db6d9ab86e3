/** Of two candidates for one lease, only the one that holds it writes. */
import { coreV1 } from '@kapella/api';
import { childCtx, sleep } from '@kapella/base';
import { createClient, runAsLeader } from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import type { World } from '../sim/world.ts';
import type { Checker } from './checker.ts';

const NAME = 'one-leader-writes';
const LEASE = { namespace: 'kube-system', name: 'sim-leader' };
const NOTE = { namespace: 'kube-system', name: 'sim-leader-note' };

export const oneLeaderWrites: Checker = {
  name: NAME,
  isActor: true,
  watch(world) {
    let holder = '';
    world.truth.onChange(({ kind, next }) => {
      if (next === undefined || next.metadata.namespace !== LEASE.namespace) return;
      if (kind === 'Lease' && next.metadata.name === LEASE.name) holder = next.spec?.holderIdentity ?? '';
      const isNote = kind === 'ConfigMap' && next.metadata.name === NOTE.name;
      if (isNote && next.data?.by !== holder) world.violate(NAME, `${next.data?.by} wrote while ${holder} leads`);
    });
    for (const identity of ['candidate-a', 'candidate-b']) candidate(identity, world);
  },
};

/** Writes once a second while it leads. */
function candidate(identity: string, world: World): void {
  const client = createClient(world.network.connect(identity, MASTER), { userAgent: `${identity}/1` });
  const lead = async (ctx: typeof world.ctx) => {
    while (!ctx.signal.aborted && !world.isAtRest) {
      const body = { metadata: NOTE, data: { by: identity } };
      await client
        .patch(coreV1.ConfigMap, NOTE, { type: 'apply', body }, ctx, { fieldManager: 'leader', force: true })
        .catch(() => {}); // next time
      await sleep(1_000, ctx).catch(() => {}); // leads no more
    }
  };
  const run = async () => {
    while (!world.ctx.signal.aborted) {
      const ctx = childCtx(world.ctx, world.ctx.signal);
      await runAsLeader(
        client,
        { ...LEASE, identity, leaseDurationMs: 15_000, renewDeadlineMs: 10_000 },
        lead,
        ctx,
      ).catch(() => {}); // lost it
      await sleep(1_000, world.ctx).catch(() => {}); // the simulation is over
    }
  };
  run().catch((error: unknown) => world.violate(NAME, `the candidate failed: ${error}`));
}
