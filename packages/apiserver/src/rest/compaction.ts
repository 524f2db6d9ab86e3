/** Forgets the past every five minutes. Source: apiserver/pkg/storage/etcd3/compact.go. */
import { type Ctx, describeError, type Timer } from '@kapella/base';
import type { Store } from '@kapella/store';

/** Upstream: --etcd-compaction-interval. What a client pages through stays for one to two intervals. */
export const COMPACT_EVERY_MS = 5 * 60_000;

export interface Compaction {
  /** Reads of what was before this revision are over, wherever it could still be found. */
  readonly revision: number;
}

/** Runs until `ctx` ends. */
export function startCompaction(store: Store, ctx: Ctx): Compaction {
  const compactor = new Compactor(store, ctx);
  compactor.schedule();
  return compactor;
}

class Compactor implements Compaction {
  revision = 0;
  readonly #store: Store;
  readonly #ctx: Ctx;
  /** The newest revision at the last round: what is compacted in the next. */
  #seen = 0;
  #timer: Timer | undefined;

  constructor(store: Store, ctx: Ctx) {
    this.#store = store;
    this.#ctx = ctx;
    ctx.signal.addEventListener('abort', () => this.#timer?.cancel(), { once: true });
  }

  schedule(): void {
    if (this.#ctx.signal.aborted) return;
    this.#timer = this.#ctx.clock.setTimer(COMPACT_EVERY_MS, () => {
      this.#round()
        .catch((error: unknown) => {
          if (!this.#ctx.signal.aborted) this.#ctx.log.warn('compaction failed', { error: describeError(error) });
        })
        .finally(() => this.schedule());
    });
  }

  async #round(): Promise<void> {
    const current = await this.#store.currentRevision(this.#ctx);
    if (this.#seen > 0) {
      await this.#store.compact(this.#seen, this.#ctx);
      this.revision = this.#seen;
    }
    this.#seen = current;
  }
}
