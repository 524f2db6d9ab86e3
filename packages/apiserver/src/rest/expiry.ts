/** Ends objects of kinds that live for a fixed time (events). Source: the TTL of pkg/registry/core/event. */
import { type Ctx, describeError, parseTime, type Timer } from '@kapella/base';
import type { CacheEvent } from '@kapella/store';
import { followCache } from '../registry/follow.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import { commitDelete } from './commit.ts';

const SWEEP_EVERY_MS = 30_000;
const DELETES_AT_ONCE = 100;

interface Due {
  readonly key: string;
  readonly revision: number;
  readonly atMs: number;
}

/** Runs until `ctx` ends. Each write begins the time anew; objects of before the start count from their creation. */
export function startExpiry(type: ResourceType, ctx: Ctx): void {
  const { ttlSeconds, storedAs } = type.definition;
  if (ttlSeconds === undefined || storedAs !== undefined || type.storage === undefined) return;
  const expiry = new Expiry(type, ttlSeconds * 1000, ctx);
  expiry.start();
  ctx.signal.addEventListener('abort', () => expiry.stop(), { once: true });
}

class Expiry {
  readonly #type: ResourceType;
  readonly #ttlMs: number;
  readonly #ctx: Ctx;
  #queue: Due[] = [];
  #timer: Timer | undefined;
  #unfollow: () => void = () => {};

  constructor(type: ResourceType, ttlMs: number, ctx: Ctx) {
    this.#type = type;
    this.#ttlMs = ttlMs;
    this.#ctx = ctx;
  }

  start(): void {
    let isFirst = true;
    this.#unfollow = followCache(this.#type.storage?.cache, (events) => {
      for (const event of events) if (event.type !== 'DELETED') this.#queue.push(this.#due(event, isFirst));
    });
    isFirst = false;
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#unfollow();
  }

  #due({ object }: CacheEvent, wasThere: boolean): Due {
    const nowMs = this.#ctx.clock.nowMs();
    const created = wasThere
      ? object.object<{ metadata: { creationTimestamp?: string } }>().metadata.creationTimestamp
      : undefined;
    return { key: object.key, revision: object.revision, atMs: (parseTime(created) ?? nowMs) + this.#ttlMs };
  }

  #schedule(): void {
    this.#timer = this.#ctx.clock.setTimer(SWEEP_EVERY_MS, () => {
      this.#sweep()
        .catch((error) =>
          this.#ctx.log.warn('expired objects not deleted', {
            resource: this.#type.plural,
            error: describeError(error),
          }),
        )
        .finally(() => {
          if (!this.#ctx.signal.aborted) this.#schedule();
        });
    });
  }

  async #sweep(): Promise<void> {
    const cache = this.#type.storage?.cache;
    const nowMs = this.#ctx.clock.nowMs();
    // The newest write of a key has an entry of its own: older ones fall away by their revision.
    const standing = this.#queue.filter(({ key, revision }) => cache?.get(key)?.revision === revision);
    const due = standing.filter(({ atMs }) => atMs <= nowMs);
    this.#queue = standing.filter(({ atMs }) => atMs > nowMs);
    for (let i = 0; i < due.length; i += DELETES_AT_ONCE) {
      const batch = due.slice(i, i + DELETES_AT_ONCE);
      await Promise.all(batch.map(({ key, revision }) => commitDelete(this.#type, key, revision, this.#ctx)));
    }
  }
}
