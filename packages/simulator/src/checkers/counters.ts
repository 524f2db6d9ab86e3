/** Two writers count up one object, each by reading and writing it; a reader looks. No count is lost, and none goes back. */
import { coreV1, type UnknownObject } from '@kapella/api';
import { isReason, sleep } from '@kapella/base';
import { type Client, createClient } from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import type { World } from '../sim/world.ts';
import type { Checker } from './checker.ts';

const COUNTER = { namespace: 'kube-system', name: 'sim-counter' };
const LOST = 'no-lost-update';
const BACK = 'reads-never-go-back';
const EVERY_MS = 2_000;

interface Tally {
  /** Counts that were said to be written. */
  acknowledged: number;
  /** Counts of which nobody knows. */
  unknown: number;
  /** The highest that anyone has seen. */
  seen: number;
}

const tallies = new WeakMap<World, Tally>();

export const noLostUpdate: Checker = {
  name: LOST,
  isActor: true,
  watch(world) {
    const tally: Tally = { acknowledged: 0, unknown: 0, seen: 0 };
    tallies.set(world, tally);
    for (const name of ['counter-a', 'counter-b']) every(world, name, (client) => countUp(client, world, tally));
  },
  atRest(world) {
    const tally = tallies.get(world);
    const found = world.truth
      .list('ConfigMap', COUNTER.namespace)
      .find(({ metadata }) => metadata.name === COUNTER.name);
    if (tally === undefined || found === undefined) return;
    const count = Number(found.data?.count);
    if (count < tally.acknowledged || count > tally.acknowledged + tally.unknown)
      world.violate(LOST, `counted ${tally.acknowledged} times, ${tally.unknown} unknown, and it stands at ${count}`);
  },
};

export const readsNeverGoBack: Checker = {
  name: BACK,
  isActor: true,
  watch(world) {
    every(world, 'counter-reader', async (client) => {
      const tally = tallies.get(world);
      const atLeast = tally?.seen ?? 0;
      const found = await client.get<UnknownObject>(coreV1.ConfigMap, COUNTER, world.ctx);
      const count = Number(found?.data?.count ?? 0);
      if (count < atLeast) world.violate(BACK, `${atLeast} was seen before, and a read answered ${count}`);
      if (tally !== undefined) tally.seen = Math.max(tally.seen, count);
    });
  },
};

async function countUp(client: Client, world: World, tally: Tally): Promise<void> {
  const found = await client.get(coreV1.ConfigMap, COUNTER, world.ctx);
  const count = Number(found?.data?.['count'] ?? 0) + 1;
  const data = { count: String(count) };
  try {
    if (found === undefined) await client.create(coreV1.ConfigMap, { metadata: COUNTER, data }, world.ctx);
    else await client.update(coreV1.ConfigMap, { ...found, data }, world.ctx);
    tally.acknowledged++;
    tally.seen = Math.max(tally.seen, count);
  } catch (error) {
    if (!isReason(error, 'Conflict', 'AlreadyExists')) tally.unknown++;
    throw error;
  }
}

/** Does it again and again until the world ends; what fails is done the next time. */
function every(world: World, name: string, act: (client: Client) => Promise<void>): void {
  const client = createClient(world.network.connect(name, MASTER), { userAgent: `${name}/1` });
  const run = async () => {
    while (!world.ctx.signal.aborted && !world.isAtRest) {
      await act(client).catch(() => {}); // the network, or somebody was first
      await sleep(EVERY_MS * (0.5 + world.random.float()), world.ctx).catch(() => {}); // the simulation is over
    }
  };
  run().catch((error: unknown) => world.violate(LOST, `${name} failed: ${error}`));
}
