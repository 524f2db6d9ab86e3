/** Runs the hollow nodes that the cluster is to have, in this process. The simulator is read only when there are some. */
import { coreV1 } from '@kapella/api';
import { type ApiServer, createInMemoryTransport } from '@kapella/apiserver';
import { childCtx, type Ctx, describeError } from '@kapella/base';
import { createCache } from '@kapella/client';
import { clientFor, MASTER } from '@kapella/control-plane';
import type { Fleet } from '@kapella/simulator';
import { type HollowWish, readWish, WISH } from './wish.ts';

/** Runs until `ctx` aborts. */
export async function followHollowWish(server: ApiServer, ctx: Ctx): Promise<void> {
  const cache = createCache(clientFor(server, MASTER, 'kapella-hollow'));
  const informer = cache.informer(coreV1.ConfigMap, { fieldSelector: `metadata.name=${WISH.name}` });
  const runner = new FleetRunner(server, ctx);
  const look = () => runner.want(readWish(informer.get(`${WISH.namespace}/${WISH.name}`)));
  informer.subscribe({ add: look, update: look, delete: look });
  await cache.run(ctx);
  await runner.stop();
}

class FleetRunner {
  readonly #server: ApiServer;
  readonly #ctx: Ctx;
  #wish: HollowWish = { count: 0, stages: '' };
  #fleet: Fleet | undefined;
  #stages = '';
  #working: Promise<void> | undefined;

  constructor(server: ApiServer, ctx: Ctx) {
    this.#server = server;
    this.#ctx = childCtx(ctx, ctx.signal, { component: 'hollow-nodes' });
  }

  want(wish: HollowWish): void {
    this.#wish = wish;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async stop(): Promise<void> {
    await this.#working;
    await this.#fleet?.stop();
  }

  /** Until what is there is what was wished last. */
  async #work(): Promise<void> {
    for (let done: HollowWish | undefined; done !== this.#wish && !this.#ctx.signal.aborted; ) {
      done = this.#wish;
      try {
        await this.#make(done);
        this.#ctx.log.info('hollow nodes run', { count: done.count });
      } catch (error) {
        if (!this.#ctx.signal.aborted) this.#ctx.log.error('hollow nodes not changed', { error: describeError(error) });
      }
    }
  }

  async #make({ count, stages }: HollowWish): Promise<void> {
    if (this.#fleet !== undefined && stages !== this.#stages) {
      await this.#fleet.stop();
      this.#fleet = undefined;
    }
    if (this.#fleet === undefined) {
      if (count === 0) return;
      const { createFleet, parseStages } = await import('@kapella/simulator');
      const parsed = parseStages(stages);
      const connect = (_name: string, user: Parameters<typeof createInMemoryTransport>[1]) =>
        createInMemoryTransport(this.#server, user);
      this.#fleet = createFleet({ connect, stages: parsed }, this.#ctx);
      this.#stages = stages;
    }
    await this.#fleet.scale(count);
  }
}
